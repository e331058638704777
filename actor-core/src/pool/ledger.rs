//! [`Ledger`]: which tasks are pending, to which job each belongs, and what has become of them.
//!
//! A *job* is what somebody waits for: one task of `apply`, all the chunks of a `map`. A task has one or more
//! items, and parts of its results come in any order, some perhaps twice when a worker died just after it
//! had sent them. Pure bookkeeping: nothing here waits, wakes or touches shared memory. What there is to be
//! woken is noted, and done by whoever has let go of the lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::thread::Thread;
use std::time::Duration;

use super::board::TaskId;
use super::error::{SubmitError, TaskError};
use super::part::{Part, What};
use super::runs::Runs;
use crate::exit::ExitReport;

/// All that the process with the pool knows of its tasks.
pub(super) struct Ledger {
    places: Vec<Place>,
    free: Vec<u32>,
    jobs: BTreeMap<u64, Job>,
    last_job: u64,
    /// Who waits without being the one who reads.
    followers: Vec<Follower>,
    last_follower: u64,
    /// Futures that wait for room.
    room_wakers: Vec<Waker>,
    pub(super) is_led: bool,
    pub(super) phase: Phase,
    pub(super) tally: Tally,
    /// Time limits of pending tasks, and how many have each.
    timeouts: BTreeMap<Duration, u32>,
    pub(super) wakes: Wakes,
}

/// Whether a pool takes tasks.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Open,
    Closing,
    Terminated,
    /// The workers do not start.
    Broken(Arc<ExitReport>),
}

/// Counted in items.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) submitted: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) restarts: u64,
    pub(super) workers: usize,
    /// No worker is left, and none will come.
    pub(super) is_over: bool,
}

/// Who is to be woken by whoever lets go of the lock.
#[derive(Default)]
pub(super) struct Wakes {
    pub(super) threads: Vec<Thread>,
    pub(super) wakers: Vec<Waker>,
    pub(super) has_changed: bool,
}

struct Place {
    generation: u32,
    task: Option<Pending>,
}

/// A task on its way.
pub(super) struct Pending {
    pub(super) job: u64,
    /// The number of its first item within the job.
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) retries: u32,
    pub(super) timeout: Option<Duration>,
    /// Items whose results are here.
    got: Runs,
    missing: u32,
    /// Nobody wants it any more, for this reason.
    pub(super) doom: Option<TaskError>,
}

impl Pending {
    pub(super) fn new(job: u64, first: u64, count: u32, retries: u32, timeout: Option<Duration>) -> Pending {
        Pending { job, first, count, retries, timeout, got: Runs::default(), missing: count, doom: None }
    }
}

#[derive(Default)]
struct Job {
    parts: Vec<Part>,
    /// Tasks that are not settled yet.
    tasks: Vec<TaskId>,
    waker: Option<Waker>,
}

struct Follower {
    number: u64,
    job: u64,
    thread: Thread,
}

/// The job of those who wait for room.
pub(super) const ROOM: u64 = 0;

impl Ledger {
    pub(super) fn new(max_pending: u32) -> Ledger {
        Ledger {
            places: (0..max_pending).map(|_| Place { generation: 0, task: None }).collect(),
            free: (0..max_pending).rev().collect(),
            jobs: BTreeMap::new(),
            last_job: ROOM,
            followers: Vec::new(),
            last_follower: 0,
            room_wakers: Vec::new(),
            is_led: false,
            phase: Phase::Open,
            tally: Tally::default(),
            timeouts: BTreeMap::new(),
            wakes: Wakes::default(),
        }
    }

    pub(super) fn new_job(&mut self) -> u64 {
        self.last_job += 1;
        self.jobs.insert(self.last_job, Job::default());
        self.last_job
    }

    /// Nobody waits for it any more; the tasks of it that are still pending.
    pub(super) fn drop_job(&mut self, job: u64) -> Vec<TaskId> {
        self.jobs.remove(&job).map_or(Vec::new(), |job| job.tasks)
    }

