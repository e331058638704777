//! Supervisors: the pure core decides, this file carries out.

use std::collections::VecDeque;
use std::time::Instant;

use super::actors::Owner;
use super::reap::index_of;
use super::request::{Answer, SpawnFailure};
use super::thread::Node;
use super::timers::Timer;
use super::waiters::Waiters;
use crate::core::{
    Action, ChildKey, ChildPhase, ChildState, ChildStatus, Event, Outcome, Report, Supervision, SupervisorEnd,
    SupervisorRules, TimerId,
};
use crate::exit::{ExitReason, ExitReport};
use crate::id::ActorId;
use crate::logs;
use crate::mailbox::ReplyAddress;

/// A supervisor that has not ended.
pub(super) struct Supervisor {
    core: Supervision,
    /// The actors, by their key.
    children: Vec<ActorId>,
    starter: Option<ReplyAddress>,
    /// They wait for its end.
    joiners: Waiters,
}

impl Supervisor {
    fn child(&self, key: ChildKey) -> Option<ActorId> {
        self.children.get(key.0 as usize).copied()
    }
}

impl Node {
    pub(super) fn start_supervisor(
        &mut self,
        rules: SupervisorRules,
        children: Vec<ActorId>,
        reply: Option<ReplyAddress>,
    ) {
        let is_known = |id: &ActorId| {
            self.actors
                .get(&index_of(*id))
                .is_some_and(|actor| actor.mailbox.id() == *id && matches!(actor.owner, Owner::Builder(_)))
        };
        if self.ending.is_some() || rules.children.len() != children.len() || !children.iter().all(is_known) {
            return self.answer(reply, &Answer::NoProc);
        }
        let core = match Supervision::new(rules) {
            Ok(core) => core,
            Err(error) => return self.answer(reply, &Answer::BadRules(error)),
        };
        self.supervisors_made += 1;
        let id = self.supervisors_made;
        for (number, child) in children.iter().enumerate() {
            if let Some(actor) = self.actors.get_mut(&index_of(*child)) {
                actor.owner = Owner::Supervisor { id, key: ChildKey(number as u32) };
            }
        }
        let mut supervisor = Supervisor { core, children, starter: reply, joiners: Waiters::default() };
        let actions = supervisor.core.begin();
        self.supervisors.insert(id, supervisor);
        self.carry_out(id, actions);
        self.handle_events();
    }

    /// Tells a supervisor what has happened and does what it decides.
    pub(super) fn supervise(&mut self, id: u64, event: Event) {
        self.events.push_back((id, event));
        // What is being carried out goes first: a start can fail at once, and then this is called
        // from within the action.
        self.handle_events();
    }

    fn handle_events(&mut self) {
        if self.is_carrying_out {
            return;
        }
        while let Some((id, event)) = self.events.pop_front() {
            let Some(supervisor) = self.supervisors.get_mut(&id) else { continue };
            let actions = supervisor.core.handle(event, Instant::now());
            self.carry_out(id, actions);
        }
    }

