//! The steps of a [`Supervision`] that take more than one event, and the single ones they consist
//! of.
//!
//! Each of the three sequences (start all, stop all, restart several together) has one function
//! that looks at the children's states and takes the next step, if there is one to take. It is
//! called again after every event that could have made room for it, so a sequence keeps no place
//! of its own that could disagree with the children.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Action, Child, ChildKey, ChildState, Outcome, Phase, Report, Supervision, TimerId};
use crate::core::decision::Decision;
use crate::core::plan;
use crate::core::spec::{AutoShutdown, Shutdown, Strategy};
use crate::exit::{ExitReason, KilledBy};
use crate::planted::planted;

/// What is left of a restart of several children together.
#[derive(Debug)]
pub(super) struct Cycle {
    /// To be stopped, in this order.
    stop: VecDeque<ChildKey>,
    /// To be forgotten when they are stopped.
    remove: Vec<ChildKey>,
    /// To be started then, in this order.
    start: VecDeque<ChildKey>,
    /// The one that is being started.
    starting: Option<ChildKey>,
}

impl Cycle {
    pub(super) fn is_to_stop(&self, key: ChildKey) -> bool {
        self.stop.contains(&key)
    }
}

impl Supervision {
    /// The first start: one child after the other.
    pub(super) fn start_next_new(&mut self) {
        let is_new = |(_, child): &(&ChildKey, &Child)| child.state == ChildState::New;
        match self.children.iter().find(is_new) {
            Some((key, _)) => self.start(*key),
            None => {
                self.phase = Phase::Running;
                self.actions.push(Action::Ready);
            }
        }
    }

    /// Stops all children, for good.
    pub(super) fn shut_down(&mut self, outcome: Outcome, now: Instant) {
        if matches!(self.phase, Phase::Stopping(_) | Phase::Finished) {
            return;
        }
        self.phase = Phase::Stopping(outcome);
        self.postponed.clear();
        for child in self.children.values_mut() {
            if matches!(child.state, ChildState::Waiting { .. }) {
                child.state = ChildState::Ended;
            }
        }
        self.stop_last(now);
    }

    /// The end: one child after the other, the last one first.
    pub(super) fn stop_last(&mut self, now: Instant) {
        let mut children = self.children.iter();
        let is_alive = |(_, child): &(&ChildKey, &Child)| child.is_alive();
        let alive = if planted!(StopInOrder) { children.find(is_alive) } else { children.rev().find(is_alive) };
        match alive.map(|(key, child)| (*key, child.state)) {
            Some((_, ChildState::Stopping { .. })) => {}
            Some((key, _)) => self.stop(key, now),
            None => {
                let phase = std::mem::replace(&mut self.phase, Phase::Finished);
                if let Phase::Stopping(outcome) = phase {
                    self.actions.push(Action::Finished(outcome));
                }
            }
        }
    }

    /// Restarts a child that has ended, unless that is one restart too many. Every attempt counts.
    pub(super) fn restart(&mut self, key: ChildKey, reason: ExitReason, now: Instant) {
        let admitted = self.limiter.admit(key, now);
        let child = self.children.get_mut(&key).expect("the child to restart is known");
        if !admitted {
            let id = child.rules.id.clone();
            let intensity = self.intensity;
            self.report(Report::GaveUp { id: id.clone(), intensity });
            return self.shut_down(Outcome::GaveUp { id, reason }, now);
        }
        if child.failed_starts == 0 {
            return self.restart_now(key, now);
        }
        let wait = child.rules.backoff.delay(child.failed_starts);
        self.limiter.pause(key, wait);
        let retry = self.set_timer(key, now + wait);
        self.set_state(key, ChildState::Waiting { retry });
    }

    /// Restarts a child that has ended, with those that the strategy puts to it.
    pub(super) fn restart_now(&mut self, key: ChildKey, now: Instant) {
        match self.strategy {
            // A single start needs no cycle, and so several can go on side by side.
            Strategy::OneForOne => self.start_again(key),
            Strategy::OneForAll | Strategy::RestForOne => {
                self.phase = Phase::Cycling(self.plan_cycle(key));
                self.advance_cycle(now);
            }
        }
    }

