//! [`Supervision`]: one supervisor and its children, as a state machine.
//!
//! What the driver owes:
//! - Each [`Action::Start`] is answered, by [`Event::Started`] when the child is up or by
//!   [`Event::Exited`] when that failed, within the child's start time.
//! - [`Event::Exited`] is told once per life, after the process is reaped and what it held is
//!   recovered. So a new life never overlaps the one before.
//! - Each [`Action::SetTimer`] comes back as [`Event::TimerFired`]; too late or in vain is no harm.
//!
//! What it gets: no child is started twice at once, every wait ends by a timer or by the end of a
//! process that was asked or forced to end, and [`Action::Finished`] is the last action and comes
//! when no child is left.
//!
//! Children are started one after the other, each when the one before is up, and stopped in
//! reverse, each when the one before has ended. Restarts of single children go on side by side:
//! unlike in OTP, a child that takes long to start does not delay another one's restart.
//!
//! The events are handled here; `steps.rs` has the steps that take more than one event: stopping
//! all children, and the restart of several children together.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::decision::{self, Decision};
use super::intensity::{Intensity, Limiter};
use super::spec::{AutoShutdown, ChildRules, SpecError, Strategy, SupervisorRules};
use crate::exit::{ExitReason, KilledBy};

// Without the feature it is there for the tests of this crate alone.
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(not(feature = "testing"), expect(unreachable_pub))]
pub mod simulation;
mod steps;
#[cfg(test)]
mod tests;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A child that was to be started is up.
    Started(ChildKey),
    /// A child has ended, or did not come up.
    Exited(ChildKey, ExitReason),
    /// Somebody wants a child to stop that is not alive. If it waits for the next attempt to start
    /// it, that is as if it had been started and had stopped.
    StopAsked(ChildKey),
    /// Somebody wants the supervisor to stop.
    StopRequested,
    /// The time of a timer has come.
    TimerFired(TimerId),
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a new life of a child.
    Start(ChildKey),
    /// Ask a child to stop; it may be starting still.
    AskToStop(ChildKey),
    /// Send SIGKILL to a child, which ends for certain.
    Kill(ChildKey, KilledBy),
    /// Tell when it is this late.
    SetTimer(TimerId, Instant),
    /// All children are up for the first time.
    Ready,
    /// Tell people.
    Report(Report),
    /// The supervisor is no more.
    Finished(Outcome),
}

/// What is worth telling people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A child ended by itself.
    Ended { id: String, reason: ExitReason, then: Decision },
    /// A child did not come up.
    StartFailed { id: String, reason: ExitReason },
    /// A child that was stopped did not end as it should.
    StoppedBadly { id: String, reason: ExitReason },
    /// A child would have to be restarted once more than is allowed.
    GaveUp { id: String, intensity: Intensity },
}

/// Why the supervisor is no more. For whoever supervises it, each is a shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was asked to stop.
    Stopped,
    /// This child did not come up, and the supervisor was not up yet.
    StartFailed { id: String, reason: ExitReason },
    /// This child ended like this, and to restart it would have been one restart too many.
    GaveUp { id: String, reason: ExitReason },
    /// The children that matter have ended; this was the last one.
    AutoShutdown { id: String },
}

/// A child, unique within its supervisor, in the order of starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChildKey(pub(crate) u32);

/// A timer: the child that it is for, and a number that is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerId {
    pub(crate) child: ChildKey,
    serial: u64,
}

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildState {
    /// It has not been started yet.
    New,
    /// It is being started and has not said that it is up.
    Starting,
    Up {
        since: Instant,
    },
    /// It did not come up and is tried again when the timer fires.
    Waiting {
        retry: TimerId,
    },
    /// It was asked to stop, or killed, and has not ended yet.
    Stopping {
        kill: Option<TimerId>,
    },
    /// It has ended.
    Ended,
}

