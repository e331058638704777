//! [`TaskWords`]: the words of one pending task, by which workers and pool agree who does what of it.
//!
//! # Words
//! The first is `state:8 | worker:24 | generation:32`. What is RUNNING names the worker that has it, by the
//! same exchange that makes it so, and whoever dooms it dooms that worker and no other: the one who had the
//! task before and is dead by now, or the one who has it next, is not meant. The second word is the last
//! attempt, the third the item that took too long, written before the state says that one did.
//!
//! What is none of the words that are ever written here is OVER, and stays so.
//!
//! Nothing here waits, wakes, or knows where the words lie.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use serde::{Deserialize, Serialize};

use super::TaskId;
use super::seat::SeatWords;
use crate::shm::words::{Memory, Word};

/// One attempt at one item of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) struct Attempt {
    pub(in crate::pool) item: u32,
    /// Counted from 1.
    pub(in crate::pool) number: u32,
}

impl Attempt {
    pub(in crate::pool) const fn first(item: u32) -> Attempt {
        Attempt { item, number: 1 }
    }

    pub(super) fn raw(self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.item)
    }

    pub(super) fn of(raw: u64) -> Attempt {
        Attempt { item: raw as u32, number: (raw >> 32) as u32 }
    }

    /// What comes after one that somebody has died in. What others have written is counted no further than
    /// numbers go.
    fn after_death(self, retries: u32) -> Attempt {
        match retries < self.number {
            true => Attempt::first(self.item.saturating_add(1)),
            false => Attempt { number: self.number.saturating_add(1), ..self },
        }
    }
}

/// Which worker of a pool: each one that is started has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::pool) struct WorkerNumber(u32);

impl WorkerNumber {
    const MASK: u32 = 0x00ff_ffff;

    /// They begin again after 2^24; one would have to stand still for all the others between two instructions.
    pub(in crate::pool) const fn new(number: u32) -> WorkerNumber {
        WorkerNumber(number & WorkerNumber::MASK)
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) enum Stand {
    Queued,
    /// This worker has it, or has died with it.
    Running(WorkerNumber),
    /// The same, and is killed: an item took too long.
    Timed(WorkerNumber),
    /// The same, and is killed: nobody wants it any more.
    Killed(WorkerNumber),
    Ended,
    Cancelled,
    Over,
}

impl Stand {
    /// Which worker is killed for it.
    pub(in crate::pool) fn doomed(self) -> Option<WorkerNumber> {
        match self {
            Stand::Timed(worker) | Stand::Killed(worker) => Some(worker),
            Stand::Queued | Stand::Running(_) | Stand::Ended | Stand::Cancelled | Stand::Over => None,
        }
    }

    fn raw(self, generation: u32) -> u64 {
        let (state, worker) = match self {
            Stand::Queued => (1, 0),
            Stand::Running(worker) => (2, worker.0),
            Stand::Timed(worker) => (3, worker.0),
            Stand::Killed(worker) => (4, worker.0),
            Stand::Ended => (5, 0),
            Stand::Cancelled => (6, 0),
            Stand::Over => (7, 0),
        };
        u64::from(generation) << 32 | u64::from(worker) << 8 | state
    }

    fn of(raw: u64) -> Stand {
        let worker = WorkerNumber::new((raw >> 8) as u32);
        let stand = match raw & 0xff {
            1 => Stand::Queued,
            2 => Stand::Running(worker),
            3 => Stand::Timed(worker),
            4 => Stand::Killed(worker),
            5 => Stand::Ended,
            6 => Stand::Cancelled,
            _ => Stand::Over,
        };
        // Somebody has written what nobody writes: nothing that is here could exchange it.
        if stand.raw((raw >> 32) as u32) == raw { stand } else { Stand::Over }
    }
}

/// What giving up a task comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) enum Doom {
    /// No worker has begun with it, and none will.
    Unbegun,
    /// This worker has it, and goes no further with it.
    Worker(WorkerNumber),
    /// It is done, or given up already.
    Settled,
}

/// How often somebody tries to change a word that others change at the same time: each of those does so a
/// few times, so only one who writes there without end makes it more.
const TRIES_MAX: u32 = 1 << 16;

/// The words of one task; see the module.
pub(in crate::pool) struct TaskWords<'a, M: Memory> {
    pub(super) state: &'a M::Word64,
    pub(super) last: &'a M::Word64,
    pub(super) timed: &'a M::Word64,
    pub(super) id: TaskId,
}

