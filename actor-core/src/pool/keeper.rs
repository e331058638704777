//! The keeper: the one thread of a pool. It sleeps until a worker has died or an item is overdue.
//!
//! It buries the dead (`burial.rs`), puts others in their place, and has those killed who take too long. It
//! is in the process with the pool, and workers are plain processes: a worker has nobody who calls it, so
//! there is nothing for it to be an actor for, and a death has to be told to the ledger in any case. A
//! worker that is stopped is killed in time like any other, since nothing of it has to run for that.
//!
//! # How often a worker is replaced
//! Each task costs a bounded number of workers, and a worker that ends in order has done its part. What else
//! ends one is that it does not come up: as many in a row as `initializer_retries` says are started once
//! more, then the pool is broken, and tells how the last one ended. The same holds for workers that die
//! within a second without a task.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

use super::board::WorkerNumber;
use super::error::TaskError;
use super::hub::{Bell, Hub, Seated};
use super::ledger::Phase;
use super::options::Crew;
use crate::exit::{ExitReport, KilledBy};
use crate::link::{self, Monitor};
use crate::node::{self, Request};
use crate::process::{Process, SpawnError};
use crate::time::{Deadline, Moment};
use crate::wait::{self, Waitable};

/// A worker, as the keeper has it.
pub(super) struct Member {
    worker: WorkerNumber,
    process: Process<Result<(), String>>,
    monitor: Option<Monitor>,
    /// The item for which it is killed.
    timed: Option<u32>,
}

impl Member {
    fn new(worker: WorkerNumber, process: Process<Result<(), String>>) -> Member {
        let monitor = link::monitor(&process).ok();
        Member { worker, process, monitor, timed: None }
    }

    fn is_dead(&self) -> bool {
        match &self.monitor {
            Some(monitor) => monitor.try_wait().is_some(),
            None => !self.process.is_alive(),
        }
    }

    fn report(&self) -> Arc<ExitReport> {
        let report = self.process.exit_report().cloned();
        let told = || self.monitor.as_ref().and_then(Monitor::try_wait).map(|down| *down.report);
        let report = report.or_else(told);
        Arc::new(report.unwrap_or_else(|| ExitReport::no_proc(self.process.name(), None)))
    }

    fn kill(&self, by: KilledBy) {
        node::tell(&Request::KillProcess { process: self.process.id(), by });
    }
}

/// See the module.
pub(super) struct Keeper {
    pub(super) hub: Arc<Hub>,
    pub(super) crew: Crew,
    pub(super) members: Vec<Option<Member>>,
    /// Workers that were started.
    pub(super) started: u32,
    /// Workers in a row that did not come up.
    pub(super) failures: u32,
    pub(super) has_killed: bool,
}

/// A worker that has lived for this long without a task has come up.
const YOUNG: Duration = Duration::from_secs(1);
/// How long until the keeper looks again where it cannot be woken.
const RETRY_AFTER: Duration = Duration::from_millis(100);

impl Keeper {
    pub(super) fn run(mut self) {
        loop {
            let seen = self.hub.board.bell().map_or(0, |bell| bell.load(Acquire));
            self.bury_the_dead();
            let next = self.look_at_the_clock();
            if self.is_over() {
                break;
            }
            self.sleep(seen, next);
        }
        let mut ledger = self.hub.open();
        ledger.tally.is_over = true;
        ledger.wake_all();
    }

    fn bury_the_dead(&mut self) {
        for number in 0..self.members.len() {
            let Some(member) = self.members[number].take_if(|member| member.is_dead()) else { continue };
            let report = member.report();
            let Some(seat) = self.hub.board.seat(number as u32) else { continue };
            let has_begun = seat.begun().load(Acquire) != 0;
            let has_come_up = seat.ready().load(Acquire) != 0 && (has_begun || YOUNG <= report.uptime);
            self.hub.bury(number as u32, member.timed, &report);
            self.count();
            self.failures = match has_come_up || report.reason.is_normal() {
                true => 0,
                false => self.failures + 1,
            };
            if self.crew.initializer_retries < self.failures {
                self.break_up(&report);
            }
        }
        if self.wants_workers() {
            self.fill();
        } else if !self.has_killed && matches!(self.hub.open().phase, Phase::Terminated | Phase::Broken(_)) {
            self.has_killed = true;
            self.members.iter().flatten().for_each(|member| member.kill(KilledBy::User));
        }
    }

    fn wants_workers(&self) -> bool {
        let ledger = self.hub.open();
        match ledger.phase {
            Phase::Open => true,
            Phase::Closing => ledger.pending() != 0,
            Phase::Terminated | Phase::Broken(_) => false,
        }
    }

    /// Starts a worker for each seat that is free.
    fn fill(&mut self) {
        for number in 0..self.members.len() {
            while self.members[number].is_none() && self.wants_workers() {
                match self.start(number) {
                    Ok(()) => self.hub.open().tally.restarts += 1,
                    Err(error) => self.could_not_start(&error),
                }
            }
        }
        self.count();
    }