/// A supervisor and its children.
#[derive(Debug)]
pub(crate) struct Supervision {
    strategy: Strategy,
    intensity: Intensity,
    auto_shutdown: AutoShutdown,
    children: BTreeMap<ChildKey, Child>,
    limiter: Limiter<ChildKey>,
    phase: Phase,
    /// What has to wait until the phase is [`Phase::Running`].
    postponed: VecDeque<(ChildKey, Postponed)>,
    timers: u64,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Child {
    rules: ChildRules,
    state: ChildState,
    /// Failed attempts to start it, since it last was up for long.
    failed_starts: u32,
    restarts: u64,
}

#[derive(Debug)]
enum Phase {
    /// Children are started for the first time.
    Starting,
    Running,
    /// Several children are restarted together.
    Cycling(steps::Cycle),
    Stopping(Outcome),
    Finished,
}

#[derive(Debug)]
enum Postponed {
    /// The child ended by itself.
    End(ExitReason),
    /// The wait before the next attempt to start the child is over.
    Retry,
}

impl Supervision {
    /// A supervisor whose children are not started yet; child `n` of the rules is `ChildKey(n)`.
    ///
    /// # Errors
    ///
    /// Rules that cannot work.
    pub(crate) fn new(rules: SupervisorRules) -> Result<Supervision, SpecError> {
        rules.check()?;
        let children = rules.children.into_iter().map(Child::new);
        Ok(Supervision {
            strategy: rules.strategy,
            intensity: rules.intensity,
            auto_shutdown: rules.auto_shutdown,
            children: (0..).map(ChildKey).zip(children).collect(),
            limiter: Limiter::new(rules.intensity),
            phase: Phase::Starting,
            postponed: VecDeque::new(),
            timers: 0,
            actions: Vec::new(),
        })
    }

    /// Starts the first child.
    pub(crate) fn begin(&mut self) -> Vec<Action> {
        self.start_next_new();
        std::mem::take(&mut self.actions)
    }

