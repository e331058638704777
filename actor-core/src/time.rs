//! [`Deadline`]: the only notion of a timeout inside the crate. [`Moment`]: a point in time that means the
//! same in all processes.
//!
//! Public functions take a `timeout: Duration` and turn it into a deadline at once, so that one
//! limit covers every step of an operation, however often it is woken in between.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

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

/// Nanoseconds of the monotonic clock, which is one for all processes.
///
/// What comes back in another process is a fraction of a microsecond later, never earlier. Two moments of one process
/// keep their order and their distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment(u64);

impl Moment {
    /// `None`: past the end of the clock.
    pub(crate) fn of(at: Instant) -> Option<Moment> {
        let Anchor { before, clock, .. } = *anchor();
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).ok();
        match at.checked_duration_since(before) {
            Some(ahead) => clock.checked_add(nanos(ahead)?).map(Moment),
            None => Some(Moment(clock.saturating_sub(nanos(before - at).unwrap_or(u64::MAX)))),
        }
    }

    /// What tells it from others, in any process.
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    /// `None`: past the end of the clock. What is before its beginning has passed as well.
    pub(crate) fn to_instant(self) -> Option<Instant> {
        let Anchor { clock, after, .. } = *anchor();
        match self.0.checked_sub(clock) {
            Some(ahead) => after.checked_add(Duration::from_nanos(ahead)),
            None => Some(after.checked_sub(Duration::from_nanos(clock - self.0)).unwrap_or(after)),
        }
    }
}

/// One moment as both clocks say it. An `Instant` tells its number to nobody, so the clock is read between two
/// of them: by the first a moment is later on the way out, by the second on the way back.
struct Anchor {
    before: Instant,
    clock: u64,
    after: Instant,
}

/// That of this process: the same for all moments.
fn anchor() -> &'static Anchor {
    static ANCHOR: OnceLock<Anchor> = OnceLock::new();
    const TRIES: usize = 8;
    let read = |_| Anchor { before: Instant::now(), clock: clock_ns(), after: Instant::now() };
    ANCHOR.get_or_init(|| {
        let tries = (1..TRIES).map(read);
        // The one during which this thread was not away from its processor.
        tries.fold(read(0), |best, next| if next.span() < best.span() { next } else { best })
    })
}

impl Anchor {
    fn span(&self) -> Duration {
        self.after - self.before
    }
}

fn clock_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_a_little_late_and_never_early() {
        let now = Instant::now();
        for at in [now, now + Duration::from_secs(3600), now - Duration::from_millis(1)] {
            let late = Moment::of(at).unwrap().to_instant().unwrap().checked_duration_since(at);
            assert!(late.is_some_and(|late| late < Duration::from_secs(10)), "{late:?}");
        }
        let moments = [0, 1, 1, 7].map(|nanos| Moment::of(now + Duration::from_nanos(nanos)).unwrap());
        assert_eq!(moments.map(|moment| moment.0 - moments[0].0), [0, 1, 1, 7], "they keep their distance");
        assert!(Moment(u64::MAX).to_instant().and_then(Moment::of).is_none_or(|it| Moment(1 << 63) < it));
        assert!(Moment(0).to_instant().is_some_and(|at| at < now));
    }

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
