//! This project: its queues as raw bytes, and its actors.

mod actor;
mod crowd;
mod queue;

pub(crate) use actor::{Actor, Executed};
pub(crate) use queue::{BatchedQueue, RawQueue};
