//! [`Board`]: what a pool and its workers know of each other's work, as words in shared memory.
//!
//! # Layout of the region
//! ```text
//! notes | three words per pending task | a line per seat | an area per seat
//! ```
//! A *seat* is the place of one worker; its successor gets it after all that the dead has left there was
//! looked at. The area has the results of the items that the worker has finished and not sent yet, so that
//! what is finished stays finished, whoever dies.
//!
//! # The life of a task
//! ```text
//! QUEUED ──claim──► RUNNING(w) ──all items done──► ENDED ──the results arrive──► OVER
//!    │                 │ its item took too long: TIMED(w), and w is killed
//!    │                 │ it is not wanted any more: KILLED(w), and so is w
//!    └── CANCELLED     └ w died: it stays RUNNING(w), and comes back by the queue
//! ```
//! Who gets a task from the queue that is not QUEUED has it from the dead. He decides by the last attempt,
//! which stands in the second word, where to go on ([`Board::claim`]); the pool decides by the line of the
//! dead, by the same rule, what to tell of it (`burial.rs`). An attempt is written down in both places
//! before it begins. A worker that is doomed finds it at its next item and waits for its end there, so
//! nobody is ever killed for what he has finished with; nor for what another has, since the word names who
//! has it ([`task`]).
//!
//! Nothing here waits, and none of it needs repair: dead at any place, the words say how far it came.

#[cfg(test)]
mod models;
mod seat;
mod task;

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) use self::seat::{InHand, Seat};
use self::task::TaskWords;
pub(super) use self::task::{Attempt, Doom, Stand, WorkerNumber};
use crate::id::WindowId;
use crate::shm::handle::Handle;
use crate::shm::region;
use crate::shm::segment::Segment;
use crate::shm::table::MakeError;
use crate::shm::window::{self, Kind, Window, flags};
use crate::shm::words::Mapped;

/// Items of a task, at most: a worker can still count them when others have written into its words.
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

const NOTES_BYTES: u64 = 128;
const TASK_BYTES: u64 = 24;
const SEAT_BYTES: u64 = 8 * seat::WORDS as u64;

/// A handle on the board of a pool.
#[derive(Serialize, Deserialize)]
pub(super) struct Board {
    region: Region,
    tasks: u32,
    seats: u32,
}

/// Where the seats begin, and where their areas do, on the board of so many tasks and seats.
fn places(tasks: u32, seats: u32) -> (u64, u64) {
    let first_seat = (NOTES_BYTES + u64::from(tasks) * TASK_BYTES).next_multiple_of(64);
    (first_seat, first_seat + u64::from(seats) * SEAT_BYTES)
}

impl Board {
    /// # Errors
    /// See [`MakeError`].
    pub(super) fn make(segment: &'static Segment, tasks: u32, seats: u32) -> Result<Board, MakeError> {
        let bytes = places(tasks, seats).1 + u64::from(seats) * AREA_BYTES as u64;
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

    /// `None`: the pool is gone, or this is the board of none.
    fn window(&self) -> Option<&Window> {
        let needed = places(self.tasks, self.seats).1 + u64::from(self.seats) * AREA_BYTES as u64;
        self.region.0.window().filter(|window| needed <= window.memory_bytes())
    }

    fn task(&self, id: TaskId) -> Option<TaskWords<'static, Mapped>> {
        let window = self.window().filter(|_| id.index < self.tasks)?;
        let at = NOTES_BYTES + u64::from(id.index) * TASK_BYTES;
        let [state, last, timed] = window.memory_slice(at, 3) else { return None };
        Some(TaskWords { state, last, timed, id })
    }

    /// The seat of this number; `None`: there is no such.
    pub(super) fn seat(&self, number: u32) -> Option<Seat> {
        let window = *self.window().filter(|_| number < self.seats)?;
        let (seats, areas) = places(self.tasks, self.seats);
        let words = window.memory_slice(seats + u64::from(number) * SEAT_BYTES, seat::WORDS);
        Some(Seat::new(words.try_into().ok()?, window, areas + u64::from(number) * AREA_BYTES as u64))
    }

    /// Writes over what stands there, from the start on.
    #[cfg(feature = "testing")]
    pub(super) fn lay_down(&self, bytes: &[u8]) {
        if let Some(window) = self.window() {
            window.copy_in(0, &bytes[..bytes.len().min(window.memory_bytes() as usize)]);
        }
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
        self.task(id).iter().for_each(TaskWords::open);
    }

    /// Where a task stands. `None`: it is gone.
    pub(super) fn stand(&self, id: TaskId) -> Option<Stand> {
        self.task(id)?.stand()
    }

    /// From one to another. False: it does not stand there (any more).
    pub(super) fn change(&self, id: TaskId, from: Stand, to: Stand) -> bool {
        self.task(id).is_some_and(|task| task.change(from, to))
    }

    /// The pool has all that there will be of this task. A worker that is doomed for it stays so.
    pub(super) fn close(&self, id: TaskId) {
        self.task(id).iter().for_each(TaskWords::close);
    }

    /// Nobody wants this task any more.
    pub(super) fn doom(&self, id: TaskId) -> Doom {
        self.task(id).map_or(Doom::Settled, |task| task.doom())
    }

    /// An item of this worker took too long. False: the worker does not have that task (any more).
    pub(super) fn time_out(&self, id: TaskId, worker: WorkerNumber, item: u32) -> bool {
        self.task(id).is_some_and(|task| task.time_out(worker, item))
    }

    /// A worker, at this seat, begins with a task of so many retries and items that it got from the queue, or
    /// goes on with one that came from the dead. `None`: there is nothing to be done with it.
    pub(super) fn claim(&self, id: TaskId, limits: (u32, u32), worker: WorkerNumber, seat: &Seat) -> Option<Attempt> {
        self.task(id)?.claim(limits, worker, &seat.words())
    }

    /// Writes down that an attempt begins. False: this worker is doomed, or nobody wants the task any more.
    pub(super) fn begin(&self, id: TaskId, attempt: Attempt, worker: WorkerNumber, seat: &Seat) -> bool {
        self.task(id).is_some_and(|task| task.begin(attempt, worker, &seat.words()))
    }

    /// Whether this worker is about to be killed for that task.
    pub(super) fn is_doomed(&self, id: TaskId, worker: WorkerNumber, seat: &Seat) -> bool {
        self.task(id).is_some_and(|task| task.is_doomed(worker, &seat.words()))
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
