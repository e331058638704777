//! [`Wiring`]: what joins a pool and its workers in shared memory, as plain data.
//!
//! Handles that have travelled keep a queue until it is closed. So whoever ends a pool closes all three, and
//! a worker does it whose pool died without.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::board::Board;
use crate::queue::RawQueue;
use crate::shm::handle::Handle;
use crate::shm::window::Kind;

/// See the module.
#[derive(Serialize, Deserialize)]
pub(super) struct Wiring {
    #[serde(with = "travel")]
    pub(super) tasks: RawQueue,
    #[serde(with = "travel")]
    pub(super) results: RawQueue,
    pub(super) board: Board,
}

impl Wiring {
    pub(super) fn another(&self) -> Wiring {
        Wiring { tasks: self.tasks.clone(), results: self.results.clone(), board: self.board.another() }
    }

    /// Nothing goes through it any more, and it is gone with the last who has it.
    pub(super) fn close(&self) {
        self.tasks.close(true);
        self.results.close(true);
        self.board.retire();
    }
}

mod travel {
    use super::*;

    pub(super) fn serialize<S: Serializer>(queue: &RawQueue, serializer: S) -> Result<S::Ok, S::Error> {
        queue.handle().send(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RawQueue, D::Error> {
        Ok(RawQueue::of_handle(Handle::receive(deserializer, Kind::Queue)?))
    }
}
