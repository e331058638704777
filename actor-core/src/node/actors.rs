//! Actors as the node sees them: a mailbox that stays, a specification, and one life at a time.

use std::time::Duration;

use super::launch::{Plan, Role};
use super::reap::index_of;
use super::request::{ActorSpec, Answer, SpawnFailure};
use super::thread::Node;
use super::timers::Timer;
use super::waiters::Waiters;
use crate::core::{ChildKey, Event};
use crate::exit::{ExitReason, ExitReport, KilledBy};
use crate::id::{ActorId, Incarnation, Participant, ProcessId};
use crate::logs;
use crate::mailbox::{Mailbox, ReplyAddress};
use crate::reply;
use crate::wire::Bytes;

/// An actor, from the making of its mailbox to its end for good.
pub(super) struct Actor {
    pub(super) mailbox: Mailbox,
    pub(super) spec: ActorSpec,
    pub(super) owner: Owner,
    /// Who lives the current life.
    pub(super) participant: Option<Participant>,
    life: u32,
    spawner: Option<ReplyAddress>,
    /// They wait for the end of this life.
    stoppers: Waiters,
    /// They wait for the end for good.
    joiners: Waiters,
    pub(super) last: Option<ExitReport>,
    /// How the lives ended that had the message in hand which is handed out again.
    pub(super) deaths_in_hand: Vec<ExitReason>,
}

impl Actor {
    /// The present life, or the last.
    pub(super) fn incarnation(&self) -> Incarnation {
        Incarnation { actor: self.mailbox.id(), life: self.life }
    }
}

/// Who decides what happens when a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody: the first end is the end for good.
    Nobody,
    /// Made by this process for a supervisor that has not been started.
    Builder(Participant),
    Supervisor {
        id: u64,
        key: ChildKey,
    },
}

impl Node {
    pub(super) fn spawn_actor(&mut self, spec: ActorSpec, reply: Option<ReplyAddress>) {
        if let Some(text) = self.cannot_be_parent(spec.parent) {
            return self.answer(reply, &Answer::NotSpawned(SpawnFailure::System(text)));
        }
        let started = self.make_actor(spec, Owner::Nobody).and_then(|id| {
            let index = index_of(id);
            if let Some(actor) = self.actors.get_mut(&index) {
                actor.spawner = reply;
            }
            self.start_life(index).inspect_err(|_| self.forget_actor(index))
        });
        if let Err(failure) = started {
            self.answer(reply, &Answer::NotSpawned(failure));
        }
    }

    /// Makes the mailbox of an actor and starts nothing.
    pub(super) fn make_actor(&mut self, spec: ActorSpec, owner: Owner) -> Result<ActorId, SpawnFailure> {
        if self.ending.is_some() {
            return Err(SpawnFailure::System("the node is ending".into()));
        }
        let mailbox =
            Mailbox::make(self.segment, spec.mailbox).map_err(|error| SpawnFailure::System(error.to_string()))?;
        let actor = Actor {
            mailbox,
            spec,
            owner,
            participant: None,
            life: 0,
            spawner: None,
            stoppers: Waiters::default(),
            joiners: Waiters::default(),
            last: None,
            deaths_in_hand: Vec::new(),
        };
        self.actors.insert(index_of(mailbox.id()), actor);
        Ok(mailbox.id())
    }

    pub(super) fn unmake_actor(&mut self, id: ActorId) {
        let index = index_of(id);
        let is_unstarted = |actor: &Actor| actor.mailbox.id() == id && matches!(actor.owner, Owner::Builder(_));
        if self.actors.get(&index).is_some_and(is_unstarted) {
            self.forget_actor(index);
        }
    }

    /// The builders that a dead process had are gone with it.
    pub(super) fn unmake_actors_of(&mut self, dead: Participant) {
        let made = self.actors.values().filter(|actor| actor.owner == Owner::Builder(dead));
        let made: Vec<ActorId> = made.map(|actor| actor.mailbox.id()).collect();
        made.into_iter().for_each(|id| self.unmake_actor(id));
    }

