//! All that can be said about a supervisor and its children, with defaults and what is refused.
//!
//! A child's rules say nothing about what the child is: how to start it is the driver's business.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::intensity::Intensity;

/// What a supervisor does when a child has ended by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Restart {
    /// Start it again, however it ended. The default.
    #[default]
    Permanent,
    /// Start it again unless it ended normally.
    Transient,
    /// Never start it again.
    Temporary,
}

/// Which children a supervisor restarts together with one that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// No others. The default.
    #[default]
    OneForOne,
    /// All: the others are stopped first, in reverse order, and then all are started in order.
    OneForAll,
    /// Those that were started after it, likewise.
    RestForOne,
}

/// How a supervisor stops a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shutdown {
    /// Kill it at once.
    Kill,
    /// Ask it to stop, and kill it if it is still there after this time.
    After(Duration),
    /// Ask it to stop and wait, however long it takes. Meant for children that are supervisors.
    Wait,
}

/// Whether a supervisor ends when children that matter have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AutoShutdown {
    /// It goes on until it is stopped. The default.
    #[default]
    Never,
    /// It ends as soon as one significant child has ended by itself.
    AnySignificant,
    /// It ends when the last significant child has ended by itself.
    AllSignificant,
}

/// How long a supervisor waits before it tries again to start a child that did not come up.
///
/// The wait doubles with each failed attempt. It does not count towards the supervisor's
/// [`Intensity`], so that a child which never comes up uses up the restarts however long the waits
/// are. A child that came up and crashed later is started again without a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backoff {
    /// The wait after the first failed attempt.
    pub min: Duration,
    /// The longest wait; one of more than a day is a day.
    pub max: Duration,
    /// How long the child must have been up for its failed attempts to be forgotten.
    pub reset_after: Duration,
}

/// What a supervisor knows about a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildRules {
    /// Unique within the supervisor.
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    /// Whether its end matters to [`AutoShutdown`].
    pub(crate) significant: bool,
    pub(crate) backoff: Backoff,
}

/// A supervisor and its children, in the order in which they are started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SupervisorRules {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) children: Vec<ChildRules>,
}

/// Why a supervisor cannot be as it is described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children have the same id.
    #[error("two children have the id `{id}`")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// The period of the intensity is zero.
    #[error("the period of the restart intensity is zero")]
    PeriodZero,
    /// A significant child is permanent, so it never ends by itself.
    #[error("the child `{id}` is significant and permanent, but a permanent child never ends")]
    SignificantPermanent {
        /// The child.
        id: String,
    },
    /// A child is significant for a supervisor that does not care.
    #[error("the child `{id}` is significant, but its supervisor never shuts down by itself")]
    SignificantWithoutAutoShutdown {
        /// The child.
        id: String,
    },
    /// The shortest wait before a new attempt is zero, or longer than the longest.
    #[error("the backoff of the child `{id}` goes from {min:?} to {max:?}")]
    BackoffRange {
        /// The child.
        id: String,
        /// The shortest wait.
        min: Duration,
        /// The longest wait.
        max: Duration,
    },
}

impl Default for Shutdown {
    /// After five seconds.
    fn default() -> Shutdown {
        Shutdown::After(Duration::from_secs(5))
    }
}

/// No wait is longer than a day, so that the end of one is always a time that a clock can show.
const BACKOFF_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Backoff {
    /// Waits between `min` and `max`; an uptime half way between them resets it.
    pub fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { min, max, reset_after: min.saturating_add(max) / 2 }
    }

    /// The wait after this many failed attempts in a row.
    pub(crate) fn delay(&self, failed_starts: u32) -> Duration {
        let doublings = failed_starts.saturating_sub(1);
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.min.saturating_mul(factor).min(self.max).min(BACKOFF_MAX)
    }
}

impl Default for Backoff {
    /// From 10 ms, ten times what an attempt itself takes, to one second.
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(10), Duration::from_secs(1))
    }
}

