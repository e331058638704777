//! What becomes of the task that a dead worker had in its hands: what the pool tells of it.
//!
//! The task itself went back into the queue when the death was repaired, and may be in the hands of another
//! worker already, who goes on where [`Board::claim`](super::board::Board::claim) says. Both decide by the
//! last attempt of the dead and by the same rule, so neither waits for the other.

use std::sync::Arc;

use super::board::{Attempt, InHand, Stand, WorkerNumber};
use super::error::TaskError;
use super::hub::Hub;
use super::ledger::Ledger;
use super::message::{Results, failures};
use super::part::What;
use crate::exit::ExitReport;

impl Hub {
    /// Enters what the worker of this seat has left, whose death was repaired. `timed`: the item for which it
    /// was killed, if it was because that took too long.
    pub(super) fn bury(&self, number: u32, timed: Option<u32>, report: &Arc<ExitReport>) {
        // All that it has sent is in the queue by now, and entered first.
        let mut ledger = self.open();
        let seated = self.seats()[number as usize].take();
        let Some(seat) = self.board.seat(number) else { return };
        if let (Some(left), Some(seated)) = (seat.left(), seated) {
            self.settle_left(&mut ledger, left, (seated.worker, timed), report);
        }
        seat.clear();
        drop(ledger);
        self.tasks.wake_workers();
    }

    fn settle_left(
        &self,
        ledger: &mut Ledger,
        left: InHand,
        (worker, timed): (WorkerNumber, Option<u32>),
        report: &Arc<ExitReport>,
    ) {
        let InHand { id, attempt, first, count, bytes } = left;
        let failed = failures(&bytes, 0, count);
        self.enter(ledger, Results { id, first, count, failed }, What::Outcomes(bytes, 0));
        let Some(task) = ledger.task(id) else { return };
        let (retries, doom) = (task.retries, task.doom.clone());
        let report = report.clone();
        let error = match Blame::of(self.board.stand(id), (worker, timed), attempt, retries) {
            Blame::Nobody => return,
            Blame::Doom => {
                let doom = doom.unwrap_or(TaskError::Cancelled);
                return self.give_up(ledger, id, &with_report(doom, &report));
            }
            Blame::TimedOut => TaskError::TimedOut { report: Some(report) },
            Blame::Died if attempt.number == 1 => TaskError::Died { report },
            Blame::Died => TaskError::Poisoned { report, attempts: attempt.number },
        };
        let results = Results { id, first: attempt.item, count: 1, failed: 1 };
        self.enter(ledger, results, What::Error(error));
    }
}

/// What becomes of the attempt that a dead worker was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Somebody does the item again, or it was not begun.
    Nobody,
    /// Nobody wants the task any more.
    Doom,
    /// The item took too long.
    TimedOut,
    /// The item has cost a worker too many.
    Died,
}

impl Blame {
    /// By where the task stands, the worker that is dead with the item for which it was killed, if it was
    /// because that took too long, and how often an item is tried again.
    pub(super) fn of(
        stand: Option<Stand>,
        (dead, timed): (WorkerNumber, Option<u32>),
        attempt: Attempt,
        retries: u32,
    ) -> Blame {
        match (stand, timed) {
            // If it is another that is killed for it, so it is settled when that one is buried.
            (Some(Stand::Killed(worker)), _) if worker == dead => Blame::Doom,
            // It had the task, and had not begun.
            (Some(Stand::Queued), _) => Blame::Nobody,
            (_, Some(item)) if item == attempt.item => Blame::TimedOut,
            // It was at the next item when it was killed, which somebody does again.
            (_, Some(_)) => Blame::Nobody,
            _ if attempt.number <= retries => Blame::Nobody,
            _ => Blame::Died,
        }
    }
}

fn with_report(doom: TaskError, report: &Arc<ExitReport>) -> TaskError {
    match doom {
        TaskError::TimedOut { .. } => TaskError::TimedOut { report: Some(report.clone()) },
        other => other,
    }
}