    /// # Errors
    /// No task is taken any more, and why.
    pub(super) fn check_open(&self) -> Result<(), SubmitError> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Closing => Err(SubmitError::Closed),
            Phase::Terminated => Err(SubmitError::Terminated),
            Phase::Broken(report) => Err(SubmitError::Broken(report.clone())),
        }
    }

    /// A place for a task. `None`: as many are pending as may be.
    pub(super) fn open(&mut self, task: Pending) -> Option<TaskId> {
        let index = self.free.pop()?;
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1).max(1);
        let id = TaskId { index, generation: place.generation };
        if let Some(job) = self.jobs.get_mut(&task.job) {
            job.tasks.push(id);
        }
        if let Some(timeout) = task.timeout {
            *self.timeouts.entry(timeout).or_default() += 1;
        }
        self.tally.submitted += u64::from(task.count);
        place.task = Some(task);
        Some(id)
    }

    /// A task that was not sent after all.
    pub(super) fn take_back(&mut self, id: TaskId) {
        if let Some(task) = self.remove(id) {
            self.tally.submitted -= u64::from(task.count);
        }
    }

    pub(super) fn task(&mut self, id: TaskId) -> Option<&mut Pending> {
        let place = self.places.get_mut(id.index as usize)?;
        place.task.as_mut().filter(|_| place.generation == id.generation)
    }

    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    pub(super) fn pending(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn all(&self) -> Vec<TaskId> {
        let places = self.places.iter().enumerate().filter(|(_, place)| place.task.is_some());
        places.map(|(index, place)| TaskId { index: index as u32, generation: place.generation }).collect()
    }

    /// The shortest time limit of a pending task.
    pub(super) fn shortest_timeout(&self) -> Option<Duration> {
        self.timeouts.keys().next().copied()
    }

    /// What has become of some items. True: that was all of the task. Items that have a result keep it, and
    /// the others of a part get theirs: a worker that goes on for a dead one may begin with an item that was
    /// finished.
    pub(super) fn settle(&mut self, id: TaskId, first: u32, count: u32, failed: u32, what: What) -> bool {
        let Some(task) = self.task(id) else { return false };
        let Some(end) = first.checked_add(count).filter(|end| *end <= task.count) else { return false };
        let news = task.got.missing_in(first..end);
        if news.is_empty() {
            return false;
        }
        task.got.add(first..end);
        task.missing -= news.iter().map(|run| run.end - run.start).sum::<u32>();
        let (job, start, is_done) = (task.job, task.first, task.missing == 0);
        let parts: Vec<(Part, u32)> = match news.as_slice() {
            [all] if *all == (first..end) => {
                vec![(Part { first: start + u64::from(first), count, what }, failed.min(count))]
            }
            runs => runs.iter().map(|run| what.part(start, first, run.clone())).collect(),
        };
        for (part, failed) in parts {
            self.tally.done += u64::from(part.count);
            self.tally.failed += u64::from(failed);
            if let Some(job) = self.jobs.get_mut(&job) {
                job.parts.push(part);
            }
        }
        if is_done {
            self.remove(id);
        }
        self.wake(job);
        is_done
    }

    /// Gives all items of a task that have no result this one.
    pub(super) fn settle_rest(&mut self, id: TaskId, error: &TaskError) {
        let Some(task) = self.task(id) else { return };
        let count = task.count;
        self.settle(id, 0, count, count, What::Error(error.clone()));
    }

    fn remove(&mut self, id: TaskId) -> Option<Pending> {
        self.task(id)?;
        let task = self.places[id.index as usize].task.take()?;
        self.free.push(id.index);
        if let Some(job) = self.jobs.get_mut(&task.job)
            && let Some(at) = job.tasks.iter().position(|other| *other == id)
        {
            job.tasks.swap_remove(at);
        }
        if let Some(timeout) = task.timeout
            && let Some(count) = self.timeouts.get_mut(&timeout)
        {
            *count -= 1;
            if *count == 0 {
                self.timeouts.remove(&timeout);
            }
        }
        self.wakes.wakers.append(&mut self.room_wakers);
        self.wake(ROOM);
        Some(task)
    }

    /// Those who wait for this job are to look.
    fn wake(&mut self, job: u64) {
        self.wakes.has_changed = true;
        let waiting = self.followers.iter().filter(|follower| follower.job == job);
        self.wakes.threads.extend(waiting.map(|follower| follower.thread.clone()));
        if let Some(job) = self.jobs.get_mut(&job) {
            self.wakes.wakers.extend(job.waker.take());
        }
    }

    /// Everybody is to look: the pool has changed.
    pub(super) fn wake_all(&mut self) {
        self.wakes.has_changed = true;
        self.wakes.threads.extend(self.followers.iter().map(|follower| follower.thread.clone()));
        self.wakes.wakers.append(&mut self.room_wakers);
        self.wakes.wakers.extend(self.jobs.values_mut().filter_map(|job| job.waker.take()));
    }

    /// The parts of a job that have come since the last time.
    pub(super) fn take_parts(&mut self, job: u64) -> Vec<Part> {
        self.jobs.get_mut(&job).map_or(Vec::new(), |job| std::mem::take(&mut job.parts))
    }

    /// Whether all that was submitted for a job is settled.
    pub(super) fn is_settled(&self, job: u64) -> bool {
        self.jobs.get(&job).is_none_or(|job| job.tasks.is_empty())
    }

    /// Tasks of a job that are pending.
    pub(super) fn tasks_of(&self, job: u64) -> Vec<TaskId> {
        self.jobs.get(&job).map_or(Vec::new(), |job| job.tasks.clone())
    }

    pub(super) fn set_waker(&mut self, job: u64, waker: &Waker) {
        match self.jobs.get_mut(&job) {
            Some(job) => job.waker = Some(waker.clone()),
            None => self.room_wakers.push(waker.clone()),
        }
    }

    /// Whether a future waits.
    pub(super) fn has_wakers(&self) -> bool {
        !self.room_wakers.is_empty() || self.jobs.values().any(|job| job.waker.is_some())
    }

    pub(super) fn follow(&mut self, job: u64) -> u64 {
        self.last_follower += 1;
        self.followers.push(Follower { number: self.last_follower, job, thread: std::thread::current() });
        self.last_follower
    }

    pub(super) fn unfollow(&mut self, number: u64) {
        self.followers.retain(|follower| follower.number != number);
    }

    /// Whoever leaves sees to it that somebody reads.
    pub(super) fn hand_over(&mut self) {
        if !self.is_led
            && let Some(next) = self.followers.first()
        {
            self.wakes.threads.push(next.thread.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{failures, skip_outcomes};
    use super::*;

    fn outcomes() -> What {
        What::Outcomes(Vec::new(), 0)
    }

    fn ledger(job_items: &[u32]) -> (Ledger, u64, Vec<TaskId>) {
        let mut ledger = Ledger::new(4);
        let job = ledger.new_job();
        let mut first = 0;
        let mut ids = Vec::new();
        for count in job_items {
            ids.push(ledger.open(Pending::new(job, first, *count, 0, None)).unwrap());
            first += u64::from(*count);
        }
        (ledger, job, ids)
    }

    #[test]
    fn smoke() {
        let (mut ledger, job, ids) = ledger(&[3, 2]);
        assert!(ledger.settle(ids[1], 0, 2, 1, outcomes()));
        assert!(!ledger.is_settled(job));
        assert!(ledger.settle(ids[0], 0, 3, 0, outcomes()));
        assert!(ledger.is_settled(job));
        let parts: Vec<_> = ledger.take_parts(job).iter().map(|part| (part.first, part.count)).collect();
        assert_eq!(parts, [(3, 2), (0, 3)]);
        assert_eq!((ledger.tally.done, ledger.tally.failed, ledger.pending()), (5, 1, 0));
    }

    #[test]
    fn what_comes_twice_counts_once() {
        let (mut ledger, job, ids) = ledger(&[4]);
        assert!(!ledger.settle(ids[0], 0, 2, 0, outcomes()));
        assert!(!ledger.settle(ids[0], 0, 2, 0, outcomes()));
        assert!(!ledger.settle(ids[0], 1, 1, 0, outcomes()));
        assert!(ledger.settle(ids[0], 2, 2, 0, outcomes()));
        assert!(!ledger.settle(ids[0], 2, 2, 0, outcomes()));
        assert_eq!(ledger.take_parts(job).len(), 2);
        assert_eq!(ledger.tally.done, 4);
    }

    /// A worker has died between two items, and who goes on for it has done the last finished one again.
    #[test]
    fn what_comes_twice_in_part_counts_for_the_rest() {
        let outcome = |kind: u8| [kind, 1, 0, 0, 0, 7];
        let bytes = |kinds: &[u8]| What::Outcomes(kinds.iter().flat_map(|kind| outcome(*kind)).collect(), 0);
        for is_first_first in [true, false] {
            let (mut ledger, job, ids) = ledger(&[4]);
            let mut steps = [(0, bytes(&[0, 0, 0])), (2, bytes(&[1, 1]))];
            if !is_first_first {
                steps.reverse();
            }
            let settled = steps.map(|(first, what)| {
                let What::Outcomes(all, _) = &what else { unreachable!() };
                let (count, failed) = ((all.len() / 6) as u32, failures(all, 0, 9));
                ledger.settle(ids[0], first, count, failed, what)
            });
            assert_eq!(settled, [false, true]);
            assert!(ledger.is_settled(job));
            assert_eq!((ledger.tally.done, ledger.tally.failed), (4, if is_first_first { 1 } else { 2 }));
            let mut items = Vec::new();
            for part in ledger.take_parts(job) {
                let What::Outcomes(bytes, at) = part.what else { unreachable!() };
                let kinds = (0..part.count).map(|n| bytes[skip_outcomes(&bytes, at, n).unwrap()]);
                items.extend((part.first..).zip(kinds));
            }
            items.sort_unstable();
            let third = if is_first_first { 0 } else { 1 };
            assert_eq!(items, [(0, 0), (1, 0), (2, third), (3, 1)]);
        }
    }

    /// One by one, each beside all before it, a large task would take minutes.
    #[test]
    fn a_large_task_is_given_up_in_one_go() {
        let (mut ledger, job, ids) = ledger(&[1_000_000]);
        ledger.settle(ids[0], 500_000, 1, 0, outcomes());
        ledger.settle_rest(ids[0], &TaskError::Cancelled);
        assert!(ledger.is_settled(job));
        assert_eq!((ledger.tally.done, ledger.tally.failed), (1_000_000, 999_999));
        assert_eq!(ledger.take_parts(job).len(), 3);
    }

    #[test]
    fn results_of_the_task_before_in_the_same_place_are_nobodys() {
        let (mut ledger, _, ids) = ledger(&[1]);
        ledger.settle_rest(ids[0], &TaskError::Cancelled);
        let job = ledger.new_job();
        let next = ledger.open(Pending::new(job, 0, 1, 0, None)).unwrap();
        assert_eq!(next.index, ids[0].index);
        assert!(!ledger.settle(ids[0], 0, 1, 0, outcomes()));
        assert!(!ledger.is_settled(job));
    }

    #[test]
    fn what_is_out_of_bounds_is_no_result() {
        let (mut ledger, _, ids) = ledger(&[2]);
        for (first, count) in [(0, 3), (2, 1), (u32::MAX, 1), (1, u32::MAX), (0, 0)] {
            assert!(!ledger.settle(ids[0], first, count, 0, outcomes()));
        }
        assert_eq!(ledger.tally.done, 0);
    }

    #[test]
    fn places_are_as_many_as_may_be_pending() {
        let (mut ledger, job, ids) = ledger(&[1, 1, 1, 1]);
        assert!(ledger.open(Pending::new(job, 4, 1, 0, None)).is_none());
        ledger.settle_rest(ids[2], &TaskError::Cancelled);
        assert!(ledger.open(Pending::new(job, 4, 1, 0, Some(Duration::from_secs(1)))).is_some());
        assert_eq!(ledger.shortest_timeout(), Some(Duration::from_secs(1)));
    }
}
