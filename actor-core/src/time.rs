//! [`Deadline`]: the only notion of a timeout inside the crate.
//!
//! Public functions take a `timeout: Duration` and turn it into a deadline at once, so that one
//! limit covers every step of an operation, however often it is woken in between.

use std::time::{Duration, Instant};

/// A point in monotonic time, now, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    At(Instant),
    /// Has passed already: try once.
    Now,
    Never,
}

impl Deadline {
    /// The end of `timeout` counted from now. A timeout past the end of the clock is never.
    pub(crate) fn after(timeout: Duration) -> Deadline {
        Instant::now().checked_add(timeout).map_or(Deadline::Never, Deadline::At)
    }

    /// What is left, `None` for ever. Zero once the deadline has passed.
    pub(crate) fn remaining(self) -> Option<Duration> {
        match self {
            Deadline::At(at) => Some(at.saturating_duration_since(Instant::now())),
            Deadline::Now => Some(Duration::ZERO),
            Deadline::Never => None,
        }
    }

    pub(crate) fn has_passed(self) -> bool {
        self == Deadline::Now || self.remaining() == Some(Duration::ZERO)
    }

    /// The earlier of two deadlines.
    pub(crate) fn min(self, other: Deadline) -> Deadline {
        match (self, other) {
            (Deadline::At(a), Deadline::At(b)) => Deadline::At(a.min(b)),
            (Deadline::At(a), Deadline::Never) | (Deadline::Never, Deadline::At(a)) => Deadline::At(a),
            (Deadline::Now, _) | (_, Deadline::Now) => Deadline::Now,
            (Deadline::Never, Deadline::Never) => Deadline::Never,
        }
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Deadline {
        Deadline::At(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let soon = Deadline::after(Duration::from_secs(60));
        assert!(!soon.has_passed());
        assert!(soon.remaining().unwrap() <= Duration::from_secs(60));
        assert_eq!(soon.min(Deadline::Never), soon);
    }

    #[test]
    fn extremes_neither_panic_nor_overflow() {
        assert_eq!(Deadline::after(Duration::MAX), Deadline::Never);
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert_eq!(Deadline::Never.remaining(), None);
    }
}
