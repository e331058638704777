//! [`Board`]: what a pool and its workers know of each other's work, as words in shared memory.
//!
//! # Layout of the region
//! ```text
//! notes | a pair of words per pending task | a line per seat | an area per seat
//! ```
//! A *seat* is the place of one worker; its successor gets it after all that the dead has left there was
//! looked at. The area has the results of the items that the worker has finished and not sent yet, so that
//! what is finished stays finished, whoever dies.
//!
//! # The life of a task
//! ```text
//! QUEUED ──claim──► RUNNING ──all items done──► ENDED ──the results arrive──► OVER
//!    │                 │ its item took too long: TIMED, and its worker is killed
//!    │                 │ it is not wanted any more: KILLED, and so is its worker
//!    └── CANCELLED     └ its worker died: it stays RUNNING, and comes back by the queue
//! ```
//! Who gets a task from the queue that is not QUEUED has it from the dead. He decides by the last attempt,
//! which stands in the second word, where to go on ([`Board::claim`]); the pool decides by the line of the
//! dead, by the same rule, what to tell of it (`burial.rs`). An attempt is written down in both places
//! before it begins. A worker that is doomed finds it at its next item and waits for its end there, so
//! nobody is ever killed for what he has finished with.
//!
//! Nothing here waits, and none of it needs repair: dead at any place, the words say how far it came.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::WindowId;
use crate::shm::handle::Handle;
use crate::shm::region;
use crate::shm::segment::Segment;
use crate::shm::table::MakeError;
use crate::shm::window::{self, Kind, Window, flags};

/// Items of a task, at most: as many as a word has room to number.
pub(super) const ITEMS_MAX: usize = 1 << 24;
/// Bytes of results that a worker keeps before it sends them.
pub(super) const AREA_BYTES: usize = 16 << 10;

/// Which pending task: its place, and the how-manieth there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    pub(super) index: u32,
    /// Never 0.
    pub(super) generation: u32,
}

impl TaskId {
    fn raw(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    fn of(raw: u64) -> Option<TaskId> {
        let id = TaskId { index: raw as u32, generation: (raw >> 32) as u32 };
        (id.generation != 0).then_some(id)
    }
}

/// One attempt at one item of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) item: u32,
    /// Counted from 1.
    pub(super) number: u32,
}

impl Attempt {
    pub(super) const FIRST: Attempt = Attempt { item: 0, number: 1 };

    fn raw(self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.item)
    }

    fn of(raw: u64) -> Attempt {
        Attempt { item: raw as u32, number: (raw >> 32) as u32 }
    }

    /// What comes after one that somebody has died in.
    fn after_death(self, retries: u32) -> Attempt {
        match retries < self.number {
            true => Attempt { item: self.item + 1, number: 1 },
            false => Attempt { number: self.number + 1, ..self },
        }
    }
}

/// Where a task stands; with TIMED the item that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Queued,
    Running,
    Timed(u32),
    Killed,
    Ended,
    Cancelled,
    Over,
}

impl Stand {
    /// Whether the worker that is at it is killed.
    pub(super) fn is_doom(self) -> bool {
        matches!(self, Stand::Timed(_) | Stand::Killed)
    }
}

/// The first word of a task: the generation from bit 32, the item from bit 8, the state below.
fn word(generation: u32, stand: Stand) -> u64 {
    let (state, item) = match stand {
        Stand::Queued => (1, 0),
        Stand::Running => (2, 0),
        Stand::Timed(item) => (3, item),
        Stand::Killed => (4, 0),
        Stand::Ended => (5, 0),
        Stand::Cancelled => (6, 0),
        Stand::Over => (7, 0),
    };
    u64::from(generation) << 32 | u64::from(item) << 8 | state
}

fn stand(word: u64) -> Stand {
    match word & 0xff {
        1 => Stand::Queued,
        2 => Stand::Running,
        3 => Stand::Timed((word >> 8) as u32 & 0x00ff_ffff),
        4 => Stand::Killed,
        5 => Stand::Ended,
        6 => Stand::Cancelled,
        _ => Stand::Over,
    }
}

const NOTES_BYTES: u64 = 128;
const TASK_BYTES: u64 = 16;
const SEAT_BYTES: u64 = 64;

/// A handle on the board of a pool.
#[derive(Serialize, Deserialize)]
pub(super) struct Board {
    region: Region,
    tasks: u32,
    seats: u32,
}

