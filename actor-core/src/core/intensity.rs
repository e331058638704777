//! How many restarts are too many.
//!
//! OTP's rule to the letter: a restart is counted before it is tried, restarts that lie exactly
//! one period back still count, and the one after the last allowed one ends the supervisor.
//!
//! One thing is added for the waits between attempts to start a child. If they counted as time
//! that passes, a child that never comes up would be tried again for ever, because its attempts
//! would always lie far apart. So a child's own restarts do not grow older while it waits.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::planted::planted;

/// How many restarts a supervisor makes within a period before it gives up.
///
/// With `restarts: 3, period: 5 s` the fourth restart within five seconds is not made any more;
/// with `restarts: 0` the first one is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intensity {
    /// The restarts that are allowed.
    pub restarts: u32,
    /// The time within which they are counted.
    pub period: Duration,
}

impl Default for Intensity {
    /// One restart within five seconds.
    fn default() -> Intensity {
        Intensity { restarts: 1, period: Duration::from_secs(5) }
    }
}

/// The restarts that a supervisor has made lately.
#[derive(Debug)]
pub(crate) struct Limiter<C> {
    intensity: Intensity,
    /// Never more than are allowed, plus one.
    restarts: Vec<(C, Instant)>,
}

impl<C: Copy + PartialEq> Limiter<C> {
    pub(crate) fn new(intensity: Intensity) -> Limiter<C> {
        Limiter { intensity, restarts: Vec::new() }
    }

    /// Counts a restart of `child` that is about to be tried; `false` if it is one too many.
    pub(crate) fn admit(&mut self, child: C, now: Instant) -> bool {
        let period = self.intensity.period;
        self.restarts.retain(|(_, at)| now.saturating_duration_since(*at) <= period);
        self.restarts.push((child, now));
        self.restarts.len() <= self.intensity.restarts as usize + usize::from(planted!(OneRestartMore))
    }

    /// Takes note that `child` will wait for this long before its next attempt.
    pub(crate) fn pause(&mut self, child: C, wait: Duration) {
        for (_, at) in self.restarts.iter_mut().filter(|(of, _)| *of == child) {
            *at += wait;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: u8 = 0;

    /// Whether each of the restarts at these times, in milliseconds, is admitted.
    fn admitted(restarts: u32, period_ms: u64, times_ms: &[u64]) -> Vec<bool> {
        let period = Duration::from_millis(period_ms);
        let mut limiter = Limiter::new(Intensity { restarts, period });
        let start = Instant::now();
        let admit = |at: &u64| limiter.admit(CHILD, start + Duration::from_millis(*at));
        times_ms.iter().map(admit).collect()
    }

    #[test]
    fn smoke() {
        assert_eq!(admitted(1, 5000, &[0, 10]), [true, false]);
    }

    #[test]
    fn none_allowed_means_that_the_first_one_is_too_many() {
        assert_eq!(admitted(0, 5000, &[0]), [false]);
    }

    #[test]
    fn t_12_three_within_five_seconds() {
        assert_eq!(admitted(3, 5000, &[0, 1, 2, 3]), [true, true, true, false]);
        assert_eq!(admitted(3, 5000, &[0, 1000, 2000, 4999]), [true, true, true, false]);
        // Exactly one period back still counts, a little more does not.
        assert_eq!(admitted(3, 5000, &[0, 1000, 2000, 5000]), [true, true, true, false]);
        assert_eq!(admitted(3, 5000, &[0, 1000, 2000, 5001]), [true; 4]);
        assert_eq!(admitted(3, 5000, &[0, 1000, 2000, 5001, 5500]), [true, true, true, true, false]);
    }

    #[test]
    fn restarts_that_are_far_enough_apart_go_on_for_ever() {
        let times: Vec<u64> = (0..1000).map(|i| i * 1700).collect();
        assert!(admitted(3, 5000, &times).into_iter().all(|admitted| admitted));
    }

    #[test]
    fn a_wait_before_the_next_attempt_does_not_let_restarts_grow_old() {
        let (waiting, other) = (0, 1);
        let mut limiter = Limiter::new(Intensity { restarts: 3, period: Duration::from_secs(5) });
        let mut now = Instant::now();
        assert!(limiter.admit(other, now));
        for attempt in 0..4 {
            // The restart of the other child has grown old by the second attempt.
            assert_eq!(limiter.admit(waiting, now), attempt < 3);
            let wait = Duration::from_secs(60);
            limiter.pause(waiting, wait);
            now += wait;
        }
    }
}
