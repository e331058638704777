//! What becomes of the task that a dead worker had in its hands: what the pool tells of it.
//!
//! The task itself went back into the queue when the death was repaired, and may be in the hands of another
//! worker already, who goes on where [`Board::claim`](super::board::Board::claim) says. Both decide by the
//! last attempt of the dead and by the same rule, so neither waits for the other.

use std::sync::Arc;

use super::board::{InHand, Stand};
use super::error::TaskError;
use super::hub::Hub;
use super::ledger::{Ledger, What};
use super::message::{Outcome, Results, outcome};
use crate::exit::ExitReport;

impl Hub {
    /// Enters what the worker of this seat has left, whose death was repaired. `timed`: the item for which it
    /// was killed, if it was because that took too long.
    pub(super) fn bury(&self, number: u32, timed: Option<u32>, report: &Arc<ExitReport>) {
        // All that it has sent is in the queue by now, and entered first.
        let mut ledger = self.open();
        self.seats()[number as usize] = None;
        let Some(seat) = self.board.seat(number) else { return };
        if let Some(left) = seat.left() {
            self.settle_left(&mut ledger, left, timed, report);
        }
        seat.clear();
        drop(ledger);
        self.tasks.wake_workers();
    }

    fn settle_left(&self, ledger: &mut Ledger, left: InHand, timed: Option<u32>, report: &Arc<ExitReport>) {
        let InHand { id, attempt, first, count, bytes } = left;
        let failed = failures(&bytes, count);
        self.enter(ledger, Results { id, first, count, failed }, What::Outcomes(bytes, 0));
        let Some(task) = ledger.task(id) else { return };
        let (retries, doom) = (task.retries, task.doom.clone());
        let error = match (self.board.stand(id), timed) {
            (Some(Stand::Killed), _) => {
                let doom = doom.unwrap_or(TaskError::Cancelled);
                return self.give_up(ledger, id, &with_report(doom, report));
            }
            // It had the task, and had not begun.
            (Some(Stand::Queued), _) => return,
            (_, Some(item)) if item == attempt.item => TaskError::TimedOut { report: Some(report.clone()) },
            // It was at the next item when it was killed, which somebody does again.
            (_, Some(_)) => return,
            _ if attempt.number <= retries => return,
            _ if attempt.number == 1 => TaskError::Died { report: report.clone() },
            _ => TaskError::Poisoned { report: report.clone(), attempts: attempt.number },
        };
        let results = Results { id, first: attempt.item, count: 1, failed: 1 };
        self.enter(ledger, results, What::Error(error));
    }
}

fn with_report(doom: TaskError, report: &Arc<ExitReport>) -> TaskError {
    match doom {
        TaskError::TimedOut { .. } => TaskError::TimedOut { report: Some(report.clone()) },
        other => other,
    }
}

/// How many of these outcomes are no values.
fn failures(bytes: &[u8], count: u32) -> u32 {
    let mut at = 0;
    let mut failed = 0;
    for _ in 0..count {
        let Some((kind, _, next)) = outcome(bytes, at) else { break };
        failed += u32::from(kind != Outcome::Returned);
        at = next;
    }
    failed
}
