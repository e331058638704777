//! How a process ends: the steps after a proven death, in the order in which they must be.
//!
//! 1. The last of its stderr is read; its pipe may stay open in others' hands, so nobody waits for
//!    its end.
//! 2. Its process group is killed while the zombie still pins the number, and its control group, if it
//!    has one: what it has started does not outlive it.
//! 3. What it left half done in shared memory is repaired: it is dead, so it is not still at it.
//! 4. Its pid is taken out of its record, then it is reaped. In this order, whoever opens a
//!    descriptor by the pid and then finds the pid still in the record has the right process.
//! 5. Its report is made; the message in its hand is settled with it, and the calls that it had the duty to
//!    answer are answered with it.
//! 6. Its participant is free for others. Only now is anybody told, so a successor never meets it. Those
//!    who are linked to it or monitor it come last: to them its names are free and references stale.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Release;

use super::housekeeping::TRIM_AFTER;
use super::launch::{Process, Role};
use super::request::{Answer, ProcessResult};
use super::settle::is_done;
use super::thread::Node;
use super::timers::Timer;
use crate::exit::{
    EndRecord, Evidence, ExitReport, InHand, KilledBy, ResourceUsage, WaitStatus, came_by_link, classify,
};
use crate::id::{ActorId, Participant, ProcessId, WindowId};
use crate::logs;
use crate::mailbox::{Mailbox, ReplyAddress};
use crate::planted::planted;
use crate::reply::{self, Duty};
use crate::shm::roster::Stage;
use crate::shm::slots::Recovered;
use crate::shm::window::{Kind, Window};
use crate::shm::{blob, ends, region, slots, spin, table};
use crate::sys::pidfd::{self, End, Status};
use crate::sys::{Pid, Signal, eventfd, process};
use crate::wire::Bytes;

/// The longest result that is part of an answer. A longer one stays in its window for the joiner.
const RESULT_HERE_MAX: u64 = 4096;

impl Node {
    pub(super) fn on_death(&mut self, participant: Participant) {
        let Some(process) = self.processes.get(&participant) else { return };
        let Some(pidfd) = &process.pidfd else { return };
        // An error means that somebody else has reaped it: it is dead all the same, but its number,
        // which is its group's, may mean somebody else by now.
        let is_pinned = match pidfd::peek(pidfd.as_fd()) {
            Ok(None) => return,
            Ok(Some(_)) => true,
            Err(_) => false,
        };
        if self.segment.record(participant).begin_dying() {
            // Somebody may have asked to be told of this.
            self.serve_unrung();
        }
        // It may have been ready without anybody having looked.
        self.look_for_ready();
        self.drain_stderr(participant);
        let Some(mut process) = self.processes.remove(&participant) else { return };
        self.starting.retain(|other| *other != participant);
        let is_pinned = is_pinned && !planted!(SpareThePrograms);
        if let Some(group) = process.pid.filter(|_| is_pinned).and_then(|pid| Pid::from_raw(pid as i32)) {
            // It fails when nobody is left in the group.
            let _ = process::signal_group(group, Signal::KILL);
        }
        if !planted!(SpareThePrograms) {
            self.groups.retire(process.group);
        }
        let (report, in_hand, owed) = self.recover_and_reap(&mut process);
        self.counters.ended += 1;
        self.counters.failed += u64::from(!report.reason.is_normal());
        self.tell_end(process, report, in_hand, owed);
        self.look_at_ending();
    }

    /// Steps 3 to 5.
    fn recover_and_reap(&mut self, process: &mut Process) -> (ExitReport, Option<Mailbox>, Vec<Duty>) {
        let participant = process.id.participant;
        let record = self.segment.record(participant);
        let mailbox = match process.role {
            Role::Actor(index) => self.actors.get(&index).map(|actor| actor.mailbox),
            Role::Plain { .. } => None,
        };
        let in_hand = mailbox.and_then(|mailbox| self.in_hand(&mailbox, participant, process));
        let (owed, left) = self.recover_traces(process.id);
        record.pid.store(0, Release);
        let status = process.pidfd.as_ref().map(|pidfd| pidfd::reap(pidfd.as_fd()));
        let status = match status {
            Some(Ok(status)) => status,
            Some(Err(_)) | None => None,
        };
        let end = record.read_end();
        let end = EndRecord::from_raw(end.kind, end.text.as_bytes(), end.location.as_bytes());
        let report = self.report(process, status, end.as_ref(), in_hand);
        self.mourn(&left, process.id, &report);
        (report, mailbox, owed)
    }

