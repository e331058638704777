//! Plain processes that have ended: what they have left, for whoever has their handle.
//!
//! What a process has returned, and how it ended, is kept until its handle is dropped or its holder dies;
//! nobody who only waits is kept here, see [`waiters`](super::waiters).

use super::launch::Role;
use super::request::{Answer, ProcessResult, SpawnFailure};
use super::thread::{Exited, Node};
use crate::exit::{ExitReason, ExitReport, KilledBy};
use crate::id::{Participant, ProcessId};
use crate::mailbox::ReplyAddress;

impl Node {
    /// The one who may ask for the end of this process has copied the result, and keeps it.
    pub(super) fn on_result_taken(&mut self, id: ProcessId) {
        let exited = self.exited.iter_mut().find(|exited| exited.id == id);
        let result = exited.and_then(|exited| exited.result.take());
        self.drop_result(result);
    }

    pub(super) fn on_plain_not_started(&mut self, spawner: Option<ReplyAddress>, report: ExitReport) {
        let failure = match report.reason {
            ExitReason::Killed { by: KilledBy::StartTimeout } => SpawnFailure::TimedOut,
            _ => SpawnFailure::Died(Box::new(report), None),
        };
        self.answer(spawner, &Answer::NotSpawned(failure));
    }

    pub(super) fn on_plain_end(
        &mut self,
        id: ProcessId,
        owner: Option<Participant>,
        joiners: Vec<ReplyAddress>,
        report: ExitReport,
        result: Option<ProcessResult>,
    ) {
        let answer = Answer::Exited { report: Box::new(report), result };
        for joiner in joiners {
            self.answer(Some(joiner), &answer);
        }
        let Answer::Exited { report, result } = answer else { return };
        match owner {
            Some(owner) => self.remember_exit(Exited { id, report: *report, result, owner }),
            None => self.drop_result(result),
        }
    }

    /// Nobody has the handle of this process any more.
    pub(super) fn forget_process(&mut self, id: ProcessId) {
        self.forget_exits(|exited| exited.id == id);
        if let Some(process) = self.processes.get_mut(&id.participant).filter(|process| process.id == id)
            && let Role::Plain { owner, .. } = &mut process.role
        {
            *owner = None;
        }
    }

    fn forget_exits(&mut self, is_meant: impl Fn(&Exited) -> bool) {
        let mut results = Vec::new();
        self.exited.retain_mut(|exited| {
            let is_meant = is_meant(exited);
            if is_meant {
                results.push(exited.result.take());
            }
            !is_meant
        });
        results.into_iter().for_each(|result| self.drop_result(result));
    }

    /// The handles that a dead process had are gone with it.
    pub(super) fn forget_processes_of(&mut self, dead: Participant) {
        self.forget_exits(|exited| exited.owner == dead);
        for process in self.processes.values_mut() {
            if let Role::Plain { owner, .. } = &mut process.role
                && *owner == Some(dead)
            {
                *owner = None;
            }
        }
    }

    pub(super) fn join_process(&mut self, id: ProcessId, reply: Option<ReplyAddress>) {
        if let Some(process) = self.processes.get_mut(&id.participant).filter(|process| process.id == id) {
            process.joiners.add(reply);
            return;
        }
        let answer = match self.exited.iter().find(|exited| exited.id == id) {
            Some(Exited { report, result, .. }) => {
                Answer::Exited { report: Box::new(report.clone()), result: result.clone() }
            }
            None => Answer::NoProc,
        };
        self.answer(reply, &answer);
    }
}
