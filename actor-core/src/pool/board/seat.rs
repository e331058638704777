//! [`Seat`]: the line of one worker on the board, and its area.
//!
//! Its worker writes there what it has in its hands, before it begins; the pool reads it, and after the end of
//! the worker clears it for the next one. The area has the results of the items that the worker has finished
//! and not sent yet. Written by one at a time, so none of it needs an exchange.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::task::Attempt;
use super::{AREA_BYTES, TaskId};
use crate::shm::window::Window;
use crate::shm::words::{Mapped, Memory, Word};

/// Words of one line.
pub(super) const WORDS: usize = 8;

/// The words that say what a worker has in its hands.
pub(in crate::pool) struct SeatWords<'a, M: Memory> {
    pub(super) task: &'a M::Word64,
    pub(super) item: &'a M::Word64,
    /// When the item at work is to be done, in nanoseconds; 0 is never.
    pub(super) due: &'a M::Word64,
    /// Finished items in the area: the first from bit 32, and how many.
    pub(super) kept: &'a M::Word64,
    /// Not 0: the worker is killed for what it has, or had. Written by the pool, under the lock of its ledger,
    /// where the place of a task is given to another one, too.
    pub(super) doomed: &'a M::Word64,
}

impl<M: Memory> SeatWords<'_, M> {
    pub(super) fn take(&self, id: TaskId, attempt: Attempt) {
        self.kept.store(u64::from(attempt.item) << 32, Relaxed);
        self.item.store(attempt.raw(), Relaxed);
        self.task.store(id.raw(), Release); // PAIR: pool-seat
    }

    /// The task is done with.
    pub(super) fn leave(&self) {
        self.due.store(0, Relaxed);
        self.task.store(0, Release); // PAIR: pool-seat
    }

    /// The task at work and its item.
    pub(super) fn at_work(&self) -> Option<(TaskId, Attempt)> {
        let id = TaskId::of(self.task.load(Acquire))?; // PAIR: pool-seat
        Some((id, Attempt::of(self.item.load(Acquire))))
    }

    /// So many results from this item on are in the area.
    pub(super) fn keep(&self, first: u32, count: u32) {
        self.kept.store(u64::from(first) << 32 | u64::from(count), Release); // PAIR: pool-kept
    }

    /// The first item whose result is in the area, and how many.
    pub(super) fn kept(&self) -> (u32, u32) {
        let kept = self.kept.load(Acquire); // PAIR: pool-kept
        ((kept >> 32) as u32, kept as u32)
    }
}

/// See the module.
pub(in crate::pool) struct Seat {
    words: &'static [AtomicU64; WORDS],
    window: Window,
    area: u64,
}

/// What a worker had in its hands.
pub(in crate::pool) struct InHand {
    pub(in crate::pool) id: TaskId,
    pub(in crate::pool) attempt: Attempt,
    /// The first of the items whose results are in the area, and how many.
    pub(in crate::pool) first: u32,
    pub(in crate::pool) count: u32,
    pub(in crate::pool) bytes: Vec<u8>,
}

impl Seat {
    pub(super) fn new(words: &'static [AtomicU64; WORDS], window: Window, area: u64) -> Seat {
        Seat { words, window, area }
    }

    pub(super) fn words(&self) -> SeatWords<'static, Mapped> {
        let [task, item, due, kept, _, _, doomed, _] = self.words;
        SeatWords { task, item, due, kept, doomed }
    }

    /// When the item at work is to be done, in nanoseconds; 0 is never.
    pub(in crate::pool) fn due(&self) -> &AtomicU64 {
        &self.words[2]
    }

    /// 1 once the initializer is done.
    pub(in crate::pool) fn ready(&self) -> &AtomicU64 {
        &self.words[4]
    }

    /// Tasks that were begun by this worker.
    pub(in crate::pool) fn begun(&self) -> &AtomicU64 {
        &self.words[5]
    }

    /// The worker here is killed. Called with the ledger open.
    pub(in crate::pool) fn doom(&self) {
        self.words[6].store(1, Release);
    }

    /// Whether it was noted that the worker here is killed.
    pub(in crate::pool) fn is_doomed(&self) -> bool {
        self.words[6].load(Acquire) != 0
    }

    /// The task is done with.
    pub(in crate::pool) fn leave(&self) {
        self.words().leave();
    }

    /// The task at work and its item.
    pub(in crate::pool) fn at_work(&self) -> Option<(TaskId, Attempt)> {
        self.words().at_work()
    }

    /// Keeps the results of finished items; those before them are there.
    pub(in crate::pool) fn keep(&self, at: usize, bytes: &[u8], first: u32, count: u32) {
        self.window.copy_in(self.area + at as u64, bytes);
        self.words().keep(first, count);
    }

    /// They were sent, up to this item.
    pub(in crate::pool) fn sent(&self, next: u32) {
        self.words().keep(next, 0);
    }

    /// What the dead has left here; for the pool, after its end.
    pub(in crate::pool) fn left(&self) -> Option<InHand> {
        let (id, attempt) = self.at_work()?;
        let (first, count) = self.words().kept();
        let mut bytes = vec![0; AREA_BYTES];
        self.window.copy_out(self.area, &mut bytes);
        Some(InHand { id, attempt, first, count, bytes })
    }

    /// For the next worker.
    pub(in crate::pool) fn clear(&self) {
        self.words.iter().for_each(|word| word.store(0, Release));
    }
}
