//! Permits: what a semaphore hands out, each with the name of who has it.
//!
//! ```text
//! ABSENT ──add──► FREE ──claim (CAS)──► HELD(p) ──give back──► FREE
//!    ▲                                   │   │ p died
//!    └──────────── forget ───────────────┘   └──────────────► FREE
//! ```
//!
//! There is a word for each permit that there can be: `state:2 | participant:14`. Whoever claims one writes his
//! name by the same exchange, so a permit is free, or it is known whose it is: there is no count that a
//! death could falsify. To look for one takes time in proportion to the table, from where one was last
//! free; the table is therefore bounded ([`PERMITS_MAX`]).
//!
//! # Death
//! Before the exchange it has nothing, after it recovery frees what bears its name, and wakes all who wait:
//! the dead may have freed a permit and not have told anybody, or have been chosen by a wake. To forget a
//! permit and to add one are one exchange each.
//!
//! Nothing here waits; whoever does is behind `freed`.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use super::event::Event;
use super::layout::{EventLine, Shape};
use super::region;
use super::window::Window;
use super::words::{Mapped, Memory, Word};
use crate::id::Participant;
use crate::planted::planted;

/// Permits of one semaphore: half a mebibyte of words.
pub(crate) const PERMITS_MAX: usize = 1 << 16;

const ABSENT: u64 = 0;
const FREE: u64 = 1;
const HELD: u64 = 2;
const PARTICIPANT_SHIFT: u32 = 2;

const EVENT_AT: u64 = 64;
const WORDS_AT: u64 = 128;

const fn held(by: Participant) -> u64 {
    HELD | (by.0 as u64) << PARTICIPANT_SHIFT
}

/// The permits of one semaphore.
pub(crate) struct Permits<'a, M: Memory> {
    pub(crate) words: &'a [M::Word64],
    /// Where the next search begins. Any value will do.
    pub(crate) hint: &'a M::Word32,
    pub(crate) freed: Event<'a, M>,
}

impl<M: Memory> Permits<'_, M> {
    /// Takes a free permit; its number.
    pub(crate) fn claim(&self, me: Participant) -> Option<u32> {
        let at = self.change_one(FREE, held(me))?;
        self.hint.store(at + 1, Relaxed);
        Some(at)
    }

    /// Gives a permit back. False: it was not this process's.
    pub(crate) fn give_back(&self, at: u32, me: Participant) -> bool {
        let is_freed = self.change(at, held(me), FREE);
        if is_freed {
            self.tell_freed(at);
        }
        is_freed
    }

    /// Has a permit of this process be no more. False: it was not this process's.
    pub(crate) fn forget(&self, at: u32, me: Participant) -> bool {
        self.change(at, held(me), ABSENT)
    }

    fn change(&self, at: u32, from: u64, to: u64) -> bool {
        // There may be fewer by now, where somebody has written how many there are.
        self.words.get(at as usize).is_some_and(|word| word.compare_exchange(from, to, AcqRel).is_ok())
    }

    /// Makes a permit, free. False: there are as many as there can be.
    pub(crate) fn add(&self) -> bool {
        let added = self.change_one(ABSENT, FREE);
        added.into_iter().for_each(|at| self.tell_freed(at));
        added.is_some()
    }

    /// How many are free: exact while nobody claims or frees one.
    pub(crate) fn free(&self) -> usize {
        self.words.iter().filter(|word| word.load(Relaxed) == FREE).count()
    }

    /// Frees what the dead held.
    pub(crate) fn recover(&self, dead: Participant) {
        for word in self.words {
            if !planted!(KeepPermits) {
                let _ = word.compare_exchange(held(dead), FREE, AcqRel);
            }
        }
        self.freed.notify_all();
    }

    fn change_one(&self, from: u64, to: u64) -> Option<u32> {
        let count = self.words.len();
        let start = self.hint.load(Relaxed) as usize % count.max(1);
        let is_changed = |at: &usize| {
            let word = &self.words[*at];
            word.load(Relaxed) == from && word.compare_exchange(from, to, AcqRel).is_ok()
        };
        (start..count).chain(0..start).find(is_changed).map(|at| at as u32)
    }

    /// Dead before it: recovery wakes those who wait.
    fn tell_freed(&self, at: u32) {
        self.hint.store(at, Relaxed);
        M::fence();
        self.freed.notify();
    }
}

/// The shape of the window of a semaphore with at most so many permits.
pub(crate) fn shape(permits_max: usize) -> Option<Shape> {
    let words = (1..=PERMITS_MAX).contains(&permits_max).then_some(permits_max as u64)?;
    region::shape(WORDS_AT + words * 8)
}