    fn carry_out(&mut self, id: u64, actions: Vec<Action>) {
        let was_carrying_out = std::mem::replace(&mut self.is_carrying_out, true);
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            if let Some(event) = self.act(id, action)
                && let Some(supervisor) = self.supervisors.get_mut(&id)
            {
                actions.extend(supervisor.core.handle(event, Instant::now()));
            }
        }
        self.is_carrying_out = was_carrying_out;
        self.end_lost_children(id);
        self.look_at_ending();
    }

    /// Does one thing. An event: it has happened at once.
    fn act(&mut self, id: u64, action: Action) -> Option<Event> {
        let child = |node: &Node, key| node.supervisors.get(&id).and_then(|supervisor| supervisor.child(key));
        match action {
            Action::Start(key) => {
                let index = index_of(child(self, key)?);
                match self.start_life(index) {
                    Ok(()) => return None,
                    Err(failure) => return Some(Event::Exited(key, self.not_started(index, failure))),
                }
            }
            Action::AskToStop(key) => {
                if let Some(actor) = child(self, key).and_then(|child| self.actors.get(&index_of(child))) {
                    actor.mailbox.stop(true);
                }
            }
            Action::Kill(key, by) => {
                let actor = child(self, key).and_then(|child| self.actors.get(&index_of(child)));
                let participant = actor.and_then(|actor| actor.participant);
                let process = participant.and_then(|participant| self.processes.get(&participant)).map(|it| it.id);
                if let Some(process) = process {
                    self.kill(process, by);
                }
            }
            Action::SetTimer(timer, at) => self.timers.set(at, Timer::Supervision(id, timer)),
            Action::Ready => {
                let starter = self.supervisors.get_mut(&id).and_then(|supervisor| supervisor.starter.take());
                // Whoever asked was told that nothing would be left, or is dead.
                if starter.is_some() && !self.deliver(starter, &Answer::Supervising { supervisor: id }) {
                    return Some(Event::StopRequested);
                }
            }
            Action::Report(report) => tell(report),
            Action::Finished(outcome) => self.finish_supervisor(id, outcome),
        }
        None
    }

    fn not_started(&mut self, index: u16, failure: SpawnFailure) -> ExitReason {
        let text = match failure {
            SpawnFailure::System(text) => text,
            SpawnFailure::TimedOut => "it was not ready in time".into(),
            SpawnFailure::Died(report, _) => return report.reason,
        };
        let reason = ExitReason::Failed(format!("no process could be made: {text}"));
        if let Some(actor) = self.actors.get_mut(&index) {
            let mut report = ExitReport::no_proc(actor.spec.name.clone(), Some(actor.mailbox.id()));
            report.reason = reason.clone();
            actor.last = Some(report);
        }
        reason
    }

    /// A child that has ended and is not started again has ended for good.
    fn end_lost_children(&mut self, id: u64) {
        let Some(supervisor) = self.supervisors.get(&id) else { return };
        let lost: Vec<ActorId> = (0..supervisor.children.len() as u32)
            .map(ChildKey)
            .filter(|key| supervisor.core.is_over(*key))
            .filter_map(|key| supervisor.child(key))
            .collect();
        for child in lost {
            self.end_for_good(index_of(child));
        }
    }

    fn finish_supervisor(&mut self, id: u64, outcome: Outcome) {
        let Some(mut supervisor) = self.supervisors.remove(&id) else { return };
        let report = |node: &Node, child: &str, reason: ExitReason| {
            let found = supervisor.core.children().find(|(_, rules, ..)| rules.id == child);
            let actor = found.and_then(|(key, ..)| supervisor.child(key));
            let known = actor.and_then(|actor| node.actors.get(&index_of(actor))).and_then(|actor| actor.last.clone());
            let mut report = known.unwrap_or_else(|| ExitReport::no_proc(child, actor));
            report.reason = reason;
            Box::new(report)
        };
        let mut not_started = None;
        let end = match outcome {
            Outcome::Stopped => SupervisorEnd::Stopped,
            Outcome::AutoShutdown { id } => SupervisorEnd::AutoShutdown { child: id },
            Outcome::GaveUp { id, reason } => SupervisorEnd::GaveUp { report: report(self, &id, reason), child: id },
            Outcome::StartFailed { id: child, reason } => {
                not_started = Some(Answer::SupervisorNotStarted { report: report(self, &child, reason), child });
                SupervisorEnd::Stopped
            }
        };
        // References are stale before anybody is told.
        for child in &supervisor.children {
            self.end_for_good(index_of(*child));
        }
        if let Some(answer) = not_started {
            self.answer(supervisor.starter.take(), &answer);
        }
        let answer = Answer::SupervisorEnded(end.clone());
        self.answer(supervisor.starter, &answer);
        for joiner in supervisor.joiners.take() {
            self.answer(Some(joiner), &answer);
        }
        self.remember_supervisor_end(id, end);
    }

    pub(super) fn on_supervision_timer(&mut self, id: u64, timer: TimerId) {
        self.supervise(id, Event::TimerFired(timer));
    }

    pub(super) fn stop_supervisor(&mut self, id: u64, reply: Option<ReplyAddress>) {
        self.join_supervisor(id, reply);
        self.supervise(id, Event::StopRequested);
    }

    pub(super) fn join_supervisor(&mut self, id: u64, reply: Option<ReplyAddress>) {
        if let Some(supervisor) = self.supervisors.get_mut(&id) {
            supervisor.joiners.add(reply);
            return;
        }
        let ended = self.supervisors_ended.iter().find(|(ended, _)| *ended == id);
        let answer = ended.map_or(Answer::NoProc, |(_, end)| Answer::SupervisorEnded(end.clone()));
        self.answer(reply, &answer);
    }

    pub(super) fn which_children(&self, id: u64, reply: Option<ReplyAddress>) {
        let Some(supervisor) = self.supervisors.get(&id) else { return self.answer(reply, &Answer::NoProc) };
        let status = |(key, rules, state, restarts): (ChildKey, &crate::core::ChildRules, ChildState, u64)| {
            let actor = supervisor.child(key)?;
            let participant = self.actors.get(&index_of(actor)).and_then(|actor| actor.participant);
            let pid = participant.and_then(|participant| self.processes.get(&participant)).and_then(|it| it.pid);
            Some(ChildStatus { id: rules.id.clone(), actor, phase: ChildPhase::from(state), pid, restarts })
        };
        let children = supervisor.core.children().filter_map(status).collect();
        self.answer(reply, &Answer::Children(children));
    }
}

fn tell(report: Report) {
    logs::later(move || match report {
        Report::Ended { id, reason, then } => {
            tracing::info!(target: "actor_core", child = id, %reason, ?then, "a child has ended");
        }
        Report::StartFailed { id, reason } => {
            tracing::warn!(target: "actor_core", child = id, %reason, "a child did not come up");
        }
        Report::StoppedBadly { id, reason } => {
            tracing::warn!(target: "actor_core", child = id, %reason, "a child did not stop as it should");
        }
        Report::GaveUp { id, intensity } => {
            tracing::error!(target: "actor_core", child = id, ?intensity, "too many restarts; the supervisor stops");
        }
    });
}
