//! Actors that are operating-system processes.

#![allow(dead_code)]

mod boot;
mod control;
mod core;
mod exit;
mod id;
mod mailbox;
pub mod node;
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

pub use boot::StartMethod;
pub use core::{
    AutoShutdown, Backoff, ChildPhase, ChildStatus, Intensity, Restart, Shutdown, SpecError, Strategy, SupervisorEnd,
};
pub use exit::{ExitReason, ExitReport, InHand, KilledBy, ResourceUsage};
pub use id::{ActorId, Incarnation, ProcessId};
pub use wire::{DecodeError, EncodeError};
