//! [`Clerk`]: the actor on whose mailbox the operations are tried, and what it notes of its work.
//!
//! What it has begun and what it has ended stands on the board, so that it is known of a dead one.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

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

/// Behind the notes of victims: the process that stands still, and for each number what was begun and
/// ended.
const STANDS: usize = SEATS * WORDS;
const WORK: usize = STANDS + 1;
/// Numbers of messages.
pub(super) const NUMBERS: usize = 64;

#[handlers]
impl Clerk {
    #[init]
    fn new(desk: Desk) -> Clerk {
        // What a process does for the first time in its life is not what is tried.
        drop(SIZE.create::<u8>());
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
    fn work(&mut self, number: u32, bytes: Vec<u8>) -> Vec<u8> {
        self.do_work(number);
        bytes
    }

    #[call(on_crash = "redeliver(5)")]
    fn work_again(&mut self, number: u32, bytes: Vec<u8>) -> Vec<u8> {
        self.do_work(number);
        bytes
    }

    #[cast]
    fn note(&mut self, number: u32, _bytes: Vec<u8>) {
        self.do_work(number);
    }

    #[cast(on_crash = "redeliver(5)")]
    fn note_again(&mut self, number: u32, _bytes: Vec<u8>) {
        self.do_work(number);
    }
}

impl Clerk {
    fn do_work(&self, number: u32) {
        self.desk.begun(number).fetch_add(1, AcqRel);
        self.desk.ended(number).fetch_add(1, AcqRel);
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

    pub(super) fn clear(&self) {
        self.board.iter().for_each(|word| word.store(0, Release));
    }

    pub(super) fn begun(&self, number: u32) -> &std::sync::atomic::AtomicU64 {
        &self.board[WORK + number as usize]
    }

    pub(super) fn ended(&self, number: u32) -> &std::sync::atomic::AtomicU64 {
        &self.board[WORK + NUMBERS + number as usize]
    }
}