impl ChildRules {
    /// The rules of a child about which nothing but its id is said.
    #[cfg(test)]
    pub(crate) fn new(id: impl Into<String>) -> ChildRules {
        ChildRules {
            id: id.into(),
            restart: Restart::default(),
            shutdown: Shutdown::default(),
            significant: false,
            backoff: Backoff::default(),
        }
    }
}

impl SupervisorRules {
    /// Refuses combinations that cannot work.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        if self.intensity.period.is_zero() {
            return Err(SpecError::PeriodZero);
        }
        let mut ids = HashSet::new();
        for child in &self.children {
            if !ids.insert(&child.id) {
                return Err(SpecError::DuplicateId { id: child.id.clone() });
            }
            self.check_child(child)?;
        }
        Ok(())
    }

    fn check_child(&self, child: &ChildRules) -> Result<(), SpecError> {
        let id = || child.id.clone();
        if child.significant && child.restart == Restart::Permanent {
            return Err(SpecError::SignificantPermanent { id: id() });
        }
        if child.significant && self.auto_shutdown == AutoShutdown::Never {
            return Err(SpecError::SignificantWithoutAutoShutdown { id: id() });
        }
        let Backoff { min, max, .. } = child.backoff;
        if min.is_zero() || max < min {
            return Err(SpecError::BackoffRange { id: id(), min, max });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(children: Vec<ChildRules>) -> SupervisorRules {
        SupervisorRules { children, ..SupervisorRules::default() }
    }

    #[test]
    fn smoke() {
        let rules = rules(vec![ChildRules::new("a"), ChildRules::new("b")]);
        assert_eq!(rules.check(), Ok(()));
    }

    #[test]
    fn defaults_are_those_of_otp() {
        let child = ChildRules::new("a");
        assert_eq!(child.restart, Restart::Permanent);
        assert_eq!(child.shutdown, Shutdown::After(Duration::from_secs(5)));
        assert!(!child.significant);
        let intensity = SupervisorRules::default().intensity;
        assert_eq!((intensity.restarts, intensity.period), (1, Duration::from_secs(5)));
        assert_eq!(SupervisorRules::default().auto_shutdown, AutoShutdown::Never);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let child = |id: &str| ChildRules::new(id);
        let twice = rules(vec![child("a"), child("b"), child("a")]);
        assert_eq!(twice.check(), Err(SpecError::DuplicateId { id: "a".into() }));

        let mut no_period = rules(vec![]);
        no_period.intensity.period = Duration::ZERO;
        assert_eq!(no_period.check(), Err(SpecError::PeriodZero));

        let mut matters = rules(vec![ChildRules { significant: true, ..child("a") }]);
        matters.auto_shutdown = AutoShutdown::AnySignificant;
        assert_eq!(matters.check(), Err(SpecError::SignificantPermanent { id: "a".into() }));
        matters.children[0].restart = Restart::Transient;
        assert_eq!(matters.check(), Ok(()));
        matters.auto_shutdown = AutoShutdown::Never;
        assert_eq!(matters.check(), Err(SpecError::SignificantWithoutAutoShutdown { id: "a".into() }));

        let (short, long) = (Duration::from_millis(1), Duration::from_secs(1));
        for (min, max) in [(Duration::ZERO, long), (long, short)] {
            let backoff = Backoff::new(min, max);
            let wrong = rules(vec![ChildRules { backoff, ..child("a") }]);
            assert_eq!(wrong.check(), Err(SpecError::BackoffRange { id: "a".into(), min, max }));
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100));
        let waits = [1, 2, 3, 4, 5, 40, u32::MAX].map(|n| backoff.delay(n).as_millis());
        assert_eq!(waits, [10, 20, 40, 80, 100, 100, 100]);
        assert_eq!(backoff.reset_after, Duration::from_millis(55));
    }
}
