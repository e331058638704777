//! [`Timetable`]: what is due when, once or again and again.
//!
//! A pure table: moments go in, and what is due at a moment comes out. Due times are the start plus whole
//! periods, however late somebody looks, so nothing drifts. What is cancelled leaves nothing behind. It
//! reads no clock and does not know what its entries stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What becomes of the times of a periodic timer that have passed while nobody could see to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Missed {
    /// One comes for all of them, at once; the next is due when it would have been anyway.
    Skip,
    /// All of them come, at once, one after the other.
    Bunch,
}

/// How a timer goes on after its first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Period {
    /// Not zero: such a timer would be due without end.
    pub(crate) every: Duration,
    pub(crate) missed: Missed,
}

/// Timers by number, and in the order of their due times.
#[derive(Debug, Default)]
pub(crate) struct Timetable {
    entries: BTreeMap<u64, Entry>,
    /// The earliest first; of those due at once, the first that was set. Those that are held are not here.
    queue: BTreeSet<(Instant, u64)>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    /// `None`: past the end of the clock.
    due: Option<Instant>,
    period: Option<Period>,
    /// How often it was due.
    count: u64,
}

/// A timer whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) number: u64,
    /// When it was due: for those that were skipped, the last of them.
    pub(crate) at: Instant,
    /// How often it was due so far, this time and those that were skipped included.
    pub(crate) count: u64,
    /// For how many earlier times this one stands as well.
    pub(crate) missed: u64,
}

impl Timetable {
    /// Sets a timer. One without a first time is never due.
    pub(crate) fn set(&mut self, first: Option<Instant>, period: Option<Period>) -> u64 {
        self.last += 1;
        self.entries.insert(self.last, Entry { due: first, period, count: 0 });
        self.queue.extend(first.map(|at| (at, self.last)));
        self.last
    }

    /// Forgets a timer. False: it was due for the last time, or there never was one.
    pub(crate) fn cancel(&mut self, number: u64) -> bool {
        let Some(entry) = self.entries.remove(&number) else { return false };
        if let Some(at) = entry.due {
            self.queue.remove(&(at, number));
        }
        true
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.entries.contains_key(&number)
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The earliest that is due. A periodic one goes on from there.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let (at, number) = self.queue.first().copied().filter(|(at, _)| *at <= now)?;
        self.queue.pop_first();
        let entry = self.entries.get_mut(&number)?;
        let missed = entry.period.map_or(0, |period| period.missed_between(at, now));
        let at = entry.period.map_or(at, |period| at + times(period.every, missed));
        entry.count = entry.count.saturating_add(missed).saturating_add(1);
        let count = entry.count;
        entry.due = entry.period.and_then(|period| at.checked_add(period.every));
        match entry.due {
            Some(next) => drop(self.queue.insert((next, number))),
            None => drop(self.entries.remove(&number)),
        }
        Some(Due { number, at, count, missed })
    }

    /// A timer is not due again before it is released, which then follows what it has missed.
    pub(crate) fn hold(&mut self, number: u64) {
        if let Some(at) = self.entries.get(&number).and_then(|entry| entry.due) {
            self.queue.remove(&(at, number));
        }
    }

    /// Undoes [`Timetable::hold`].
    pub(crate) fn release(&mut self, number: u64) {
        if let Some(at) = self.entries.get(&number).and_then(|entry| entry.due) {
            self.queue.insert((at, number));
        }
    }
}

impl Period {
    /// The times after `at` that have come by `now` and are not told one by one.
    fn missed_between(self, at: Instant, now: Instant) -> u64 {
        let late = now.saturating_duration_since(at);
        match self.missed {
            Missed::Skip => u64::try_from(late.as_nanos() / self.every.as_nanos().max(1)).unwrap_or(u64::MAX),
            Missed::Bunch => 0,
        }
    }
}

/// So many periods, exactly. They end before a moment that exists.
fn times(period: Duration, count: u64) -> Duration {
    const NANOS: u128 = 1_000_000_000;
    let nanos = period.as_nanos() * u128::from(count);
    Duration::new((nanos / NANOS) as u64, (nanos % NANOS) as u32)
}

#[cfg(test)]
mod tests;