    /// Takes note of what happened, and that it is `now`, and says what is to be done. An event
    /// that does not fit the state of its child, such as a timer of an earlier life, does nothing.
    pub(crate) fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Started(key) => self.on_started(key, now),
            Event::Exited(key, reason) => self.on_exited(key, reason, now),
            Event::StopAsked(key) => self.on_stop_asked(key),
            Event::StopRequested => self.shut_down(Outcome::Stopped, now),
            Event::TimerFired(timer) => self.on_timer(timer),
        }
        self.catch_up(now);
        std::mem::take(&mut self.actions)
    }

    /// The children in the order of starting: state, and how often each was restarted.
    pub(crate) fn children(&self) -> impl Iterator<Item = (ChildKey, &ChildRules, ChildState, u64)> {
        self.children.iter().map(|(key, child)| (*key, &child.rules, child.state, child.restarts))
    }

    /// Whether a child has ended and is not started again.
    pub(crate) fn is_over(&self, key: ChildKey) -> bool {
        let has_ended = self.children.get(&key).is_none_or(|child| child.state == ChildState::Ended);
        // Children that are stopped to be restarted together end in between.
        has_ended && !matches!(self.phase, Phase::Cycling(_)) && !self.postponed.iter().any(|(other, _)| *other == key)
    }

    fn on_started(&mut self, key: ChildKey, now: Instant) {
        let Some(child) = self.children.get_mut(&key) else { return };
        // A child that was asked to stop meanwhile stays in that state.
        if child.state != ChildState::Starting {
            return;
        }
        child.state = ChildState::Up { since: now };
        match self.phase {
            Phase::Starting => self.start_next_new(),
            Phase::Cycling(_) => self.advance_cycle(now),
            Phase::Running | Phase::Stopping(_) | Phase::Finished => {}
        }
    }

    fn on_exited(&mut self, key: ChildKey, reason: ExitReason, now: Instant) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let before = child.state;
        match before {
            ChildState::New | ChildState::Waiting { .. } | ChildState::Ended => return,
            ChildState::Up { since } => child.note_uptime(now.saturating_duration_since(since)),
            ChildState::Starting | ChildState::Stopping { .. } => {}
        }
        child.state = ChildState::Ended;
        match (before, &self.phase) {
            (ChildState::Stopping { .. }, _) | (_, Phase::Stopping(_)) => {
                self.on_stopped(key, reason, now);
            }
            (_, Phase::Cycling(cycle)) if cycle.is_to_stop(key) => self.on_stopped(key, reason, now),
            (ChildState::Starting, _) => self.on_start_failed(key, reason, now),
            _ => self.postponed.push_back((key, Postponed::End(reason))),
        }
    }

    fn on_stop_asked(&mut self, key: ChildKey) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let is_retry =
            |(other, postponed): &(ChildKey, Postponed)| *other == key && matches!(postponed, Postponed::Retry);
        if matches!(child.state, ChildState::Waiting { .. }) {
            child.state = ChildState::Ended;
        } else if let Some(place) = self.postponed.iter().position(is_retry) {
            self.postponed.remove(place);
        } else {
            return;
        }
        self.postponed.push_back((key, Postponed::End(ExitReason::Shutdown(None))));
    }

    fn on_timer(&mut self, timer: TimerId) {
        let Some(child) = self.children.get_mut(&timer.child) else { return };
        match child.state {
            ChildState::Waiting { retry } if retry == timer => {
                child.state = ChildState::Ended;
                self.postponed.push_back((timer.child, Postponed::Retry));
            }
            ChildState::Stopping { kill: Some(kill) } if kill == timer => self.kill(timer.child),
            _ => {}
        }
    }

    /// Handles what may have waited, as long as nothing else is going on.
    fn catch_up(&mut self, now: Instant) {
        while matches!(self.phase, Phase::Running) {
            let Some((key, postponed)) = self.postponed.pop_front() else { return };
            // It may have been started again, together with others.
            if self.children.get(&key).is_none_or(|child| child.state != ChildState::Ended) {
                continue;
            }
            match postponed {
                Postponed::End(reason) => self.on_ended(key, reason, now),
                Postponed::Retry => self.restart_now(key, now),
            }
        }
    }

    /// A child that was started did not come up.
    fn on_start_failed(&mut self, key: ChildKey, reason: ExitReason, now: Instant) {
        let child = self.children.get_mut(&key).expect("the child that failed is known");
        child.failed_starts = child.failed_starts.saturating_add(1);
        let id = child.rules.id.clone();
        self.report(Report::StartFailed { id: id.clone(), reason: reason.clone() });
        match self.phase {
            Phase::Starting => self.shut_down(Outcome::StartFailed { id, reason }, now),
            _ if matches!(reason, ExitReason::DoNotRestart(_)) => {
                self.end_for_good(key, Decision::Keep, now);
                self.advance_cycle(now);
            }
            _ => {
                // The new attempt is a new cycle, with all that this one has left undone.
                self.phase = Phase::Running;
                self.restart(key, reason, now);
            }
        }
    }

    /// A child that was up ended by itself.
    fn on_ended(&mut self, key: ChildKey, reason: ExitReason, now: Instant) {
        let rules = &self.children[&key].rules;
        let then = decision::decide(rules.restart, &reason);
        if decision::is_worth_a_report(rules.restart, &reason) {
            let id = rules.id.clone();
            self.report(Report::Ended { id, reason: reason.clone(), then });
        }
        match then {
            Decision::Restart => self.restart(key, reason, now),
            Decision::Keep | Decision::Remove => self.end_for_good(key, then, now),
        }
    }

    /// A child has ended that was to be stopped.
    fn on_stopped(&mut self, key: ChildKey, reason: ExitReason, now: Instant) {
        let rules = &self.children[&key].rules;
        if !decision::is_expected_when_stopped(rules.restart, rules.shutdown, &reason) {
            let id = rules.id.clone();
            self.report(Report::StoppedBadly { id, reason });
        }
        match self.phase {
            Phase::Stopping(_) => self.stop_last(now),
            _ => self.advance_cycle(now),
        }
    }

    fn report(&mut self, report: Report) {
        self.actions.push(Action::Report(report));
    }
}

impl Child {
    fn new(rules: ChildRules) -> Child {
        Child { rules, state: ChildState::New, failed_starts: 0, restarts: 0 }
    }

    fn note_uptime(&mut self, uptime: Duration) {
        if self.rules.backoff.reset_after <= uptime {
            self.failed_starts = 0;
        }
    }

    fn is_alive(&self) -> bool {
        matches!(self.state, ChildState::Starting | ChildState::Up { .. } | ChildState::Stopping { .. })
    }
}
