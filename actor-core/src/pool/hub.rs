//! [`Hub`]: what the process with the pool has of it: two queues, the board, and the ledger behind a lock.
//!
//! Tasks go straight to the workers and results straight back; no thread of ours stands in between. Whoever
//! comes by with the lock takes what results there are ([`Hub::drain`]), for himself and everybody else. To
//! take a result from the queue and to enter it is one step under the lock, so that who then finds a task
//! without its result knows that there is none (`burial.rs`).

use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::board::{Board, Seat, TaskId, WorkerNumber};
use super::error::{SubmitError, TaskError};
use super::ledger::{Ledger, Pending, Phase, ROOM};
use super::message::{Draft, OUTCOMES, Results};
use super::part::What;
use super::tasks::{Priority, Tasks};
use super::waiting::Knock;
use crate::id::ProcessId;
use crate::queue::{RawQueue, wake_producer};
use crate::shm::post::{PostError, Wake};
use crate::shm::segment::Segment;
use crate::time::Deadline;
use crate::wait::{self, Opened, Source, Wakes, Words};
use crate::waker::Registration;

/// A worker from before it is started until it is buried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seated {
    pub(super) worker: WorkerNumber,
    /// The process and its pid. `None`: it is being started, and may be at work already.
    pub(super) process: Option<(ProcessId, u32)>,
}

/// See the module.
pub(super) struct Hub {
    pub(super) segment: &'static Segment,
    pub(super) tasks: Tasks,
    pub(super) results: RawQueue,
    pub(super) board: Board,
    ledger: Mutex<Ledger>,
    /// Raised whenever something was entered: the one who reads may be somebody else now.
    pub(super) epoch: AtomicU64,
    /// Who sits where. Locked behind the ledger, never the other way round.
    seats: Mutex<Vec<Option<Seated>>>,
    pub(super) registration: Mutex<Registration>,
    pub(super) knock: OnceLock<Waker>,
}

impl Hub {
    pub(super) fn new(
        segment: &'static Segment,
        (tasks, results): (Tasks, RawQueue),
        board: Board,
        (max_pending, workers): (u32, u32),
    ) -> Arc<Hub> {
        let hub = Arc::new(Hub {
            segment,
            tasks,
            results,
            board,
            ledger: Mutex::new(Ledger::new(max_pending)),
            epoch: AtomicU64::new(0),
            seats: Mutex::new((0..workers).map(|_| None).collect()),
            registration: Mutex::new(Registration::new()),
            knock: OnceLock::new(),
        });
        let _ = hub.knock.set(Knock::waker(&hub));
        hub
    }

    /// The ledger, with all results that there are.
    pub(super) fn open(&self) -> Open<'_> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = Open { hub: self, ledger: Some(ledger) };
        self.drain(&mut open);
        open
    }

    /// Enters all results that there are.
    pub(super) fn drain(&self, ledger: &mut Ledger) {
        let Some(window) = self.results.window() else { return };
        let mut has_taken = false;
        while let Some(Ok(held)) = self.results.try_take() {
            let mut bytes = Vec::new();
            let is_whole = window.read_held(held, &mut bytes);
            window.finish(held, Wake::Later);
            has_taken = true;
            if let Some(results) = Results::of(&bytes).filter(|_| is_whole) {
                self.enter(ledger, results, What::Outcomes(bytes, OUTCOMES));
            }
        }
        if has_taken {
            wake_producer(window);
        }
    }

    pub(super) fn enter(&self, ledger: &mut Ledger, results: Results, what: What) {
        let Results { id, first, count, failed } = results;
        if ledger.settle(id, first, count, failed, what) {
            self.over(ledger, id);
        }
    }

    /// A task has no further results.
    fn over(&self, ledger: &Ledger, id: TaskId) {
        self.board.close(id);
        self.end_if_done(ledger);
    }

    /// The last task of a pool that was closed is the end of its workers.
    fn end_if_done(&self, ledger: &Ledger) {
        if ledger.pending() == 0 && matches!(ledger.phase, Phase::Closing) {
            self.tasks.close(false);
            self.ring();
        }
    }

    /// All that is missing of a task is this.
    pub(super) fn give_up(&self, ledger: &mut Ledger, id: TaskId, error: &TaskError) {
        ledger.settle_rest(id, error);
        self.over(ledger, id);
    }

    /// Sends a task to the workers, waiting for room until `deadline`.
    ///
    /// # Errors
    /// It was not sent, and why.
    pub(super) fn submit(
        &self,
        draft: &mut Draft,
        task: Pending,
        priority: Priority,
        deadline: Deadline,
    ) -> Result<TaskId, SubmitError> {
        let mut task = Some(task);
        let opened = self.wait(ROOM, deadline, |ledger| {
            if let Err(error) = ledger.check_open() {
                return Some(Err(error));
            }
            if !ledger.has_room() {
                return None;
            }
            if self.tasks.provide(priority, self.segment).is_err() {
                return Some(Err(SubmitError::NoMemory));
            }
            let is_timed = task.as_ref().is_some_and(|task| self.is_news(ledger, task));
            ledger.open(task.take()?).map(|id| Ok((id, is_timed)))
        });
        let (id, is_timed) = opened.unwrap_or(Err(SubmitError::Full))?;
        self.board.open(id);
        draft.address(id);
        let posted = self.post(&draft.bytes, priority, deadline);
        if let Err(error) = posted {
            self.board.close(id);
            let mut ledger = self.open();
            // Terminated meanwhile, it has its result already.
            ledger.take_back(id);
            self.end_if_done(&ledger);
            return Err(ledger.check_open().err().unwrap_or(error));
        }
        if is_timed {
            self.ring();
        }
        Ok(id)
    }

    /// Whether the keeper has to look earlier than it knows.
    fn is_news(&self, ledger: &Ledger, task: &Pending) -> bool {
        task.timeout.is_some_and(|timeout| ledger.shortest_timeout().is_none_or(|shortest| timeout < shortest))
    }

    fn post(&self, bytes: &[u8], priority: Priority, deadline: Deadline) -> Result<(), SubmitError> {
        loop {
            match self.tasks.post(priority, bytes) {
                Ok(()) => return Ok(()),
                Err(PostError::Full) => self.wait_for_queue(priority, bytes.len() as u64, deadline)?,
                Err(PostError::Closed | PostError::Gone) => return Err(SubmitError::Closed),
                Err(PostError::TooLarge { size, max }) => return Err(SubmitError::TooLarge { size, max }),
                Err(PostError::NoMemory) => return Err(SubmitError::NoMemory),
            }
        }
    }

    /// The queue has no room although there may be another task: those in it are large. What makes room is
    /// a worker that is done with one, and that may need room for its results first.
    #[cold]
    fn wait_for_queue(&self, priority: Priority, length: u64, deadline: Deadline) -> Result<(), SubmitError> {
        if deadline.has_passed() {
            return Err(SubmitError::Full);
        }
        let Some(tasks) = self.tasks.queue(priority) else { return Err(SubmitError::Closed) };
        let room = Room { tasks, length };
        let results = Either(&self.results);
        let on: [&dyn wait::Waitable; 2] = [&room, &results];
        let waited = match deadline {
            Deadline::At(at) => wait::wait_deadline(&on, at),
            Deadline::Never | Deadline::Now => wait::wait(&on),
        };
        drop(self.open());
        waited.map(drop).map_err(|_| SubmitError::Full)
    }

    /// Notes at its seat that this worker is killed. Called with the ledger open, so that the place of its task
    /// is not another's before. `None`: it is dead and buried.
    pub(super) fn doom_worker(&self, worker: WorkerNumber) -> Option<Seated> {
        let seats = self.seats();
        let (number, seated) = seats.iter().enumerate().find_map(|(number, seated)| {
            let seated = (*seated)?;
            (seated.worker == worker).then_some((number, seated))
        })?;
        self.board.seat(number as u32).iter().for_each(Seat::doom);
        Some(seated)
    }

    pub(super) fn seats(&self) -> MutexGuard<'_, Vec<Option<Seated>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the keeper look.
    pub(super) fn ring(&self) {
        if let Some(bell) = self.board.bell() {
            bell.fetch_add(1, AcqRel);
            self.segment.ring_doorbell(self.segment.me());
        }
    }
}