    /// Starts a worker at this seat, which is free.
    ///
    /// # Errors
    /// It did not come up.
    pub(super) fn start(&mut self, number: usize) -> Result<(), SpawnError> {
        let worker = WorkerNumber::new(self.started);
        self.started = self.started.wrapping_add(1);
        // Before it can have a task: whoever gives that up finds whom it means.
        self.hub.seats()[number] = Some(Seated { worker, process: None });
        let started = self.crew.start(number as u32, worker);
        let ledger = self.hub.open();
        let process = match started {
            Ok(process) => process,
            Err(error) => {
                drop(ledger);
                // It may have begun all the same.
                self.hub.bury(number as u32, None, &self.report_of(&error));
                return Err(error);
            }
        };
        self.hub.seats()[number] = Some(Seated { worker, process: Some((process.id(), process.pid())) });
        let seat = self.hub.board.seat(number as u32);
        drop(ledger);
        let member = Member::new(worker, process);
        // Doomed before anybody knew its process: nobody else kills it.
        if seat.is_some_and(|seat| seat.is_doomed()) {
            member.kill(KilledBy::User);
        }
        self.members[number] = Some(member);
        Ok(())
    }

    fn could_not_start(&mut self, error: &SpawnError) {
        self.failures += 1;
        if self.crew.initializer_retries < self.failures {
            self.break_up(&self.report_of(error));
        }
    }

    /// How a worker ended that has not come up.
    fn report_of(&self, error: &SpawnError) -> Arc<ExitReport> {
        Arc::new(match error {
            SpawnError::Died { report } => (**report).clone(),
            other => ExitReport {
                reason: crate::exit::ExitReason::Failed(other.to_string()),
                ..ExitReport::no_proc(self.crew.name.clone(), None)
            },
        })
    }

    /// The pool has its error, and no worker is started any more.
    fn break_up(&mut self, report: &Arc<ExitReport>) {
        let mut ledger = self.hub.open();
        if matches!(ledger.phase, Phase::Terminated | Phase::Broken(_)) {
            return;
        }
        ledger.phase = Phase::Broken(report.clone());
        for id in ledger.all() {
            self.hub.give_up(&mut ledger, id, &TaskError::Broken(report.clone()));
        }
        self.hub.tasks.close(true);
        ledger.wake_all();
    }

    fn count(&self) {
        let mut ledger = self.hub.open();
        ledger.tally.workers = self.members.iter().flatten().count();
        ledger.wake_all();
    }

    /// Has those killed whose item is overdue; when to look again.
    fn look_at_the_clock(&mut self) -> Deadline {
        let Some(shortest) = self.hub.open().shortest_timeout() else { return Deadline::Never };
        // What is not begun yet cannot be overdue before that.
        let now = Instant::now();
        let mut next = Deadline::after(shortest);
        for (number, member) in self.members.iter_mut().enumerate() {
            let (Some(member), Some(seat)) = (member, self.hub.board.seat(number as u32)) else { continue };
            let due = seat.due().load(Acquire);
            if due == 0 || member.timed.is_some() {
                continue;
            }
            if Moment::of(now).is_some_and(|now| now.nanos() < due) {
                let left = due - Moment::of(now).map_or(0, Moment::nanos);
                next = next.min(Deadline::At(now + Duration::from_nanos(left)));
                continue;
            }
            let Some((id, attempt)) = seat.at_work() else { continue };
            // With the ledger open, the place of the task is not another's before the seat has its mark.
            let ledger = self.hub.open();
            // It may have gone on meanwhile.
            if seat.due().load(Acquire) == due && self.hub.board.time_out(id, member.worker, attempt.item) {
                seat.doom();
                drop(ledger);
                member.timed = Some(attempt.item);
                member.kill(KilledBy::KillAfter);
            }
        }
        next
    }

    fn is_over(&self) -> bool {
        self.members.iter().all(Option::is_none) && !self.wants_workers()
    }

    fn sleep(&self, seen: u32, next: Deadline) {
        let bell = Bell { hub: &self.hub, seen };
        let mut on: Vec<&dyn Waitable> = vec![&bell];
        for member in self.members.iter().flatten() {
            match &member.monitor {
                Some(monitor) => on.push(monitor),
                None => on.push(&member.process),
            }
        }
        let waited = match next {
            Deadline::At(at) => wait::wait_deadline(&on, at),
            Deadline::Never => wait::wait(&on),
            Deadline::Now => return,
        };
        if waited.is_err() {
            std::thread::park_timeout(RETRY_AFTER);
        }
    }
}

impl Drop for Keeper {
    /// Whatever has ended it: nothing is left.
    fn drop(&mut self) {
        self.members.iter().flatten().for_each(|member| member.kill(KilledBy::User));
        self.hub.tasks.close(true);
        self.crew.wiring.close();
    }
}
