//! Links and monitors carried out: what [`Ties`] decides reaches those who live.
//!
//! What is to be told to a process waits here until that process takes it, and a word in its record says
//! that there is something. So a wake is only a hint: who has missed one finds the word, and an answer
//! that nobody took is put back. What waits is bounded by what the process has asked for, since each
//! monitor and each link gives one notice at most; who has too many gets no more of them, and nothing
//! is ever dropped to make room.
//!
//! A request for a monitor may come after the death that it is about, though its sender saw the other one
//! alive. So the reports of the last who died are kept, see [`Record::is_dying`].
//!
//! [`Record::is_dying`]: crate::shm::roster::Record::is_dying

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::forward;
use super::inbox::{Inboxes, NoticeKind, batch};
use super::launch::Role;
use super::request::{Answer, Batch, LINKS_MAX, MONITORS_MAX};
use super::thread::Node;
use crate::core::{Consequence, Ties, at_other_end, travelling};
use crate::exit::{ExitReason, ExitReport, KilledBy};
use crate::id::{Peer, ProcessId};
use crate::logs;
use crate::mailbox::{Mailbox, ReplyAddress};

/// Reports of the dead that are kept for monitors which come a moment too late.
const LATELY_MAX: usize = 256;
/// The code with which the program exits when `main` ends by a link.
const EXIT_CODE: i32 = 1;

/// What the node knows of ties.
#[derive(Default)]
pub(super) struct Bonds {
    ties: Ties,
    inboxes: Inboxes,
    lately: VecDeque<(ProcessId, Arc<ExitReport>)>,
    is_main_ending: bool,
}

impl Bonds {
    fn remember(&mut self, dead: ProcessId, report: &Arc<ExitReport>) {
        if self.lately.len() == LATELY_MAX {
            self.lately.pop_front();
        }
        self.lately.push_back((dead, report.clone()));
    }

    /// Whether a process may have another link.
    fn has_room_for_link(&self, process: ProcessId) -> bool {
        self.ties.links_of(process) + self.inboxes.exits_of(process) < LINKS_MAX
    }

    /// Whether a process may have another monitor. It allows itself half as many, since it does not count
    /// those that it has given up while their notice was on its way.
    fn has_room_for_monitor(&self, process: ProcessId) -> bool {
        self.ties.monitors_of(process) + self.inboxes.downs_of(process) < 2 * MONITORS_MAX
    }
}

impl Node {
    pub(super) fn lives(&self, process: ProcessId) -> bool {
        let known = self.processes.get(&process.participant);
        process == ProcessId::MAIN || known.is_some_and(|known| known.id == process)
    }

    pub(super) fn link(&mut self, by: ProcessId, peer: Peer, process: Option<ProcessId>, reply: Option<ReplyAddress>) {
        if !self.lives(by) {
            return self.answer(reply, &Answer::NoProc);
        }
        let other = process.filter(|process| self.lives(*process));
        if !self.bonds.has_room_for_link(by) || other.is_some_and(|other| !self.bonds.has_room_for_link(other)) {
            return self.answer(reply, &Answer::TooMany);
        }
        match other {
            Some(other) => self.bonds.ties.link(by, other),
            None => {
                let report = ExitReport::no_proc(peer.to_string(), peer.actor());
                self.pass_on(by, process, peer, &Arc::new(report));
            }
        }
        self.answer(reply, &Answer::Done);
    }

    pub(super) fn unlink(&mut self, by: ProcessId, process: ProcessId, reply: Option<ReplyAddress>) {
        self.bonds.ties.unlink(by, process);
        self.bonds.inboxes.forget_exits(by, process);
        self.answer(reply, &Answer::Done);
    }

    pub(super) fn monitor(&mut self, by: ProcessId, number: u64, process: ProcessId) {
        if !self.lives(by) {
            return;
        }
        if !self.bonds.has_room_for_monitor(by) {
            logs::later(move || {
                tracing::warn!(target: "actor_core", ?by, "a process that has more monitors than it may gets no more");
            });
            return;
        }
        if self.lives(process) {
            return self.bonds.ties.monitor(by, number, process);
        }
        let known = self.bonds.lately.iter().rev().find(|(dead, _)| *dead == process);
        let report = known.map(|(_, report)| report.clone());
        let report = report.unwrap_or_else(|| Arc::new(ExitReport::no_proc(format!("process {process}"), None)));
        self.bonds.inboxes.push(by, NoticeKind::Down(number), &report);
        self.announce(by);
    }

