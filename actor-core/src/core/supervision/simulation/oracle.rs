//! [`Oracle`]: what supervision may and must decide, said a second time and in another way.
//!
//! It knows the rules, what was told and what was answered, and nothing of how that came about. Where an
//! answer depends on more than that (several children that are restarted together, waits between
//! attempts) it says nothing; the world looks at what comes of it.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::core::spec::{ChildRules, Restart, Shutdown, Strategy, SupervisorRules};
use crate::core::supervision::{Action, ChildKey, ChildState, Event, Report};
use crate::exit::ExitReason;

pub(super) struct Oracle {
    rules: SupervisorRules,
    starts: BTreeMap<ChildKey, u64>,
    /// Who would have to be started again, by his rules and by how he ended.
    has_ended: Option<(ChildKey, bool)>,
    /// When somebody was started again, one after the other.
    restarts: Vec<Instant>,
    is_ready: bool,
    is_stopping: bool,
    has_finished: bool,
    /// Each restart was made at the moment of the end that it is for.
    is_punctual: bool,
}

impl Oracle {
    pub(super) fn new(rules: SupervisorRules) -> Oracle {
        Oracle {
            rules,
            starts: BTreeMap::new(),
            has_ended: None,
            restarts: Vec::new(),
            is_ready: false,
            is_stopping: false,
            has_finished: false,
            is_punctual: true,
        }
    }

    pub(super) fn has_finished(&self) -> bool {
        self.has_finished
    }

    /// All children have been up at once.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub(super) fn clock_goes_back(&mut self) {
        self.is_punctual = false;
    }

    pub(super) fn fork_fails(&mut self) {
        self.is_punctual = false;
    }

    /// Whether a child may stay for as long as it likes after it was asked to stop.
    pub(super) fn may_wait(shutdown: Shutdown) -> bool {
        shutdown == Shutdown::Wait
    }

    /// Whether a child is started only when all the others are up.
    pub(super) fn one_by_one(&self) -> bool {
        !self.is_ready || self.rules.strategy != Strategy::OneForOne
    }

    fn child(&self, key: ChildKey) -> Option<&ChildRules> {
        self.rules.children.get(key.0 as usize)
    }

    /// Looks at what is about to be told, and at how things are before.
    pub(super) fn sees<'a>(
        &mut self,
        event: &Event,
        mut children: impl Iterator<Item = (ChildKey, &'a ChildRules, ChildState, u64)>,
    ) {
        self.has_ended = None;
        self.is_stopping |= *event == Event::StopRequested;
        let Event::Exited(key, reason) = event else { return };
        let state = children.find(|(other, ..)| other == key).map(|(_, _, state, _)| state);
        self.is_punctual &= !matches!(state, Some(ChildState::Starting));
        let is_up = matches!(state, Some(ChildState::Up { .. }));
        if is_up && self.is_ready && !self.is_stopping && self.rules.strategy == Strategy::OneForOne {
            self.has_ended = self.child(*key).map(|rules| (*key, is_restarted(rules.restart, reason)));
        }
    }

    /// Compares what was decided with what may be.
    pub(super) fn allows(&mut self, event: Option<&Event>, actions: &[Action], now: Instant) -> Result<(), String> {
        if self.has_finished && !actions.is_empty() {
            return Err(format!("after the end: {actions:?}"));
        }
        self.ends_are_answered(actions)?;
        for action in actions {
            self.allows_one(action, now).map_err(|why| format!("{why}, after {event:?}: {actions:?}"))?;
        }
        Ok(())
    }

    fn ends_are_answered(&self, actions: &[Action]) -> Result<(), String> {
        let Some((key, is_restarted)) = self.has_ended else { return Ok(()) };
        // One whose last attempts have failed may have to wait.
        let is_start = |action: &Action| match action {
            Action::Start(other) => *other == key,
            Action::SetTimer(timer, _) => timer.child == key,
            _ => false,
        };
        let is_started = actions.iter().any(is_start);
        let gives_up = actions.iter().any(|action| matches!(action, Action::Report(Report::GaveUp { .. })));
        match is_restarted {
            true if !is_started && !gives_up => Err(format!("{key:?} has to be started again: {actions:?}")),
            false if is_started || gives_up => Err(format!("{key:?} must not be started again: {actions:?}")),
            _ => Ok(()),
        }
    }

    fn allows_one(&mut self, action: &Action, now: Instant) -> Result<(), String> {
        match action {
            Action::Start(key) => return self.allows_start(*key, now),
            Action::Ready if self.is_ready => return Err("ready twice".into()),
            Action::Ready => self.is_ready = true,
            Action::Report(Report::GaveUp { .. }) => {
                self.is_stopping = true;
                let lately = self.restarts_at(now);
                let allowed = self.rules.intensity.restarts as usize;
                let is_known = self.is_punctual && self.rules.strategy == Strategy::OneForOne;
                if is_known && lately < allowed {
                    return Err(format!("it gives up after {lately} restarts, and {allowed} are allowed"));
                }
            }
            // A single child is stopped only together with all the others.
            Action::AskToStop(_) | Action::Kill(..) => {
                self.is_stopping |= self.rules.strategy == Strategy::OneForOne;
            }
            Action::Finished(_) => (self.has_finished, self.is_stopping) = (true, true),
            Action::SetTimer(..) | Action::Report(_) => {}
        }
        Ok(())
    }

    fn allows_start(&mut self, key: ChildKey, now: Instant) -> Result<(), String> {
        if self.has_finished || self.is_stopping {
            return Err(format!("{key:?} is started while all are stopped"));
        }
        let Some(rules) = self.child(key) else { return Err(format!("{key:?} is not known")) };
        let (is_temporary, id) = (rules.restart == Restart::Temporary, rules.id.clone());
        let count = self.starts.entry(key).or_default();
        *count += 1;
        if *count == 1 {
            return Ok(());
        }
        if is_temporary
            && self.rules.strategy == Strategy::OneForOne
            && self.has_ended.is_some_and(|(own, _)| own == key)
        {
            return Err(format!("the temporary child {id} is started again"));
        }
        self.restarts.push(now);
        let (lately, allowed) = (self.restarts_at(now), self.rules.intensity.restarts as usize);
        let is_known = self.is_punctual && self.rules.strategy == Strategy::OneForOne;
        if is_known && allowed < lately {
            return Err(format!("{lately} restarts within the period, and {allowed} are allowed"));
        }
        Ok(())
    }

    /// The restarts that lie at most a period back.
    fn restarts_at(&self, now: Instant) -> usize {
        let period = self.rules.intensity.period;
        self.restarts.iter().rev().take_while(|at| now.saturating_duration_since(**at) <= period).count()
    }
}

fn is_restarted(restart: Restart, reason: &ExitReason) -> bool {
    let is_expected = matches!(reason, ExitReason::Normal | ExitReason::Shutdown(_));
    let is_pointless = matches!(reason, ExitReason::DoNotRestart(_));
    match restart {
        Restart::Permanent => !is_pointless,
        Restart::Transient => !is_pointless && !is_expected,
        Restart::Temporary => false,
    }
}
