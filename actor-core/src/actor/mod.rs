//! Actors: the trait, references, calls and casts, and the life of an actor in its process.
//!
//! A message goes `call`/`cast` → `post` → mailbox ║ mailbox → `run` → `dispatch` → handler, and
//! the reply goes back the same way. Types end at [`handler`](handler::Handler) on both sides;
//! in between are bytes. How processes come to be and are watched is the node's business, which
//! is told by requests.

mod actor_ref;
mod answers;
mod behaviour;
mod call;
mod cast;
mod context;
mod cycle;
mod deadlock;
mod dispatch;
mod dropped;
mod error;
mod future;
mod gather;
pub mod handler;
mod incarnation;
mod info;
mod later;
mod main_guard;
mod pending;
mod post;
mod reply_to;
mod run;
mod spawn;
mod stream;
mod ticks;
mod tied;
mod watch;

pub use actor_ref::{ActorRef, ActorStatus, Address, Calls};
pub use behaviour::{Actor, ActorOptions, Failure, Message, OnCrash, Runtime};
pub use call::Call;
pub use cast::Cast;
pub use context::Context;
pub use cycle::Cycle;
pub use dispatch::{Delivery, Handled};
pub use error::{CallError, Operation, SendError, SpawnError, StopError};
pub use gather::{Gather, GatherIter, GatherStream, gather};
pub use info::{FromInfo, Info};
pub use later::{LaterError, TimerRef};
pub use pending::Pending;
pub use reply_to::ReplyTo;
pub use spawn::{Definition, Spawn, SpawnOptions, StartsItself};
pub use stream::{ItemStream, Items, StreamCall, StreamError};
pub use ticks::{Tick, TickError, TickRef};
pub use watch::{Readiness, WatchRef};

// For generated code only.
pub use behaviour::{Declared, ResultParts, block_on_in};
pub use main_guard::main_guard;
pub use stream::polled;

#[cfg(test)]
mod tests;