    /// Starts the next life of an actor. The one before is over, reaped and recovered.
    pub(super) fn start_life(&mut self, index: u16) -> Result<(), SpawnFailure> {
        let Some(actor) = self.actors.get_mut(&index) else {
            return Err(SpawnFailure::System("the actor is gone".into()));
        };
        if actor.mailbox.is_stopping() {
            // It was asked to stop in its last life, and somebody has decided that it lives on.
            actor.mailbox.reopen();
        }
        actor.life += 1;
        let life = actor.life;
        let plan = Plan {
            name: actor.spec.name.clone(),
            entry: actor.spec.entry,
            args: actor.spec.args.0.clone(),
            mailbox: Some(actor.mailbox.id()),
            stderr: actor.spec.stderr,
            start_timeout: actor.spec.start_timeout,
            start_method: actor.spec.start_method,
            role: Role::Actor(index),
            parent: actor.spec.parent,
        };
        let mailbox = actor.mailbox;
        // Before the process can look.
        mailbox.begin_life(life);
        let participant = self.launch(plan).inspect_err(|_| mailbox.end_life())?;
        // The process may be gone already, if nothing could be executed.
        if self.processes.contains_key(&participant) {
            self.counters.restarts += u64::from(life > 1);
            if let Some(actor) = self.actors.get_mut(&index) {
                actor.participant = Some(participant);
            }
        } else {
            mailbox.end_life();
        }
        Ok(())
    }

    pub(super) fn on_actor_ready(&mut self, index: u16) {
        let Some(actor) = self.actors.get_mut(&index) else { return };
        let (spawner, owner, id) = (actor.spawner.take(), actor.owner, actor.mailbox.id());
        // Whoever asked was told that nothing would be left, or is dead.
        if spawner.is_some() && !self.deliver(spawner, &Answer::Spawned(id)) {
            self.kill_life(index, KilledBy::StartTimeout);
        }
        if let Owner::Supervisor { id, key } = owner {
            self.supervise(id, Event::Started(key));
        }
    }

    /// There never was a process for this life.
    pub(super) fn on_actor_not_started(&mut self, index: u16, failure: SpawnFailure) {
        let text = match &failure {
            SpawnFailure::System(text) => text.clone(),
            SpawnFailure::TimedOut => "it was not ready in time".into(),
            SpawnFailure::Died(report, _) => report.reason.to_string(),
        };
        let Some(actor) = self.actors.get_mut(&index) else { return };
        actor.participant = None;
        let mut report = ExitReport::no_proc(actor.spec.name.clone(), Some(actor.mailbox.id()));
        report.reason = ExitReason::Failed(format!("no process could be made: {text}"));
        match actor.spawner.take() {
            Some(reply) => {
                self.answer(Some(reply), &Answer::NotSpawned(failure));
                self.forget_actor(index);
            }
            None => self.on_life_end(index, report),
        }
    }

    /// A life has ended, and what it left behind is settled. `error` is what its `init` has returned.
    pub(super) fn on_actor_end(&mut self, index: u16, was_ready: bool, report: ExitReport, error: Option<Bytes>) {
        let Some(actor) = self.actors.get_mut(&index) else { return };
        actor.participant = None;
        if let Some(reply) = actor.spawner.take().filter(|_| !was_ready) {
            let failure = match report.reason {
                ExitReason::Killed { by: KilledBy::StartTimeout } => SpawnFailure::TimedOut,
                _ => SpawnFailure::Died(Box::new(report.clone()), error),
            };
            self.answer(Some(reply), &Answer::NotSpawned(failure));
        }
        self.on_life_end(index, report);
    }

    fn on_life_end(&mut self, index: u16, report: ExitReport) {
        let Some(actor) = self.actors.get_mut(&index) else { return };
        if !report.reason.is_normal() {
            let (actor, report) = (actor.spec.name.clone(), report.clone());
            logs::later(move || tracing::warn!(target: "actor_core", actor, "{report}"));
        }
        actor.last = Some(report.clone());
        let (owner, stoppers) = (actor.owner, actor.stoppers.take());
        match owner {
            Owner::Supervisor { id, key } => self.supervise(id, Event::Exited(key, report.reason.clone())),
            Owner::Nobody | Owner::Builder(_) => self.end_for_good(index),
        }
        let answer = Answer::Ended(Box::new(report));
        for reply in stoppers {
            self.answer(Some(reply), &answer);
        }
    }

    /// Nobody will live here any more: what is queued is settled, and references are stale.
    pub(super) fn end_for_good(&mut self, index: u16) {
        let Some(actor) = self.actors.get_mut(&index) else { return };
        let joiners = actor.joiners.take();
        let mut report = ExitReport::no_proc(actor.spec.name.clone(), Some(actor.mailbox.id()));
        if let Some(last) = &actor.last {
            report = last.clone();
        }
        self.forget_actor(index);
        let answer = Answer::Ended(Box::new(report));
        for reply in joiners {
            self.answer(Some(reply), &answer);
        }
    }

