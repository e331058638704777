//! The flag of an event: one word that is set or not, and how often it was set.
//!
//! The word is `is set:1 | times set:63`. Who waits keeps the count that he has found; he is let go when the
//! flag is set, or when it has been set since, even if it was cleared before he ran.
//!
//! # Death
//! To set and to clear is one exchange. A setter that dies before it has woken those who wait is made good by
//! recovery, which wakes them all; nobody else leaves anything behind.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use super::layout::{EventLine, Shape};
use super::region;
use super::window::Window;

const SET: u64 = 1;
const ONCE: u64 = 2;
const EVENT_AT: u64 = 64;
const BYTES: u64 = 128;

/// The flag of one event.
#[derive(Clone, Copy)]
pub(crate) struct Flag {
    word: &'static AtomicU64,
    pub(crate) line: &'static EventLine,
}

/// How often the flag had been set when somebody began to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times(u64);

impl Flag {
    /// Sets it, and wakes all who wait. Whoever finds it set wakes them as well: who has set it may be
    /// stopped before he does.
    pub(crate) fn set(self) {
        let set = |word: u64| (word & SET == 0).then(|| word.wrapping_add(ONCE) | SET);
        let _ = self.word.fetch_update(AcqRel, Acquire, set); // PAIR: flag-set
        self.line.event().notify_each();
    }

    pub(crate) fn clear(self) {
        self.word.fetch_and(!SET, AcqRel);
    }

    pub(crate) fn is_set(self) -> bool {
        self.word.load(Acquire) & SET != 0 // PAIR: flag-set
    }

    /// To be kept by who begins to wait.
    pub(crate) fn times(self) -> Times {
        Times(self.word.load(Acquire) >> 1)
    }

    /// Whether it is set, or has been since.
    pub(crate) fn was_set_since(self, since: Times) -> bool {
        let word = self.word.load(Acquire); // PAIR: flag-set
        word & SET != 0 || word >> 1 != since.0
    }
}

/// The shape of the window of an event.
pub(crate) fn shape() -> Option<Shape> {
    region::shape(BYTES)
}

/// The flag in a window. `None`: it is none of ours, whatever it says.
pub(crate) fn of(window: &Window) -> Option<Flag> {
    (BYTES <= window.memory_bytes()).then(|| Flag { word: window.memory(0), line: window.memory(EVENT_AT) })
}

/// See [`region::recover`].
pub(super) fn recover(window: &Window) -> bool {
    of(window).iter().for_each(|flag| flag.line.event().notify_all());
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::handle::Handle;
    use crate::shm::segment::segment;
    use crate::shm::window::Kind;

    #[test]
    fn smoke() {
        let handle = Handle::make(segment().unwrap(), Kind::Flag, shape().unwrap()).unwrap();
        let flag = of(handle.window().unwrap()).unwrap();
        let before = flag.times();
        assert!(!flag.is_set() && !flag.was_set_since(before));
        flag.set();
        flag.set();
        assert!(flag.is_set() && flag.was_set_since(before) && flag.was_set_since(flag.times()));
        flag.clear();
        assert!(!flag.is_set() && flag.was_set_since(before), "who waited is let go all the same");
        assert!(!flag.was_set_since(flag.times()));
    }
}