    fn plan_cycle(&self, failed: ChildKey) -> Cycle {
        let keys: Vec<ChildKey> = self.children.keys().copied().collect();
        let types: Vec<_> = self.children.values().map(|child| child.rules.restart).collect();
        let failed = keys.partition_point(|key| *key < failed);
        let plan = plan::plan(self.strategy, &types, failed);
        let key = |position: usize| keys[position];
        Cycle {
            stop: plan.stop.into_iter().map(key).collect(),
            remove: plan.remove.into_iter().map(key).collect(),
            start: plan.start.into_iter().map(key).collect(),
            starting: None,
        }
    }

    /// Takes the next step of a cycle: first all stops, then all starts, one after the other.
    pub(super) fn advance_cycle(&mut self, now: Instant) {
        let Phase::Cycling(cycle) = &mut self.phase else { return };
        while let Some(key) = cycle.stop.front().copied() {
            let child = self.children.get_mut(&key).expect("children leave after their cycle");
            match child.state {
                ChildState::Stopping { .. } => return,
                ChildState::Starting | ChildState::Up { .. } => return self.stop(key, now),
                ChildState::New | ChildState::Waiting { .. } | ChildState::Ended => {
                    child.state = ChildState::Ended;
                    cycle.stop.pop_front();
                }
            }
        }
        for key in cycle.remove.drain(..) {
            self.children.remove(&key);
        }
        let is_starting = |key| self.children[&key].state == ChildState::Starting;
        if cycle.starting.is_some_and(is_starting) {
            return;
        }
        cycle.starting = cycle.start.pop_front();
        match cycle.starting {
            Some(key) => self.start_again(key),
            None => self.phase = Phase::Running,
        }
    }

    /// A child is not started again; the supervisor may end with it.
    pub(super) fn end_for_good(&mut self, key: ChildKey, then: Decision, now: Instant) {
        let rules = self.children[&key].rules.clone();
        if then == Decision::Remove {
            self.children.remove(&key);
        }
        let mut others = self.children.iter().filter(|(other, _)| **other != key);
        let is_active = |child: &Child| child.state != ChildState::Ended;
        let ends_all = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => rules.significant,
            AutoShutdown::AllSignificant => {
                rules.significant && !others.any(|(_, other)| other.rules.significant && is_active(other))
            }
        };
        if ends_all {
            self.shut_down(Outcome::AutoShutdown { id: rules.id }, now);
        }
    }

    fn start_again(&mut self, key: ChildKey) {
        let child = self.children.get_mut(&key).expect("the child to start is known");
        child.restarts += 1;
        self.start(key);
    }

    fn start(&mut self, key: ChildKey) {
        self.set_state(key, ChildState::Starting);
        self.actions.push(Action::Start(key));
    }

    /// Begins to stop a child that is alive, as its rules say.
    fn stop(&mut self, key: ChildKey, now: Instant) {
        let shutdown = self.children[&key].rules.shutdown;
        if shutdown == Shutdown::Kill {
            return self.kill(key);
        }
        self.actions.push(Action::AskToStop(key));
        // A time that is past the end of the clock is no limit.
        let limit = match shutdown {
            Shutdown::After(time) => now.checked_add(time),
            Shutdown::Kill | Shutdown::Wait => None,
        };
        let kill = limit.map(|at| self.set_timer(key, at));
        self.set_state(key, ChildState::Stopping { kill });
    }

    /// Kills a child that is to be stopped and had its time, if it was given any.
    pub(super) fn kill(&mut self, key: ChildKey) {
        self.set_state(key, ChildState::Stopping { kill: None });
        self.actions.push(Action::Kill(key, KilledBy::ShutdownTimeout));
    }

    fn set_timer(&mut self, child: ChildKey, at: Instant) -> TimerId {
        let timer = TimerId { child, serial: self.timers };
        self.timers += 1;
        if !planted!(ForgetTimers) {
            self.actions.push(Action::SetTimer(timer, at));
        }
        timer
    }

    fn set_state(&mut self, key: ChildKey, state: ChildState) {
        self.children.get_mut(&key).expect("the child is known").state = state;
    }
}
