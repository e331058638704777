//! Reports of those who died with something in their hands that others will come to later: the owner of a
//! lock, the other end of a pipe. Kept for as long as that is there.

use std::collections::VecDeque;
use std::sync::Arc;

use super::request::Answer;
use super::thread::Node;
use crate::exit::ExitReport;
use crate::id::{ProcessId, WindowId};
use crate::mailbox::ReplyAddress;

/// How many are kept; of more the oldest is forgotten, and whoever asks for it is told of no report.
const KEPT_MAX: usize = 4096;

/// What is kept, the oldest first.
#[derive(Default)]
pub(super) struct Obituaries {
    kept: VecDeque<Obituary>,
}

struct Obituary {
    left: WindowId,
    dead: ProcessId,
    report: Arc<ExitReport>,
}

impl Obituaries {
    fn keep(&mut self, left: WindowId, dead: ProcessId, report: Arc<ExitReport>) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Obituary { left, dead, report });
    }

    fn find(&self, left: WindowId, dead: ProcessId) -> Option<&ExitReport> {
        let found = self.kept.iter().rev().find(|kept| kept.left == left && kept.dead == dead);
        found.map(|kept| &*kept.report)
    }

    /// That is gone, so nobody will ask.
    pub(super) fn forget(&mut self, left: WindowId) {
        self.kept.retain(|kept| kept.left != left);
    }
}

impl Node {
    /// Keeps the report of a dead process for those who come to what it had in its hands.
    pub(super) fn mourn(&mut self, left: &[WindowId], dead: ProcessId, report: &ExitReport) {
        if let Some((last, others)) = left.split_last() {
            let report = Arc::new(report.clone());
            others.iter().for_each(|left| self.obituaries.keep(*left, dead, report.clone()));
            self.obituaries.keep(*last, dead, report);
        }
    }

    pub(super) fn give_obituary(&self, left: WindowId, dead: ProcessId, reply: Option<ReplyAddress>) {
        let answer = match self.obituaries.find(left, dead) {
            Some(report) => Answer::Obituary(Box::new(report.clone())),
            None => Answer::NoProc,
        };
        self.answer(reply, &answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Participant;

    fn report(name: &str) -> Arc<ExitReport> {
        Arc::new(ExitReport::no_proc(name.to_owned(), None))
    }

    const LEFT: WindowId = WindowId { index: 7, generation: 1 };

    fn process(generation: u32) -> ProcessId {
        ProcessId { participant: Participant(2), generation }
    }

    #[test]
    fn smoke() {
        let mut kept = Obituaries::default();
        let other = WindowId { generation: 2, ..LEFT };
        kept.keep(LEFT, process(1), report("first"));
        kept.keep(other, process(1), report("elsewhere"));
        kept.keep(LEFT, process(2), report("second"));
        let name = |kept: &Obituaries, left, dead| kept.find(left, dead).map(|report| report.process.clone());
        assert_eq!(name(&kept, LEFT, process(1)).as_deref(), Some("first"));
        assert_eq!(name(&kept, LEFT, process(3)), None);
        kept.forget(LEFT);
        assert_eq!(name(&kept, LEFT, process(2)), None);
        assert_eq!(name(&kept, other, process(1)).as_deref(), Some("elsewhere"));
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut kept = Obituaries::default();
        for generation in 0..=KEPT_MAX as u32 {
            kept.keep(LEFT, process(generation), report("one"));
        }
        assert!(kept.find(LEFT, process(0)).is_none() && kept.find(LEFT, process(1)).is_some());
    }
}