    /// A notice that is on its way already finds nobody who waits for it.
    pub(super) fn demonitor(&mut self, by: ProcessId, number: u64) {
        self.bonds.ties.demonitor(by, number);
    }

    /// Whoever asks for a process that is to be linked to it may have no more links. A text if so.
    pub(super) fn cannot_be_parent(&self, parent: Option<ProcessId>) -> Option<String> {
        let parent = parent?;
        let has_room = self.bonds.has_room_for_link(parent);
        (!has_room).then(|| format!("who starts it has {LINKS_MAX} links and exit signals already"))
    }

    /// Links a process that is being made to whoever has it made. If he is dead, nobody will be told that it
    /// is ready, and it is killed for that.
    pub(super) fn tie_to_parent(&mut self, process: ProcessId) {
        let known = self.processes.get(&process.participant);
        if let Some(parent) = known.and_then(|known| known.parent).filter(|parent| self.lives(*parent)) {
            self.bonds.ties.link(parent, process);
        }
    }

    /// A process has ended, and everybody else knows: tells those who are tied to it.
    pub(super) fn tell_tied(
        &mut self,
        (dead, peer, parent): (ProcessId, Peer, Option<ProcessId>),
        was_ready: bool,
        report: ExitReport,
    ) {
        if let Some(parent) = parent.filter(|_| !was_ready) {
            // He has been told by the answer to his spawn.
            self.bonds.ties.unlink(parent, dead);
        }
        self.bonds.inboxes.remove(dead);
        let report = Arc::new(report);
        self.bonds.remember(dead, &report);
        let segment = self.segment;
        let is_trapping = |other: ProcessId| segment.record(other.participant).is_trapping();
        let consequences = self.bonds.ties.die(dead, &report.reason, is_trapping);
        let mut told = BTreeSet::new();
        for consequence in consequences {
            match consequence {
                Consequence::Down { watcher, number } => {
                    self.bonds.inboxes.push(watcher, NoticeKind::Down(number), &report);
                    told.insert(watcher);
                }
                Consequence::Told(process) => {
                    self.tell_exit(process, Some(dead), peer, &report);
                    told.insert(process);
                }
                Consequence::Ends(process) => self.end_by_link(process, peer, &report),
            }
        }
        told.into_iter().for_each(|process| self.announce(process));
    }

    /// What a link to one that is not there does to whoever has asked for it.
    fn pass_on(&mut self, to: ProcessId, process: Option<ProcessId>, from: Peer, report: &Arc<ExitReport>) {
        match at_other_end(to, &ExitReason::NoProc, self.is_trapping(to)) {
            Some(Consequence::Told(_)) => {
                self.tell_exit(to, process, from, report);
                self.announce(to);
            }
            Some(_) => self.end_by_link(to, from, report),
            None => {}
        }
    }

    fn tell_exit(&mut self, to: ProcessId, process: Option<ProcessId>, from: Peer, report: &Arc<ExitReport>) {
        let mut is_parent = false;
        if let Some(receiver) = self.processes.get_mut(&to.participant).filter(|known| known.id == to) {
            is_parent = receiver.parent.is_some() && receiver.parent == process;
            if is_parent && receiver.killed_by.is_none() {
                // It will say that it ends for this.
                receiver.linked = Some((travelling(&report.reason, from), from));
            }
        }
        self.bonds.inboxes.push(to, NoticeKind::Exit { process, from, is_parent }, report);
    }

    /// Ends whoever is linked to `from`, who has ended like this, and whoever is linked to him in turn: a
    /// chain is not to take as long as all of its deaths one after the other.
    fn end_by_link(&mut self, process: ProcessId, from: Peer, report: &ExitReport) {
        if self.ending.is_some() {
            // Everybody ends, in order. Whoever is done first does not cut the others short.
            return;
        }
        let mut ending = VecDeque::from([(process, from, travelling(&report.reason, from))]);
        while let Some((process, from, reason)) = ending.pop_front() {
            if process == ProcessId::MAIN {
                self.end_main(from, report);
            } else if let Some(peer) = self.kill_by_link(process, from, &reason) {
                let others = self.bonds.ties.linked_to(process).filter(|other| !self.is_trapping(*other));
                ending.extend(others.map(|other| (other, peer, travelling(&reason, peer))));
            }
        }
    }