    /// Refuses new messages, settles the queued ones and gives the mailbox to be taken down.
    fn forget_actor(&mut self, index: u16) {
        let Some(actor) = self.actors.get(&index) else { return };
        let mailbox = actor.mailbox;
        let mut report = ExitReport::no_proc(actor.spec.name.clone(), Some(mailbox.id()));
        if let Some(last) = &actor.last {
            report = last.clone();
        }
        mailbox.stop(false);
        let is_empty = self.empty(&mailbox, &report);
        self.refuse_later_to(index, &report);
        self.actors.remove(&index);
        if is_empty {
            self.take_down(mailbox.id().0);
        } else {
            self.doom(mailbox, report);
        }
    }

    fn actor(&mut self, id: ActorId) -> Option<&mut Actor> {
        self.actors.get_mut(&index_of(id)).filter(|actor| actor.mailbox.id() == id)
    }

    fn process_of(&self, participant: Option<Participant>) -> Option<ProcessId> {
        participant.and_then(|participant| self.processes.get(&participant)).map(|process| process.id)
    }

    /// Whether the life that somebody wants to end, if it must be a certain one, is the present one.
    pub(super) fn is_on(&mut self, id: ActorId, only: Option<Incarnation>) -> bool {
        let is_present = |actor: &mut Actor, life| actor.life == life && actor.participant.is_some();
        only.is_none_or(|only| self.actor(id).is_some_and(|actor| is_present(actor, only.life)))
    }

    pub(super) fn stop_actor(&mut self, id: ActorId, after_all: bool, timeout: Duration, reply: Option<ReplyAddress>) {
        let Some(actor) = self.actor(id) else { return self.answer(reply, &Answer::NoProc) };
        actor.mailbox.stop(after_all);
        let (participant, owner, last) = (actor.participant, actor.owner, actor.last.clone());
        match self.process_of(participant) {
            Some(process) => {
                self.after(timeout, Timer::Kill(process, KilledBy::ShutdownTimeout));
                if let Some(actor) = self.actor(id) {
                    actor.stoppers.add(reply);
                }
            }
            None => {
                // What is not alive is not to be started, unless it would be after any stop.
                if let Owner::Supervisor { id, key } = owner {
                    self.supervise(id, Event::StopAsked(key));
                }
                self.answer(reply, &last.map_or(Answer::NoProc, |report| Answer::Ended(Box::new(report))));
            }
        }
    }

    pub(super) fn kill_actor(&mut self, id: ActorId, reply: Option<ReplyAddress>) {
        let Some(actor) = self.actor(id) else { return self.answer(reply, &Answer::NoProc) };
        let participant = actor.participant;
        match self.process_of(participant) {
            Some(process) => {
                self.kill(process, KilledBy::User);
                if let Some(actor) = self.actor(id) {
                    actor.stoppers.add(reply);
                }
            }
            None => self.answer(reply, &Answer::NoProc),
        }
    }

    fn kill_life(&mut self, index: u16, by: KilledBy) {
        let participant = self.actors.get(&index).and_then(|actor| actor.participant);
        if let Some(process) = self.process_of(participant) {
            self.kill(process, by);
        }
    }

    pub(super) fn kill_overrun(&mut self, id: ActorId, call: ReplyAddress, reply: Option<ReplyAddress>) {
        let working = self.actor(id).and_then(|actor| {
            let participant = actor.participant?;
            let (_, envelope) = actor.mailbox.in_hand(participant)?;
            // Answered is done, even if it is still in hand for a moment.
            let is_at_work = envelope.reply == Some(call) && reply::is_waited_for(call);
            // Passed on is done as well: others are at work on it then.
            (is_at_work && reply::holder(call).is(participant)).then_some(participant)
        });
        match self.process_of(working) {
            Some(process) => {
                self.kill(process, KilledBy::KillAfter);
                self.answer(reply, &Answer::Done);
            }
            None => self.answer(reply, &Answer::NoProc),
        }
    }

    pub(super) fn join_actor(&mut self, id: ActorId, reply: Option<ReplyAddress>) {
        match self.actor(id) {
            Some(actor) => actor.joiners.add(reply),
            None => self.answer(reply, &Answer::NoProc),
        }
    }
}