impl<M: Memory> TaskWords<'_, M> {
    /// A new task of this place, before it is sent.
    pub(super) fn open(&self) {
        self.state.store(Stand::Queued.raw(self.id.generation), Release); // PAIR: pool-task
    }

    /// Where the task stands. `None`: it is gone, and another is in its place.
    pub(super) fn stand(&self) -> Option<Stand> {
        let seen = self.state.load(Acquire); // PAIR: pool-task
        (seen >> 32 == u64::from(self.id.generation)).then(|| Stand::of(seen))
    }

    /// From one to another. False: it does not stand there (any more).
    pub(super) fn change(&self, from: Stand, to: Stand) -> bool {
        let generation = self.id.generation;
        self.state.compare_exchange(from.raw(generation), to.raw(generation), AcqRel).is_ok() // PAIR: pool-task
    }

    /// The pool has all that there will be of this task. Who is doomed for it stays so.
    pub(super) fn close(&self) {
        for _ in 0..TRIES_MAX {
            let seen = self.state.load(Acquire);
            let is_ours = seen >> 32 == u64::from(self.id.generation);
            if !is_ours || Stand::of(seen).doomed().is_some() {
                return;
            }
            if self.state.compare_exchange(seen, Stand::Over.raw(self.id.generation), AcqRel).is_ok() {
                return;
            }
        }
    }

    /// Nobody wants it any more.
    pub(super) fn doom(&self) -> Doom {
        for _ in 0..TRIES_MAX {
            let Some(from) = self.stand() else { break };
            match from {
                Stand::Queued if self.change(from, Stand::Cancelled) => return Doom::Unbegun,
                Stand::Running(worker) | Stand::Timed(worker) if self.change(from, Stand::Killed(worker)) => {
                    return Doom::Worker(worker);
                }
                // It has just gone on to something else.
                Stand::Queued | Stand::Running(_) | Stand::Timed(_) => {}
                // Its results are under way, or it is settled when its worker is.
                Stand::Killed(_) | Stand::Ended | Stand::Cancelled | Stand::Over => break,
            }
        }
        Doom::Settled
    }

    /// An item of this worker took too long. False: the worker does not have the task (any more).
    pub(super) fn time_out(&self, worker: WorkerNumber, item: u32) -> bool {
        // What another was killed for is still to be read.
        if self.stand() != Some(Stand::Running(worker)) {
            return false;
        }
        // Read by who finds the state that follows.
        self.timed.store(u64::from(item), Relaxed);
        self.change(Stand::Running(worker), Stand::Timed(worker))
    }

    /// A worker, at this seat, begins with a task that it got from the queue, or goes on with one that came
    /// from the dead. `None`: there is nothing to be done with it.
    pub(super) fn claim(
        &self,
        (retries, count): (u32, u32),
        worker: WorkerNumber,
        seat: &SeatWords<'_, M>,
    ) -> Option<Attempt> {
        for _ in 0..TRIES_MAX {
            let from = self.stand()?;
            let before = Attempt::of(self.last.load(Acquire)); // PAIR: pool-attempt
            let timed = self.timed.load(Relaxed);
            let next = match from {
                Stand::Queued => Attempt::first(0),
                Stand::Running(_) => before.after_death(retries),
                Stand::Timed(_) if timed == u64::from(before.item) => Attempt::first(before.item.saturating_add(1)),
                // Killed when it had gone on to another item already, which is not to blame.
                Stand::Timed(_) => before,
                Stand::Killed(_) | Stand::Ended | Stand::Cancelled | Stand::Over => return None,
            };
            if count <= next.item {
                return None;
            }
            seat.take(self.id, next);
            self.last.store(next.raw(), Release); // PAIR: pool-attempt
            if self.change(from, Stand::Running(worker)) {
                return Some(next);
            }
            seat.leave();
        }
        None
    }

    /// Writes down that an attempt begins. False: this worker is doomed, or nobody wants the task any more.
    pub(super) fn begin(&self, attempt: Attempt, worker: WorkerNumber, seat: &SeatWords<'_, M>) -> bool {
        seat.item.store(attempt.raw(), Relaxed);
        self.last.store(attempt.raw(), Relaxed);
        // Either who dooms finds this item at the seat, or this finds that it is doomed.
        M::fence();
        self.stand() == Some(Stand::Running(worker))
    }

    /// Whether this worker is about to be killed for the task. Its place may be another task's by now.
    pub(super) fn is_doomed(&self, worker: WorkerNumber, seat: &SeatWords<'_, M>) -> bool {
        // First the state: who makes the place another's has the mark of the seat written before.
        self.stand().is_some_and(|stand| stand.doomed() == Some(worker)) || seat.doomed.load(Acquire) != 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::shm::words::Mapped;

    const ID: TaskId = TaskId { index: 0, generation: 3 };
    const WORKER: WorkerNumber = WorkerNumber::new(5);

    #[test]
    fn smoke() {
        let stands = [
            Stand::Queued,
            Stand::Running(WORKER),
            Stand::Timed(WORKER),
            Stand::Killed(WORKER),
            Stand::Ended,
            Stand::Cancelled,
            Stand::Over,
        ];
        for stand in stands {
            assert_eq!(Stand::of(stand.raw(u32::MAX)), stand);
        }
        assert_eq!(WorkerNumber::new(1 << 24), WorkerNumber::new(0));
        for nobodys in [Stand::Queued.raw(3) | 0x100, Stand::Ended.raw(3) | 0x8000_0000, 3 << 32 | 0x82, 3 << 32] {
            assert_eq!(Stand::of(nobodys), Stand::Over, "{nobodys:#x}");
        }
    }

    /// What a worker that runs wild can leave there: nobody goes on for ever, and nothing overflows.
    #[test]
    fn words_that_nobody_writes_keep_nobody() {
        let garbage = (0..=u8::MAX).flat_map(|low| {
            let high = [0, 0x1_0000, 0xffff_ff00].map(|high: u64| high | u64::from(low));
            high.map(|word| word | u64::from(ID.generation) << 32)
        });
        for word in garbage {
            for attempt in [Attempt { item: u32::MAX, number: u32::MAX }, Attempt::first(0), Attempt::first(u32::MAX)] {
                let words = [word, attempt.raw(), u64::MAX].map(AtomicU64::new);
                let line: [AtomicU64; 5] = Default::default();
                let [state, last, timed] = &words;
                let [task, item, due, kept, doomed] = &line;
                let task_words = TaskWords::<Mapped> { state, last, timed, id: ID };
                let seat = SeatWords { task, item, due, kept, doomed };
                for retries in [0, u32::MAX] {
                    let _ = task_words.claim((retries, u32::MAX), WORKER, &seat);
                    state.store(word, Relaxed);
                    last.store(attempt.raw(), Relaxed);
                }
                let _ = task_words.doom();
                task_words.close();
                let stand = task_words.stand().unwrap();
                assert!(stand == Stand::Over || stand.doomed().is_some(), "{word:#x}: {stand:?}");
            }
        }
    }
}