    fn report(
        &mut self,
        process: &Process,
        status: Option<Status>,
        end: Option<&EndRecord>,
        in_hand: Option<InHand>,
    ) -> ExitReport {
        let wait = match status.map(|status| status.end) {
            Some(End::Exited(code)) => WaitStatus::Exited(code),
            Some(End::Signaled { signal, core }) => WaitStatus::Signaled { signal, core },
            None => WaitStatus::Unknown,
        };
        let oom = process.killed_by.is_none() && is_kill(wait) && self.memory_kills.are_more();
        let linked = process.linked.as_ref().map(|(reason, _)| reason);
        let evidence = Evidence { status: wait, record: end, killed_by: process.killed_by, oom, linked };
        let reason = classify(evidence);
        let via = process.linked.as_ref().filter(|_| came_by_link(evidence)).map(|(_, peer)| *peer);
        let usage = status.map(|status| status.usage).unwrap_or_default();
        let tail = process.stderr.as_ref().map(|stderr| stderr.tail());
        ExitReport {
            process: process.name.clone(),
            pid: process.pid.unwrap_or(0),
            actor: match process.role {
                Role::Actor(index) => self.actors.get(&index).map(|actor| actor.mailbox.id()),
                Role::Plain { .. } => None,
            },
            reason,
            via,
            core: matches!(wait, WaitStatus::Signaled { core: true, .. }),
            uptime: process.ordered_at.elapsed(),
            usage: ResourceUsage { max_rss_bytes: usage.max_rss_bytes, user: usage.user, system: usage.system },
            stderr: tail.map(|tail| tail.text()).unwrap_or_default(),
            stderr_dropped: tail.map_or(0, |tail| tail.dropped()),
            in_hand,
        }
    }

    /// The message that a dead actor had in its hand, for its report.
    fn in_hand(&self, mailbox: &Mailbox, dead: Participant, process: &Process) -> Option<InHand> {
        // One that it had come to the end of, and only not acknowledged, was not what it died of.
        let (claim, envelope) =
            mailbox.in_hand(dead).filter(|(claim, envelope)| !is_done(mailbox, *claim, envelope))?;
        let Role::Actor(index) = process.role else { return None };
        let handlers = self.actors.get(&index).map(|actor| &actor.spec.handlers)?;
        let handler = handlers.get(usize::from(envelope.handler)).cloned().unwrap_or_default();
        Some(InHand { handler, deliveries: u32::from(claim.count) + 1 })
    }

    /// Repairs every window that the dead was attached to. What it had in its own mailbox's hand
    /// is settled later, with its report, and so are the calls that it had the duty to answer, which are
    /// returned, with the windows where somebody will want to know of this end.
    pub(super) fn recover_traces(&mut self, process: ProcessId) -> (Vec<Duty>, Vec<WindowId>) {
        let dead = process.participant;
        let record = self.segment.record(dead);
        let mut traces = Traces::default();
        spin::recover(self.segment, dead);
        if let Some(index) = record.building() {
            table::recover_building(self.segment, index, dead);
        }
        for index in record.attachments().collect::<Vec<_>>() {
            let Some(window) = table::at(self.segment, index) else {
                table::recover_building(self.segment, index, dead);
                record.detach(index);
                continue;
            };
            traces.recover(&window, process);
            // The dead may have noted the wish and not have told anybody.
            if window.is_trim_asked() {
                self.after(TRIM_AFTER, Timer::Trim(index));
            }
            record.detach(index);
            self.look_after_orphan(&window, dead);
        }
        // The dead may have let go of a queue and not have asked to look at it.
        if let Some(window) = record.leaving().and_then(|index| table::at(self.segment, index)) {
            self.look_after_orphan(&window, dead);
        }
        // Of what is gone by now nobody will ask.
        traces.left.retain(|left| table::at(self.segment, left.index).is_some_and(|window| window.id == *left));
        logs::bury(self.segment, dead);
        // The dead may have taken an event's bits of async waiters and not have rung for them.
        self.segment.ring_doorbells(u64::MAX);
        // Requests of others may wait behind the one that the dead was writing, or its own may be
        // complete and not rung for: this thread sleeps on no word that the repair has changed.
        let _ = eventfd::ring(self.bell.as_fd());
        self.count_traces(traces.found, traces.extents);
        (traces.owed, traces.left)
    }

    /// Each death counts once: for the first thing in the order of this list that was found.
    fn count_traces(&mut self, found: Recovered, extents: u32) {
        match (found.writing, found.claimed, extents, found.moved) {
            (1.., ..) => self.counters.died_writing += 1,
            (_, 1.., ..) => self.counters.died_claimed += 1,
            (.., 1.., _) => self.counters.died_between += 1,
            (.., 1..) => self.counters.died_holding += 1,
            _ => {}
        }
    }

    /// A window that a dead process was attached to may be nobody's now.
    fn look_after_orphan(&mut self, window: &Window, dead: Participant) {
        let result = self.segment.record(dead).result();
        match table::kind(window) {
            Some(Kind::Replies) if window.maker() == dead => self.take_down(window.id),
            Some(Kind::Blob) if window.maker() == dead && result != Some(window.id) => self.take_down(window.id),
            // Made, and not told of.
            Some(Kind::Log) if window.maker() == dead && self.segment.record(dead).log() != Some(window.id) => {
                self.take_down(window.id);
            }
            Some(kind) if kind.is_held() => self.free_if_unused(window),
            _ => {}
        }
    }

