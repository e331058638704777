//! Work that nobody wants any more: it never begins, or whoever is at it is killed.

use std::time::Duration;

use super::board::{Doom, Stand, TaskId};
use super::error::TaskError;
use super::hub::Hub;
use super::ledger::Ledger;
use crate::exit::KilledBy;
use crate::id::ProcessId;
use crate::node::{self, Request};
use crate::time::Deadline;

/// How long a worker may take to be dead that was killed; its task is given up without.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

impl Hub {
    /// Gives up all of a job that is not done, for this reason, and waits until no worker is at it.
    pub(super) fn abandon(&self, job: u64, error: &TaskError) {
        self.abandon_without_waiting(job, error);
        let settled = self.wait(job, Deadline::after(KILL_TIMEOUT), |ledger| ledger.is_settled(job).then_some(()));
        if settled.is_none() {
            let mut ledger = self.open();
            for id in ledger.tasks_of(job) {
                self.give_up(&mut ledger, id, error);
            }
        }
    }

    /// Gives up all of a job that is not done.
    pub(super) fn abandon_without_waiting(&self, job: u64, error: &TaskError) {
        let mut ledger = self.open();
        let mut doomed = Vec::new();
        for id in ledger.tasks_of(job) {
            doomed.extend(self.doom(&mut ledger, id, error));
        }
        drop(ledger);
        let by = if *error == TaskError::Cancelled { KilledBy::User } else { KilledBy::KillAfter };
        doomed.into_iter().for_each(|process| node::tell(&Request::KillProcess { process, by }));
    }

    /// Cancels all of a job that no worker has begun with.
    pub(super) fn cancel_all(&self, job: u64) {
        let mut ledger = self.open();
        for id in ledger.tasks_of(job) {
            self.cancel(&mut ledger, id);
        }
    }

    /// Cancels a task that no worker has begun with. False: one has, or it is done.
    pub(super) fn cancel(&self, ledger: &mut Ledger, id: TaskId) -> bool {
        let is_cancelled = self.board.change(id, Stand::Queued, Stand::Cancelled);
        if is_cancelled {
            self.give_up(ledger, id, &TaskError::Cancelled);
        }
        is_cancelled
    }

    /// Gives up a task: at once if no worker has it, else it says whom to kill, and the task is settled when
    /// that is dead.
    fn doom(&self, ledger: &mut Ledger, id: TaskId, error: &TaskError) -> Option<ProcessId> {
        let worker = match self.board.doom(id) {
            Doom::Settled => return None,
            Doom::Unbegun => None,
            Doom::Worker(worker) => self.doom_worker(worker),
        };
        match (worker, ledger.task(id)) {
            (Some(_), Some(task)) => task.doom = Some(error.clone()),
            // Its worker is dead and buried, and no other has it or gets it.
            _ => self.give_up(ledger, id, error),
        }
        // Who is being started is killed when it is there.
        worker?.process.map(|(process, _)| process)
    }
}
