//! What nearly every file that uses actors imports: `use actor_core::prelude::*;`.

pub use crate::actor::{
    Actor, ActorOptions, ActorRef, CallError, Context, Definition, Failure, OnCrash, ReplyTo, SendError, Spawn,
    SpawnError, SpawnOptions, StopError,
};
pub use crate::core::{Intensity, Restart, Shutdown};
pub use crate::exit::{ExitReason, ExitReport};
pub use crate::supervisor::{ChildSpec, Supervisor};
pub use actor_macros::{Actor, call, cast, handlers, info, init, terminate};
