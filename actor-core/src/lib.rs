//! Actors that are operating-system processes.

// The macros write `::actor_core`, also in this crate's own tests.
#[cfg(test)]
extern crate self as actor_core;

mod actor;
mod boot;
mod control;
mod core;
mod error;
mod exit;
mod id;
mod mailbox;
pub mod node;
pub mod prelude;
pub mod process;
pub mod queue;
mod reply;
mod shm;
mod sys;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod waker;
mod wire;

pub use actor::{
    Actor, ActorOptions, ActorRef, ActorStatus, Address, Call, CallError, Calls, Cast, Context, Definition, Delivery,
    Failure, Handled, Message, OnCrash, Operation, Runtime, SendError, Spawn, SpawnError, SpawnOptions, StartsItself,
    StopError, handler,
};
pub use actor_macros::{Actor, call, cast, handlers, init, main, terminate};
pub use boot::StartMethod;
pub use core::{
    AutoShutdown, Backoff, ChildPhase, ChildStatus, Intensity, Restart, Shutdown, SpecError, Strategy, SupervisorEnd,
};
pub use error::{Error, Result};
pub use exit::{ExitReason, ExitReport, InHand, KilledBy, ResourceUsage};
pub use id::{ActorId, Incarnation, ProcessId};
pub use wire::{DecodeError, EncodeError};

/// What the macros write code against. No part of the API: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use futures::executor::block_on;

    pub use crate::actor::{Declared, ResultParts, block_on_in, main_guard};
}
