//! This project: its queues as raw bytes, and its actors.

mod actor;
mod crowd;
mod pool;
mod queue;

pub(crate) use actor::{Actor, Executed};
pub(crate) use pool::{Apply, BY_DEFAULT, ONE_BY_ONE};
pub(crate) use queue::{BatchedQueue, RawQueue};