impl Board {
    /// # Errors
    /// See [`MakeError`].
    pub(super) fn make(segment: &'static Segment, tasks: u32, seats: u32) -> Result<Board, MakeError> {
        let per_seat = SEAT_BYTES + AREA_BYTES as u64;
        let bytes = NOTES_BYTES + u64::from(tasks) * TASK_BYTES + u64::from(seats) * per_seat;
        let shape = region::shape(bytes).ok_or(MakeError::Exhausted)?;
        Ok(Board { region: Region(Handle::make(segment, Kind::Memory, shape)?), tasks, seats })
    }

    pub(super) fn another(&self) -> Board {
        Board { region: Region(self.region.0.clone()), ..*self }
    }

    /// The pool has ended: the memory goes with the last handle.
    pub(super) fn retire(&self) {
        if let Some(window) = self.region.0.window().filter(|window| window.is_live()) {
            window::raise_flags(window, flags::CLOSING);
            window.segment.ask_attention(window.id.index);
        }
    }

    /// `None`: the pool is gone.
    fn window(&self) -> Option<&Window> {
        let needed = NOTES_BYTES + u64::from(self.tasks) * TASK_BYTES;
        self.region.0.window().filter(|window| needed <= window.memory_bytes())
    }

    fn words(&self, id: TaskId) -> Option<&'static [AtomicU64]> {
        let window = self.window()?;
        let at = NOTES_BYTES + u64::from(id.index) * TASK_BYTES;
        (id.index < self.tasks).then(|| window.memory_slice(at, 2))
    }

    /// The seat of this number; `None`: there is no such.
    pub(super) fn seat(&self, number: u32) -> Option<Seat> {
        let window = *self.window()?;
        let seats = NOTES_BYTES + u64::from(self.tasks) * TASK_BYTES;
        let area = seats + u64::from(self.seats) * SEAT_BYTES + u64::from(number) * AREA_BYTES as u64;
        let words = || window.memory_slice(seats + u64::from(number) * SEAT_BYTES, 8);
        (number < self.seats).then(|| Seat { words: words(), window, area })
    }

    /// Rung by the pool's own process for its keeper.
    pub(super) fn bell(&self) -> Option<&'static AtomicU32> {
        self.window().map(|window| window.memory(0))
    }

    /// Notes that a fresh worker has more memory than the limit. True: for the first time.
    pub(super) fn note_memory_floor(&self) -> bool {
        self.window().is_some_and(|window| window.memory::<AtomicU32>(4).swap(1, AcqRel) == 0)
    }

    /// Whether a fresh worker has more memory than the limit.
    pub(super) fn has_memory_floor(&self) -> bool {
        self.window().is_some_and(|window| window.memory::<AtomicU32>(4).load(Acquire) != 0)
    }

    /// A further queue of tasks, for whoever is at work here.
    pub(super) fn show_queue(&self, number: usize, id: WindowId) {
        if let Some(window) = self.window() {
            let word = u64::from(id.generation) << 32 | u64::from(id.index);
            window.memory::<AtomicU64>(8 + 8 * number as u64).store(word, Release); // PAIR: pool-queue
        }
    }

    /// The further queue of this number, one of two; `None`: there is none yet.
    pub(super) fn queue(&self, number: usize) -> Option<WindowId> {
        let word = self.window()?.memory::<AtomicU64>(8 + 8 * number as u64).load(Acquire); // PAIR: pool-queue
        (word != 0).then_some(WindowId { index: word as u16, generation: (word >> 32) as u32 })
    }

    /// A new task of this place, before it is sent.
    pub(super) fn open(&self, id: TaskId) {
        if let Some([state, _]) = self.words(id) {
            state.store(word(id.generation, Stand::Queued), Release); // PAIR: pool-task
        }
    }

    /// Where a task stands. `None`: it is gone.
    pub(super) fn stand(&self, id: TaskId) -> Option<Stand> {
        let [state, _] = self.words(id)? else { return None };
        let seen = state.load(Acquire); // PAIR: pool-task
        (seen >> 32 == u64::from(id.generation)).then(|| stand(seen))
    }

    /// From one to another. False: it does not stand there (any more).
    pub(super) fn change(&self, id: TaskId, from: Stand, to: Stand) -> bool {
        let Some([state, _]) = self.words(id) else { return false };
        let (from, to) = (word(id.generation, from), word(id.generation, to));
        state.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }

    /// The pool has all that there will be of this task. A worker that is doomed for it stays so.
    pub(super) fn close(&self, id: TaskId) {
        while let Some(from) = self.stand(id) {
            if from.is_doom() || self.change(id, from, Stand::Over) {
                return;
            }
        }
    }

    /// A worker, at this seat, begins with a task that it got from the queue, or goes on with one that came
    /// from the dead. `None`: there is nothing to be done with it.
    pub(super) fn claim(&self, id: TaskId, retries: u32, count: u32, seat: &Seat) -> Option<Attempt> {
        let Some([_, last]) = self.words(id) else { return None };
        loop {
            let from = self.stand(id)?;
            let before = Attempt::of(last.load(Acquire)); // PAIR: pool-attempt
            let next = match from {
                Stand::Queued => Attempt::FIRST,
                Stand::Running => before.after_death(retries),
                Stand::Timed(item) if item == before.item => Attempt { item: item + 1, number: 1 },
                // Killed when it had gone on to another item already, which is not to blame.
                Stand::Timed(_) => before,
                Stand::Killed | Stand::Ended | Stand::Cancelled | Stand::Over => return None,
            };
            if count <= next.item {
                return None;
            }
            seat.take(id, next);
            last.store(next.raw(), Release); // PAIR: pool-attempt
            if self.change(id, from, Stand::Running) {
                return Some(next);
            }
            seat.leave();
        }
    }

    /// Writes down that an attempt begins. False: this worker is doomed, or nobody wants the task any more.
    pub(super) fn begin(&self, id: TaskId, attempt: Attempt, seat: &Seat) -> bool {
        let Some([_, last]) = self.words(id) else { return false };
        seat.item().store(attempt.raw(), Relaxed);
        last.store(attempt.raw(), Relaxed);
        // Either who dooms finds this item at the seat, or this finds that it is doomed.
        fence(SeqCst);
        self.stand(id) == Some(Stand::Running)
    }
}