    /// Kills one who is linked to `from`. Who it is, if it is certain that it dies of nothing that would
    /// not travel further: else its end is waited for.
    fn kill_by_link(&mut self, process: ProcessId, from: Peer, reason: &ExitReason) -> Option<Peer> {
        let receiver = self.processes.get_mut(&process.participant).filter(|known| known.id == process)?;
        // Who is being killed already dies of that.
        if receiver.killed_by.is_some() {
            return None;
        }
        receiver.linked = Some((reason.clone(), from));
        let (peer, is_there) = (receiver.peer, receiver.pidfd.is_some());
        self.kill(process, KilledBy::Link(from));
        // Read after the kill: whoever had ended of itself by then, and in order, had said so before.
        (is_there && !self.segment.record(process.participant).has_end()).then_some(peer)
    }

    fn is_trapping(&self, process: ProcessId) -> bool {
        self.segment.record(process.participant).is_trapping()
    }

    /// `main` is linked to one who has failed, and does not trap that: the program ends, in order.
    fn end_main(&mut self, from: Peer, report: &ExitReport) {
        if self.ending.is_some() || std::mem::replace(&mut self.bonds.is_main_ending, true) {
            return;
        }
        let why = format!("main ends through its link to {from}: {report:#}\n");
        forward::STDERR.push(ProcessId::MAIN, "", why.as_bytes());
        // To exit is to wait for this thread, which has everything stopped.
        let exiting = std::thread::Builder::new().name("actor-exit".into());
        if exiting.spawn(|| std::process::exit(EXIT_CODE)).is_err() {
            std::process::abort();
        }
    }

    /// Says that there is something for this process, and wakes whoever waits for that.
    fn announce(&self, process: ProcessId) {
        let record = self.segment.record(process.participant);
        record.set_news(true);
        record.news.event().notify_each();
        if let Some(mailbox) = self.mailbox_of(process) {
            mailbox.announce_news();
        }
    }

    fn mailbox_of(&self, process: ProcessId) -> Option<Mailbox> {
        let known = self.processes.get(&process.participant).filter(|known| known.id == process)?;
        match known.role {
            Role::Actor(index) => self.actors.get(&index).map(|actor| actor.mailbox),
            Role::Plain { .. } => None,
        }
    }

    pub(super) fn give_news(&mut self, by: ProcessId, reply: Option<ReplyAddress>) {
        if !self.lives(by) {
            return self.answer(reply, &Answer::News(Batch::default()));
        }
        let taken = self.bonds.inboxes.take(by);
        self.segment.record(by.participant).set_news(self.bonds.inboxes.has_any(by));
        if !self.deliver(reply, &Answer::News(batch(&taken))) && !taken.is_empty() {
            self.bonds.inboxes.put_back(by, taken);
            self.announce(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Participant;

    fn process(number: u16) -> ProcessId {
        ProcessId { participant: Participant(number), generation: 1 }
    }

    fn report(number: u16) -> Arc<ExitReport> {
        Arc::new(ExitReport::no_proc(number.to_string(), None))
    }

    #[test]
    fn who_never_takes_his_exits_gets_no_more_links() {
        let (mut bonds, end) = (Bonds::default(), report(1));
        for _ in 0..LINKS_MAX {
            assert!(bonds.has_room_for_link(process(9)));
            bonds.inboxes.push(
                process(9),
                NoticeKind::Exit { process: None, from: Peer::Main, is_parent: false },
                &end,
            );
        }
        assert!(!bonds.has_room_for_link(process(9)) && bonds.has_room_for_link(process(8)));
        assert!(!bonds.inboxes.take(process(9)).is_empty());
        assert!(bonds.has_room_for_link(process(9)));
    }

    #[test]
    fn the_last_reports_are_kept_and_no_more() {
        let mut bonds = Bonds::default();
        for number in 0..2 * LATELY_MAX as u16 {
            bonds.remember(process(number), &report(number));
        }
        assert_eq!(bonds.lately.len(), LATELY_MAX);
        assert_eq!(bonds.lately.back().map(|(dead, _)| *dead), Some(process(2 * LATELY_MAX as u16 - 1)));
    }
}