    /// Step 6, and then whoever wants to know.
    fn tell_end(&mut self, mut process: Process, report: ExitReport, mailbox: Option<Mailbox>, owed: Vec<Duty>) {
        let participant = process.id.participant;
        let result = self.find_result(participant);
        if let Some(mailbox) = mailbox {
            // First, so that whoever is told of the end finds nobody alive.
            mailbox.end_life();
            self.settle(&mailbox, participant, &report);
        }
        self.answer_owed(owed, participant, &report);
        self.unwatch(&process);
        process.stderr = None;
        self.drop_args(process.args.take());
        self.segment.record(participant).set_stage(Stage::Free);
        self.forget_processes_of(participant);
        self.forget_later_of(process.id);
        self.unmake_actors_of(participant);
        self.roster.give_back(participant);
        let (tied, is_ready, told) = ((process.id, process.peer, process.parent), process.is_ready, report.clone());
        match process.role {
            Role::Plain { reply, owner, .. } => {
                if process.is_ready {
                    self.on_plain_end(process.id, owner, process.joiners.take(), report, result);
                } else {
                    self.drop_result(result);
                    self.on_plain_not_started(reply, report);
                }
            }
            Role::Actor(index) => {
                let error = match result {
                    Some(ProcessResult::Here(bytes)) => Some(bytes),
                    // Of an error that is as long as that, the text has to do.
                    other => {
                        self.drop_result(other);
                        None
                    }
                };
                self.on_actor_end(index, process.is_ready, report, error);
            }
        }
        self.tell_tied(tied, is_ready, told);
    }

    /// What a plain process has returned, or the `init` of an actor that failed. This thread copies none that takes time.
    pub(super) fn find_result(&mut self, participant: Participant) -> Option<ProcessResult> {
        let window = self.segment.record(participant).result()?;
        if RESULT_HERE_MAX < blob::length(self.segment, window)? {
            return Some(ProcessResult::Window(window));
        }
        let bytes = blob::read(self.segment, window);
        self.take_down(window);
        bytes.map(|bytes| ProcessResult::Here(Bytes(bytes)))
    }

    /// Nobody will read this.
    pub(super) fn drop_result(&mut self, result: Option<ProcessResult>) {
        if let Some(ProcessResult::Window(window)) = result {
            self.take_down(window);
        }
    }

    pub(super) fn signal(&mut self, id: ProcessId, signal: i32, reply: Option<ReplyAddress>) {
        let process = self.processes.get(&id.participant).filter(|process| process.id == id);
        let sent = process.and_then(|process| process.pidfd.as_ref()).is_some_and(|pidfd| {
            Signal::from_named_raw(signal).is_some_and(|signal| pidfd::send_signal(pidfd.as_fd(), signal).is_ok())
        });
        self.answer(reply, if sent { &Answer::Done } else { &Answer::NoProc });
    }

    pub(super) fn kill_process(&mut self, id: ProcessId, by: KilledBy, reply: Option<ReplyAddress>) {
        let is_there = self.processes.get(&id.participant).is_some_and(|process| process.id == id);
        self.kill(id, by);
        self.answer(reply, if is_there { &Answer::Done } else { &Answer::NoProc });
    }
}

/// What the dead has left half done.
#[derive(Default)]
struct Traces {
    found: Recovered,
    extents: u32,
    /// Calls that it had the duty to answer.
    owed: Vec<Duty>,
    /// Where somebody will want to know of its end.
    left: Vec<WindowId>,
}

impl Traces {
    /// Repairs one window.
    fn recover(&mut self, window: &Window, process: ProcessId) {
        let (dead, kind) = (process.participant, table::kind(window));
        match kind {
            Some(Kind::Queue | Kind::Pipe | Kind::Ordered) => {
                let (held, freed) = window.repair(dead);
                self.found += held;
                self.extents += freed;
            }
            Some(Kind::Mailbox) => {
                self.found += slots::recover_writing(window, dead);
                self.extents += window.recover_extents(dead);
                window.wake_everybody();
            }
            Some(Kind::Replies) if planted!(ForgetReplies) => {}
            Some(Kind::Replies) => self.owed.extend(reply::recover(window, dead)),
            // The reader of a ring takes it as it is.
            Some(_) | None => {}
        }
        let is_mourned = match kind {
            Some(Kind::Pipe) => ends::recover(window, process),
            Some(kind) => kind.is_region() && region::recover(window, kind, process),
            None => false,
        };
        self.left.extend(is_mourned.then_some(window.id));
    }
}

/// Whether it was SIGKILL, which may have come from the kernel.
fn is_kill(wait: WaitStatus) -> bool {
    let kill = Signal::KILL.as_raw();
    matches!(wait, WaitStatus::Signaled { signal, .. } if signal == kill)
}

/// The windows by which an actor is known.
pub(super) fn index_of(actor: ActorId) -> u16 {
    let WindowId { index, .. } = actor.0;
    index
}
