//! What there is to be told to each process until the process takes it.
//!
//! Notices are kept in the order of the deaths that they are about, and a report that many are told of is
//! kept once. Nothing here decides who is told, or wakes anybody, and nothing is dropped to make room:
//! what may wait is bounded by whoever lets a process have monitors and links.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::request::{Batch, News};
use crate::exit::ExitReport;
use crate::id::{Peer, ProcessId};

/// What one answer has at most: each report may have 4 KiB of stderr.
const NEWS_PER_ANSWER: usize = 4096;
const REPORTS_PER_ANSWER: usize = 256;

/// What waits for each process. One without notices has no entry.
#[derive(Default)]
pub(super) struct Inboxes(BTreeMap<ProcessId, Inbox>);

/// What one process has not taken yet.
#[derive(Default)]
struct Inbox {
    notices: VecDeque<Notice>,
    exits: usize,
}

/// One thing to be told to a process.
pub(super) struct Notice {
    kind: NoticeKind,
    report: Arc<ExitReport>,
}

pub(super) enum NoticeKind {
    /// Of the monitor with this number.
    Down(u64),
    Exit {
        process: Option<ProcessId>,
        from: Peer,
        is_parent: bool,
    },
}

impl NoticeKind {
    fn is_exit(&self) -> bool {
        matches!(self, NoticeKind::Exit { .. })
    }
}

impl Inboxes {
    pub(super) fn push(&mut self, to: ProcessId, kind: NoticeKind, report: &Arc<ExitReport>) {
        let inbox = self.0.entry(to).or_default();
        inbox.exits += usize::from(kind.is_exit());
        inbox.notices.push_back(Notice { kind, report: report.clone() });
    }

    /// Exit signals that wait for a process.
    pub(super) fn exits_of(&self, process: ProcessId) -> usize {
        self.0.get(&process).map_or(0, |inbox| inbox.exits)
    }

    /// Ends of monitored ones that wait for a process.
    pub(super) fn downs_of(&self, process: ProcessId) -> usize {
        self.0.get(&process).map_or(0, |inbox| inbox.notices.len() - inbox.exits)
    }

    /// Whether anything waits for a process.
    pub(super) fn has_any(&self, process: ProcessId) -> bool {
        self.0.contains_key(&process)
    }

    /// `process` is to get no exit signal of `other`.
    pub(super) fn forget_exits(&mut self, process: ProcessId, other: ProcessId) {
        let Some(inbox) = self.0.get_mut(&process) else { return };
        let is_of_it = |kind: &NoticeKind| matches!(kind, NoticeKind::Exit { process: of, .. } if *of == Some(other));
        inbox.notices.retain(|notice| !is_of_it(&notice.kind));
        inbox.exits = inbox.notices.iter().filter(|notice| notice.kind.is_exit()).count();
        if inbox.notices.is_empty() {
            self.0.remove(&process);
        }
    }

    /// Nobody will take what waits for this process.
    pub(super) fn remove(&mut self, process: ProcessId) {
        self.0.remove(&process);
    }

    /// Takes as much for one process as an answer holds.
    pub(super) fn take(&mut self, process: ProcessId) -> Vec<Notice> {
        let Some(inbox) = self.0.get_mut(&process) else { return Vec::new() };
        let (mut reports, mut last) = (0, None);
        let fitting = inbox.notices.iter().take(NEWS_PER_ANSWER).take_while(|notice| {
            let report = Arc::as_ptr(&notice.report);
            reports += usize::from(last != Some(report));
            last = Some(report);
            reports <= REPORTS_PER_ANSWER
        });
        let count = fitting.count();
        let taken: Vec<Notice> = inbox.notices.drain(..count).collect();
        inbox.exits -= taken.iter().filter(|notice| notice.kind.is_exit()).count();
        if inbox.notices.is_empty() {
            self.0.remove(&process);
        }
        taken
    }

    /// Nobody took the answer: what was in it comes first again.
    pub(super) fn put_back(&mut self, process: ProcessId, taken: Vec<Notice>) {
        let inbox = self.0.entry(process).or_default();
        for notice in taken.into_iter().rev() {
            inbox.exits += usize::from(notice.kind.is_exit());
            inbox.notices.push_front(notice);
        }
    }
}

