//! What the node will do at a certain time: a heap. A timer that has lost its meaning does nothing
//! when it fires, so none is ever removed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::core::TimerId;
use crate::exit::KilledBy;
use crate::id::ProcessId;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The process must have been ready by now.
    StartTimeout(ProcessId),
    /// The process must have ended by now.
    Kill(ProcessId, KilledBy),
    Supervision(u64, TimerId),
    /// Give back what a window does not need.
    Trim(u16),
    /// Look again at windows that somebody was still at work in.
    TakeDown,
    /// The zygote must have said its name, or have ended, by now.
    Zygote(u32),
    /// It is time to try again to have somebody who guards what runs.
    Guard,
    /// The request at the head must be complete by now.
    Stuck,
    /// Try again to post what is due to the actor with this index.
    Line(u16),
    /// Everything must have stopped by now.
    EndNow,
    /// Processes that are no daemons have had their time to end of themselves, and have this much to stop.
    Joined(Duration),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    count: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    /// Breaks ties in the order of setting.
    number: u64,
    timer: Timer,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.count += 1;
        self.heap.push(Reverse(Entry { at, number: self.count, timer }));
    }

    /// The next timer whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Timer> {
        self.heap.peek().filter(|Reverse(entry)| entry.at <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry.timer)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        timers.set(start + Duration::from_secs(2), Timer::Trim(2));
        timers.set(start + Duration::from_secs(1), Timer::Trim(1));
        timers.set(start + Duration::from_secs(1), Timer::TakeDown);
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        assert_eq!(timers.due(start), None);
        let later = start + Duration::from_secs(1);
        assert_eq!(timers.due(later), Some(Timer::Trim(1)));
        assert_eq!(timers.due(later), Some(Timer::TakeDown));
        assert_eq!(timers.due(later), None);
    }
}
