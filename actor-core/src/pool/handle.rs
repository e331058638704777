//! [`Pool`] itself: its beginning and its end, and what can be asked of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::{StartError, TaskError};
use super::hub::Hub;
use super::ledger::{Phase, ROOM};
use super::options::Options;
use crate::id::ProcessId;
use crate::time::Deadline;

/// Processes that run functions for whoever has the pool; see the [module](super).
///
/// | to | use |
/// |---|---|
/// | run a function and wait | [`apply`](Pool::apply), [`apply_timeout`](Pool::apply_timeout), [`apply_deadline`](Pool::apply_deadline) |
/// | run it meanwhile | [`submit`](Pool::submit), [`try_submit`](Pool::try_submit), [`submit_timeout`](Pool::submit_timeout), [`submit_deadline`](Pool::submit_deadline); [`TaskOptions`](super::TaskOptions) |
/// | run it for each of many | [`map`](Pool::map), [`map_timeout`](Pool::map_timeout), [`map_deadline`](Pool::map_deadline), [`map_async`](Pool::map_async); [`MapOptions`](super::MapOptions) |
/// | the same, as the results come | [`imap`](Pool::imap), [`imap_unordered`](Pool::imap_unordered): iterators and streams |
/// | end | [`close`](Pool::close), [`join`](Pool::join), [`terminate`](Pool::terminate) |
///
/// A pool belongs to the process that has started it, and all threads there may use it. Dropped, it is
/// [terminated](Pool::terminate).
#[doc(alias("ProcessPoolExecutor", "Executor"))]
pub struct Pool {
    pub(super) hub: Arc<Hub>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    pub(super) workers: usize,
    pub(super) retries: u32,
    pub(super) task_timeout: Option<Duration>,
}

/// What a pool has done so far. Items of a map count as tasks of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Tasks that were accepted.
    pub submitted: u64,
    /// Workers that are at a task now.
    pub running: usize,
    /// Tasks that have ended, in whatever way.
    pub done: u64,
    /// Of those, how many without a value.
    pub failed: u64,
    /// Workers that live.
    pub workers: usize,
    /// Workers that took the place of another.
    pub restarts: u64,
    /// Whether [`max_worker_memory`](Options::max_worker_memory) is below what a fresh worker has, so that it
    /// limits nothing.
    pub is_memory_limit_too_low: bool,
}

/// How long a worker may take to be dead that was killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

impl Pool {
    /// A pool of so many workers; see [`Options`] for everything else.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left then.
    pub fn new(workers: usize) -> Result<Pool, StartError> {
        Options { workers, ..Options::default() }.start()
    }

    /// The [`Options`] with which a pool is started, to be changed.
    pub fn builder() -> Options {
        Options::default()
    }

    pub(super) fn started(hub: Arc<Hub>, keeper: JoinHandle<()>, options: &Options) -> Pool {
        let Options { workers, retries, task_timeout, .. } = *options;
        Pool { hub, keeper: Mutex::new(Some(keeper)), workers, retries, task_timeout }
    }

    /// Takes no task from now on. What was accepted is done, and then the workers end.
    #[doc(alias = "shutdown")]
    pub fn close(&self) {
        let mut ledger = self.hub.open();
        if matches!(ledger.phase, Phase::Open) {
            ledger.phase = Phase::Closing;
            ledger.wake_all();
            if ledger.pending() == 0 {
                self.hub.tasks.close(false);
            }
            drop(ledger);
            self.hub.ring();
        }
    }

    /// Kills the workers, whatever they do, and waits until they are dead, for 5 s at most. Tasks that are not
    /// done get [`TaskError::Terminated`], at once.
    ///
    /// Programs that a task has started end with its worker, as far as
    /// [what a process has started](crate::process#what-it-has-started) does.
    #[doc(alias("shutdown_now", "kill_workers", "terminate_workers"))]
    pub fn terminate(&self) {
        self.give_up();
        if self.hub.wait(ROOM, Deadline::after(KILL_TIMEOUT), |ledger| ledger.tally.is_over.then_some(())).is_some()
            && let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // It is at its end.
            let _ = keeper.join();
        }
    }

    fn give_up(&self) {
        let mut ledger = self.hub.open();
        if matches!(ledger.phase, Phase::Open | Phase::Closing) {
            ledger.phase = Phase::Terminated;
            for id in ledger.all() {
                self.hub.give_up(&mut ledger, id, &TaskError::Terminated);
            }
            self.hub.tasks.close(true);
            ledger.wake_all();
        }
        drop(ledger);
        self.hub.ring();
    }

    /// Closes the pool if that was not done, and waits until all tasks are done and all workers have ended.
    pub fn join(&self) {
        self.join_by(Deadline::Never);
    }

    /// [`join`](Pool::join) for a time. False: something was not done by then; the pool is closed all the same.
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.join_by(Deadline::after(timeout))
    }

    /// [`join`](Pool::join) until a point in time. False: something was not done by then.
    pub fn join_deadline(&self, deadline: Instant) -> bool {
        self.join_by(deadline.into())
    }

    fn join_by(&self, deadline: Deadline) -> bool {
        self.close();
        self.hub.wait(ROOM, deadline, |ledger| ledger.tally.is_over.then_some(())).is_some()
    }

    /// What the pool has done so far.
    #[doc(alias = "progress")]
    pub fn counts(&self) -> Counts {
        let ledger = self.hub.open();
        let tally = ledger.tally;
        drop(ledger);
        let seats = (0..self.workers as u32).filter_map(|number| self.hub.board.seat(number));
        Counts {
            submitted: tally.submitted,
            running: seats.filter(|seat| seat.at_work().is_some()).count(),
            done: tally.done,
            failed: tally.failed,
            workers: tally.workers,
            restarts: tally.restarts,
            is_memory_limit_too_low: self.hub.board.has_memory_floor(),
        }
    }

    /// The processes that are workers now.
    pub fn workers(&self) -> Vec<ProcessId> {
        self.hub.seats().iter().flatten().filter_map(|seated| Some(seated.process?.0)).collect()
    }

    /// The operating system's numbers of the processes that are workers now.
    pub fn pids(&self) -> Vec<u32> {
        self.hub.seats().iter().flatten().filter_map(|seated| Some(seated.process?.1)).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.terminate();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("workers", &self.workers).field("counts", &self.counts()).finish()
    }
}