/// What was taken, as it travels: each report once, since those of one death lie side by side.
pub(super) fn batch(taken: &[Notice]) -> Batch {
    let mut batch = Batch::default();
    let mut last = None;
    for Notice { kind, report: end } in taken {
        if last != Some(Arc::as_ptr(end)) {
            last = Some(Arc::as_ptr(end));
            batch.reports.push(ExitReport::clone(end));
        }
        let report = batch.reports.len() as u32 - 1;
        batch.news.push(match *kind {
            NoticeKind::Down(number) => News::Down { number, report },
            NoticeKind::Exit { from, is_parent, .. } => News::Exit { from, is_parent, report },
        });
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Participant;

    const HERE: ProcessId = ProcessId { participant: Participant(9), generation: 1 };
    const THERE: ProcessId = ProcessId { participant: Participant(3), generation: 1 };
    const EXIT: NoticeKind = NoticeKind::Exit { process: Some(THERE), from: Peer::Main, is_parent: false };

    fn report(number: u16) -> Arc<ExitReport> {
        Arc::new(ExitReport::no_proc(number.to_string(), None))
    }

    #[test]
    fn smoke() {
        let (mut inboxes, one, other) = (Inboxes::default(), report(1), report(2));
        for (number, report) in [(1, &one), (2, &one), (3, &other)] {
            inboxes.push(HERE, NoticeKind::Down(number), report);
        }
        let batch = batch(&inboxes.take(HERE));
        assert_eq!(batch.reports, [one.as_ref().clone(), other.as_ref().clone()], "each once");
        let places = batch.news.iter().map(|news| match news {
            News::Down { number, report } => (*number, *report),
            News::Exit { .. } => panic!("no link was there"),
        });
        assert_eq!(places.collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 1)]);
        assert!(!inboxes.has_any(HERE));
    }

    #[test]
    fn an_answer_has_so_much_and_the_rest_waits() {
        let mut inboxes = Inboxes::default();
        let common = report(0);
        for number in 0..NEWS_PER_ANSWER as u64 + 1 {
            inboxes.push(HERE, NoticeKind::Down(number), &common);
        }
        assert_eq!(inboxes.take(HERE).len(), NEWS_PER_ANSWER);
        assert_eq!(inboxes.take(HERE).len(), 1);
        for number in 0..REPORTS_PER_ANSWER as u16 + 1 {
            inboxes.push(HERE, NoticeKind::Down(number.into()), &report(number));
        }
        assert_eq!(inboxes.take(HERE).len(), REPORTS_PER_ANSWER);
        assert_eq!(inboxes.take(HERE).len(), 1);
    }

    #[test]
    fn what_nobody_took_is_first_again() {
        let (mut inboxes, end) = (Inboxes::default(), report(1));
        inboxes.push(HERE, NoticeKind::Down(1), &end);
        inboxes.push(HERE, EXIT, &end);
        let taken = inboxes.take(HERE);
        inboxes.push(HERE, NoticeKind::Down(2), &end);
        inboxes.put_back(HERE, taken);
        assert_eq!((inboxes.exits_of(HERE), inboxes.downs_of(HERE)), (1, 2));
        let kinds: Vec<_> = inboxes.take(HERE).iter().map(|notice| notice.kind.is_exit()).collect();
        assert_eq!(kinds, [false, true, false]);
    }

    #[test]
    fn an_exit_signal_goes_with_its_link() {
        let (mut inboxes, end) = (Inboxes::default(), report(1));
        inboxes.push(HERE, EXIT, &end);
        inboxes.push(HERE, NoticeKind::Down(1), &end);
        inboxes.forget_exits(HERE, HERE);
        assert_eq!((inboxes.exits_of(HERE), inboxes.downs_of(HERE)), (1, 1), "it is of another");
        inboxes.forget_exits(HERE, THERE);
        assert_eq!((inboxes.exits_of(HERE), inboxes.downs_of(HERE)), (0, 1));
        inboxes.push(THERE, EXIT, &end);
        inboxes.forget_exits(THERE, THERE);
        assert!(!inboxes.has_any(THERE));
    }
}
