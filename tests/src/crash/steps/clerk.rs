//! [`Clerk`]: the actor on whose mailbox the operations are tried, and what it notes of its work.
//!
//! What it has begun and what it has ended stands on the board, so that it is known of a dead one.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use actor_core::prelude::*;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scene::{SEATS, WORDS};
use super::table::SIZE;
use crate::board::Board;
use crate::steps::stand_still;

/// An actor that notes what it does.
#[derive(Actor)]
#[actor(capacity = 4, max_message = "16KiB")]
pub(super) struct Clerk {
    desk: Desk,
}

/// Where a clerk notes.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Desk {
    pub(super) board: Board,
}

/// Behind the notes of victims: the process that the actor is, the one that stands in a handler, and for
/// each number what was begun and ended.
const LIVES: usize = SEATS * WORDS;
const STANDS: usize = LIVES + 1;
const WORK: usize = STANDS + 1;
/// Numbers of messages.
pub(super) const NUMBERS: usize = 64;

#[handlers]
impl Clerk {
    #[init]
    fn new(desk: Desk) -> Clerk {
        // What a process does for the first time in its life is not what is tried.
        drop(SIZE.create::<u8>());
        desk.board[LIVES].store(std::process::id().into(), Release);
        Clerk { desk }
    }

    /// Stands still, so that whatever comes after it can be led.
    #[cast]
    fn stand(&mut self) {
        self.desk.board[STANDS].store(std::process::id().into(), Release);
        stand_still();
    }

    #[call(on_crash = "redeliver(5)")]
    fn greet(&mut self, number: u32) -> u32 {
        number
    }

    #[call]
    fn work(&mut self, number: u32, bytes: Bulk) -> Bulk {
        self.do_work(number, &bytes);
        bytes
    }

    #[call(on_crash = "redeliver(5)")]
    fn work_again(&mut self, number: u32, bytes: Bulk) -> Bulk {
        self.do_work(number, &bytes);
        bytes
    }

    #[cast]
    fn note(&mut self, number: u32, bytes: Bulk) {
        self.do_work(number, &bytes);
    }

    #[cast(on_crash = "redeliver(5)")]
    fn note_again(&mut self, number: u32, bytes: Bulk) {
        self.do_work(number, &bytes);
    }
}

impl Clerk {
    fn do_work(&self, number: u32, bytes: &Bulk) {
        self.desk.begun(number).fetch_add(1, AcqRel);
        // What is torn counts as nothing that was sent.
        let ended = u64::from(bytes.is_whole(bytes.0.len()));
        self.desk.ended(number).fetch_add(ended, AcqRel);
    }
}

impl Desk {
    pub(super) fn new() -> Desk {
        Desk { board: Board::new(WORK + 2 * NUMBERS) }
    }

    /// The process that stands still, once there is one.
    pub(super) fn stands(&self) -> Option<u32> {
        Some(self.board[STANDS].load(Acquire) as u32).filter(|pid| *pid != 0)
    }

    /// The process that the actor is.
    pub(super) fn lives(&self) -> u32 {
        self.board[LIVES].load(Acquire) as u32
    }

    /// Forgets everything but where the actor lives.
    pub(super) fn clear(&self) {
        let words = self.board.iter().enumerate().filter(|(at, _)| *at != LIVES);
        words.for_each(|(_, word)| word.store(0, Release));
    }

    pub(super) fn begun(&self, number: u32) -> &AtomicU64 {
        &self.board[WORK + number as usize]
    }

    pub(super) fn ended(&self, number: u32) -> &AtomicU64 {
        &self.board[WORK + NUMBERS + number as usize]
    }
}

/// Bytes that are encoded at once and not one after the other.
#[derive(Clone, Debug)]
pub(super) struct Bulk(Vec<u8>);

impl Bulk {
    /// So many bytes, of which each differs from its neighbours.
    pub(super) fn of(length: usize) -> Bulk {
        Bulk(PATTERN[..length].to_vec())
    }

    /// Whether they are so many, and as they were made.
    pub(super) fn is_whole(&self, length: usize) -> bool {
        self.0 == PATTERN[..length]
    }
}

/// What there is to be seen of bytes is seen with few instructions: each is one to die at.
const PATTERN: [u8; 2048] = {
    let mut pattern = [0; 2048];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = at as u8;
        at += 1;
    }
    pattern
};

impl Serialize for Bulk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bulk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bulk, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Bulk;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bulk, E> {
                Ok(Bulk(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let bulk = Bulk::of(600);
        assert!(bulk.is_whole(600) && !bulk.is_whole(599));
        let mut damaged = bulk.clone();
        damaged.0[257] = 2;
        assert!(!damaged.is_whole(600));
    }
}