/// The line of one worker, and its area.
pub(super) struct Seat {
    words: &'static [AtomicU64],
    window: Window,
    area: u64,
}

/// What a worker had in its hands.
pub(super) struct InHand {
    pub(super) id: TaskId,
    pub(super) attempt: Attempt,
    /// The first of the items whose results are in the area, and how many.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) bytes: Vec<u8>,
}

impl Seat {
    fn task(&self) -> &AtomicU64 {
        &self.words[0]
    }

    fn item(&self) -> &AtomicU64 {
        &self.words[1]
    }

    /// When the item at work is to be done, in nanoseconds; 0 is never.
    pub(super) fn due(&self) -> &AtomicU64 {
        &self.words[2]
    }

    /// 1 once the initializer is done.
    pub(super) fn ready(&self) -> &AtomicU64 {
        &self.words[4]
    }

    /// Tasks that were begun by this worker.
    pub(super) fn begun(&self) -> &AtomicU64 {
        &self.words[5]
    }

    /// Finished items in the area: the first from bit 32, and how many.
    fn kept(&self) -> &AtomicU64 {
        &self.words[3]
    }

    fn take(&self, id: TaskId, attempt: Attempt) {
        self.kept().store(u64::from(attempt.item) << 32, Relaxed);
        self.item().store(attempt.raw(), Relaxed);
        self.task().store(id.raw(), Release); // PAIR: pool-seat
    }

    /// The task is done with.
    pub(super) fn leave(&self) {
        self.due().store(0, Relaxed);
        self.task().store(0, Release); // PAIR: pool-seat
    }

    /// The task at work and its item.
    pub(super) fn at_work(&self) -> Option<(TaskId, Attempt)> {
        let id = TaskId::of(self.task().load(Acquire))?; // PAIR: pool-seat
        Some((id, Attempt::of(self.item().load(Acquire))))
    }

    /// Keeps the results of finished items; those before them are there.
    pub(super) fn keep(&self, at: usize, bytes: &[u8], first: u32, count: u32) {
        self.window.copy_in(self.area + at as u64, bytes);
        self.kept().store(u64::from(first) << 32 | u64::from(count), Release); // PAIR: pool-kept
    }

    /// They were sent, up to this item.
    pub(super) fn sent(&self, next: u32) {
        self.kept().store(u64::from(next) << 32, Release); // PAIR: pool-kept
    }

    /// What the dead has left here; for the pool, after its end.
    pub(super) fn left(&self) -> Option<InHand> {
        let (id, attempt) = self.at_work()?;
        let kept = self.kept().load(Acquire); // PAIR: pool-kept
        let mut bytes = vec![0; AREA_BYTES];
        self.window.copy_out(self.area, &mut bytes);
        Some(InHand { id, attempt, first: (kept >> 32) as u32, count: kept as u32, bytes })
    }

    /// For the next worker.
    pub(super) fn clear(&self) {
        self.words.iter().for_each(|word| word.store(0, Release));
    }
}

/// The region as plain data.
struct Region(Handle);

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.send(serializer)
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Region, D::Error> {
        Ok(Region(Handle::receive(deserializer, Kind::Memory)?))
    }
}
