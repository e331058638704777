//! Actors that are operating-system processes.

#![allow(dead_code)]

mod id;
mod sys;
mod exit;
mod time;

pub use exit::{ExitReason, ExitReport, InHand, KilledBy, ResourceUsage};
pub use id::{ActorId, Incarnation, ProcessId};