/// The ledger, open to be written; wakes whoever is to be woken when it is closed again.
pub(super) struct Open<'a> {
    hub: &'a Hub,
    /// `None` only while it is closed.
    ledger: Option<MutexGuard<'a, Ledger>>,
}

impl Deref for Open<'_> {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        self.ledger.as_ref().expect("open until it is dropped")
    }
}

impl DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Ledger {
        self.ledger.as_mut().expect("open until it is dropped")
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(mut ledger) = self.ledger.take() else { return };
        if !ledger.wakes.has_changed && ledger.wakes.threads.is_empty() {
            return;
        }
        let wakes = std::mem::take(&mut ledger.wakes);
        let is_led = ledger.is_led;
        self.hub.epoch.fetch_add(1, AcqRel);
        drop(ledger);
        // Who reads sleeps at the queue; what he waits for may have been taken from it by this thread.
        if is_led && let Some(window) = self.hub.results.window() {
            window.items().notify_each();
        }
        wakes.threads.iter().for_each(std::thread::Thread::unpark);
        wakes.wakers.into_iter().for_each(Waker::wake);
    }
}

/// Room in the queue of tasks for a message of this length.
struct Room<'a> {
    tasks: &'a RawQueue,
    length: u64,
}

impl Source for Room<'_> {
    fn opened(&self) -> std::io::Result<Opened<'_>> {
        Ok(Opened::Words(self))
    }
}

impl Words for Room<'_> {
    fn is_ready(&self) -> bool {
        self.tasks.window().is_none_or(|window| window.lack(self.length).is_none())
    }

    fn register(&self, wakes: &mut Wakes) {
        let Some(window) = self.tasks.window() else { return };
        for line in [&window.header().room, &window.header().extent_room] {
            wakes.word((&line.word, line.event().register_async(u32::from(window.segment.me().0))));
        }
    }
}

/// The results, as something to be waited for.
struct Either<'a>(&'a RawQueue);

impl Source for Either<'_> {
    fn opened(&self) -> std::io::Result<Opened<'_>> {
        Ok(Opened::Words(self.0))
    }
}

/// Rung for the keeper.
pub(super) struct Bell<'a> {
    pub(super) hub: &'a Hub,
    /// What it was when the keeper looked last.
    pub(super) seen: u32,
}

impl Source for Bell<'_> {
    fn opened(&self) -> std::io::Result<Opened<'_>> {
        Ok(Opened::Words(self))
    }
}

impl Words for Bell<'_> {
    fn is_ready(&self) -> bool {
        self.hub.board.bell().is_some_and(|bell| bell.load(Acquire) != self.seen)
    }

    fn register(&self, wakes: &mut Wakes) {
        if let Some(bell) = self.hub.board.bell() {
            wakes.word((bell, self.seen));
        }
    }
}
