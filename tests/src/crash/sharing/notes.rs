//! [`Notes`]: what each has done and has in hand, on memory that the crate under test does not know.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::crash::{Fault, Kind};
use crate::watch;

/// What is noted once.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// Who has the mutex, who writes: a seat and one more.
    Owner,
    Writer,
    /// Who reads, who has a permit: a bit for each seat.
    Readers,
    Holders,
    /// Not 0: the end.
    End,
}

/// What is noted for each seat.
#[derive(Clone, Copy)]
pub(super) enum Note {
    /// The process that sits there.
    Pid,
    /// Whatever it does.
    Steps,
    /// Changes of what the mutex guards, of what is read and written.
    Added,
    Written,
    /// Deaths that it was told of.
    Told,
    /// Messages: the last that it was going to send, and the last that it has sent.
    Begun,
    Sent,
    /// 1: it waits until the gate is open.
    Rests,
}

const MARKS: usize = 8;
const NOTES: usize = 8;

/// A word for each mark, and for each note of each seat.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Notes(Board);

impl Notes {
    pub(super) fn new(seats: usize) -> Notes {
        Notes(Board::new(MARKS + NOTES * seats))
    }

    pub(super) fn mark(&self, mark: Mark) -> &AtomicU64 {
        &self.0[mark as usize]
    }

    pub(super) fn of(&self, seat: usize, note: Note) -> &AtomicU64 {
        &self.0[MARKS + NOTES * seat + note as usize]
    }

    pub(super) fn count(&self, seat: usize, note: Note) {
        self.of(seat, note).fetch_add(1, SeqCst);
    }

    /// Over all seats.
    pub(super) fn sum(&self, note: Note) -> u64 {
        (0..self.seats()).map(|seat| self.of(seat, note).load(SeqCst)).sum()
    }

    fn seats(&self) -> usize {
        (self.0.len() - MARKS) / NOTES
    }

    /// Whoever sat there is dead: from here on he is nowhere inside.
    pub(super) fn bury(&self, seat: usize) {
        for mark in [Mark::Readers, Mark::Holders] {
            self.mark(mark).fetch_and(!(1 << seat), SeqCst);
        }
        self.of(seat, Note::Sent).store(self.of(seat, Note::Begun).load(SeqCst), SeqCst);
        self.of(seat, Note::Rests).store(0, SeqCst);
    }

    /// There is nobody inside, but perhaps the name of one who has died there, of whom this one was told.
    ///
    /// # Errors
    /// There is.
    pub(super) fn enter(&self, mark: Mark, seat: usize, is_first: bool) -> Result<(), Fault> {
        let before = self.mark(mark).swap(seat as u64 + 1, SeqCst);
        Kind::Wedged.unless(before == 0 || !is_first, || format!("{} is inside with {seat}", before - 1))
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        (0..self.seats()).map(|seat| self.of(seat, Note::Pid).load(SeqCst) as u32).collect()
    }

    /// How many of these seats have somebody who lives.
    pub(super) fn living(&self, seats: u64, pids: &[u32]) -> usize {
        (0..pids.len()).filter(|seat| seats >> seat & 1 == 1 && watch::is_alive(pids[*seat])).count()
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (marks, notes) = self.0.split_at(MARKS);
        write!(f, "{marks:?}, {:?}", notes.chunks(NOTES).collect::<Vec<_>>())
    }
}