/// Writes what is there at the beginning, before anybody else has a handle. The number of words is made
/// exact by it: those that only fill the last line of the window are never anything but absent.
pub(crate) fn initialise(window: &Window, permits: usize, permits_max: usize) {
    window.memory::<AtomicU32>(4).store(permits_max as u32, Relaxed);
    let there = of(window);
    there.iter().flat_map(|there| there.words).take(permits).for_each(|word| word.store(FREE, Relaxed));
}

/// The permits in a window. `None`: it is none of ours, whatever it says.
pub(crate) fn of(window: &Window) -> Option<Permits<'static, Mapped>> {
    let room = window.memory_bytes().checked_sub(WORDS_AT)? / 8;
    // Others can write there: it never reaches over the end.
    let count = u64::from(window.memory::<AtomicU32>(4).load(Relaxed)).min(room);
    let words = window.memory_slice::<AtomicU64>(WORDS_AT, count as usize);
    Some(Permits { words, hint: window.memory::<AtomicU32>(0), freed: line(window).event() })
}

/// What is told when a permit was freed.
pub(crate) fn line(window: &Window) -> &'static EventLine {
    window.memory(EVENT_AT)
}

/// Whether somebody has a permit, forgotten as a value perhaps.
pub(super) fn is_held(window: &Window, by: Participant) -> bool {
    of(window).is_some_and(|permits| permits.words.iter().any(|word| word.load(Relaxed) == held(by)))
}

/// See [`region::recover`]. Nobody asks who has given a permit back by dying.
pub(super) fn recover(window: &Window, dead: Participant) -> bool {
    of(window).iter().for_each(|permits| permits.recover(dead));
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::handle::Handle;
    use crate::shm::segment::segment;
    use crate::shm::window::Kind;

    const A: Participant = Participant(7);
    const B: Participant = Participant(8);

    fn made(permits: usize, permits_max: usize) -> Handle {
        let handle = Handle::make(segment().unwrap(), Kind::Permits, shape(permits_max).unwrap()).unwrap();
        initialise(handle.window().unwrap(), permits, permits_max);
        handle
    }

    #[test]
    fn smoke() {
        let handle = made(2, 3);
        let permits = of(handle.window().unwrap()).unwrap();
        let (first, second) = (permits.claim(A).unwrap(), permits.claim(B).unwrap());
        assert_eq!((permits.claim(A), permits.free()), (None, 0));
        assert!(!permits.give_back(first, B), "it is another's");
        assert!(permits.give_back(first, A) && !permits.give_back(first, A));
        assert!(permits.add() && !permits.add(), "three can be");
        assert_eq!(permits.free(), 2);
        assert!(permits.forget(second, B) && !permits.give_back(second, B));
        assert!(permits.add() && !permits.add());
    }

    #[test]
    fn the_dead_give_back_what_they_held() {
        let handle = made(3, 3);
        let window = handle.window().unwrap();
        let permits = of(window).unwrap();
        let kept = permits.claim(B).unwrap();
        assert!(permits.claim(A).is_some() && permits.claim(A).is_some());
        assert!(is_held(window, A) && is_held(window, B));
        (0..2).for_each(|_| assert!(!recover(window, A)));
        assert!(!is_held(window, A));
        assert_eq!(permits.free(), 2);
        assert!(permits.give_back(kept, B));
    }

    #[test]
    fn absurd_numbers_have_no_shape_and_reach_over_no_end() {
        assert!(shape(0).is_none() && shape(PERMITS_MAX + 1).is_none() && shape(PERMITS_MAX).is_some());
        let handle = made(1, 1);
        let window = handle.window().unwrap();
        window.memory::<AtomicU32>(4).store(u32::MAX, Relaxed);
        assert!(of(window).unwrap().words.len() <= 16);
    }

    /// Somebody has written how many there are: what others hold is not there any more.
    #[test]
    fn a_permit_beyond_the_end_is_nobodys() {
        let handle = made(2, 2);
        let window = handle.window().unwrap();
        let held = [of(window).unwrap().claim(A).unwrap(), of(window).unwrap().claim(A).unwrap()];
        window.memory::<AtomicU32>(4).store(0, Relaxed);
        let permits = of(window).unwrap();
        assert!(held.into_iter().all(|at| !permits.give_back(at, A) && !permits.forget(at, A)));
        assert!(permits.claim(A).is_none() && !permits.add() && !recover(window, A));
    }
}
