//! When a worker has done its part and lets another take its seat.
//!
//! It decides itself, between two tasks: nothing is interrupted, and nobody has to ask. A limit of memory
//! below what a worker has when it begins would have each worker end after its first task, for ever: who
//! finds that keeps on working, and says so once for the whole pool.

use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::board::Board;

/// What a worker may do and have before it is replaced.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) tasks: Option<u64>,
    pub(super) age: Option<Duration>,
    /// Bytes.
    pub(super) memory: Option<u64>,
}

/// How far this worker is.
pub(super) struct Progress {
    limits: Limits,
    tasks: u64,
    begin: Instant,
}

impl Progress {
    /// Of a fresh worker whose initializer is done.
    pub(super) fn new(mut limits: Limits, board: &Board) -> Progress {
        if let Some(limit) = limits.memory
            && let Some(has) = private_bytes()
            && (limit <= has || board.has_memory_floor())
        {
            limits.memory = None;
            if board.note_memory_floor() {
                tracing::warn!(
                    "the limit of {limit} bytes for a worker is below the {has} that a fresh one has: no worker of this pool is replaced for its memory"
                );
            }
        }
        Progress { limits, tasks: 0, begin: Instant::now() }
    }

    /// After a task: whether the worker is to end now.
    pub(super) fn is_over(&mut self) -> bool {
        self.tasks += 1;
        let Limits { tasks, age, memory } = self.limits;
        tasks.is_some_and(|most| most <= self.tasks)
            || age.is_some_and(|most| most <= self.begin.elapsed())
            || memory.is_some_and(|most| private_bytes().is_some_and(|has| most < has))
    }
}

/// Resident memory that is this process's own, in bytes: what it shares with others is not counted.
fn private_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split(' ').skip(1).map(|number| number.parse::<u64>().ok());
    let (resident, shared) = (pages.next()??, pages.next()??);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}
