//! Who waits for whom, so that those who would wait for each other for ever are told instead.
//!
//! # Stamps
//! A [`WaitLine`] has one owner: the thread that runs the handlers of an actor. Before it sleeps for
//! somebody it writes there for whom and for what, and afterwards that it does no more. The sequence is
//! odd in between, and never has the same odd value again. Who reads takes the words between two equal
//! values of the sequence. Dead before it is odd: there is no stamp. Dead after that: the node clears it,
//! before anybody is told of the death.
//!
//! # The look
//! Before *each* sleep the owner looks ([`find_ring`]): it follows the stamps from its own on. Where they
//! lead back to it, it looks twice whether each of these waits still holds, and then whether all stamps
//! are still the same. So between the two rounds there was an instant at which all of them waited:
//!
//! - what waits for an answer in the second round has waited for it before, since an answer is not taken
//!   back;
//! - what waits for room does not take it while it is stamped, and room is only made by the owner of the
//!   place, who is one of them and has not moved in between.
//!
//! # One of them, and never none
//! Each of them may find the ring. One goes without what it waits for: who has begun last, which is the
//! same one for all who look. Who finds another to be that one nudges it, so that it looks again, and
//! sleeps.
//!
//! Between stamp and look there is a full fence. Of all who sleep in a ring at last, one has passed this
//! fence last, and has seen the stamps of all others. If it was not the one to go, it has nudged that one,
//! who then has passed the fence later. If it found a wait that did not hold: an answer wakes its waiter;
//! room may be taken by somebody else, who need not wake the waiter, so it is nudged as well and passes
//! the fence later. Neither can be, so it has found the ring and gone.
//!
//! A nudge by somebody who dies in the middle may be lost; but then it was one of the ring, which is none
//! any more. Nothing here knows actors, answers or room.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::words::{Memory, Word};

/// What its owner waits for; see the module.
#[repr(C, align(64))]
pub(crate) struct WaitLine<W, const N: usize> {
    /// Odd while there is a stamp.
    pub(super) sequence: W,
    pub(super) words: [W; N],
}

impl<W: Word<u64>, const N: usize> WaitLine<W, N> {
    /// Says what the owner is about to sleep for.
    pub(crate) fn stamp(&self, words: [u64; N]) {
        self.clear();
        for (word, value) in self.words.iter().zip(words) {
            // Who reads this sees that the stamp before is gone.
            word.store(value, Release); // PAIR: wait-word
        }
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Release); // PAIR: wait-stamp
    }

    /// Says that the owner waits no more. Called by the owner, and by the node after its proven death.
    pub(crate) fn clear(&self) {
        let sequence = self.sequence.load(Relaxed);
        if sequence % 2 == 1 {
            self.sequence.store(sequence.wrapping_add(1), Release);
        }
    }

    /// The stamp with its number, if there is one.
    pub(crate) fn read(&self) -> Option<(u64, [u64; N])> {
        let sequence = self.sequence.load(Acquire); // PAIR: wait-stamp
        if sequence.is_multiple_of(2) {
            return None;
        }
        let words = self.words.each_ref().map(|word| word.load(Acquire)); // PAIR: wait-word
        self.is_still(sequence).then_some((sequence, words))
    }

    /// Whether the stamp with this number is there.
    pub(crate) fn is_still(&self, sequence: u64) -> bool {
        self.sequence.load(Acquire) == sequence
    }
}

/// The waits that a look goes along.
pub(crate) trait Waits {
    type Memory: Memory;
    type Who: Copy + PartialEq;
    type Wait;

    /// What somebody has stamped, with the number of the stamp.
    fn stamp_of(&self, who: Self::Who) -> Option<(u64, Self::Wait)>;

    /// For whom that is a wait.
    fn target(wait: &Self::Wait) -> Self::Who;

    /// Whether what is waited for has not come.
    fn holds(&self, wait: &Self::Wait) -> bool;

    /// The later, the younger; no two are alike.
    fn age(who: Self::Who, wait: &Self::Wait) -> (u64, u64);

    /// Has somebody look again who sleeps for this, or is about to.
    fn nudge(&self, wait: &Self::Wait);
}

/// One of those who wait for each other.
pub(crate) struct Hop<G: Waits + ?Sized> {
    pub(crate) who: G::Who,
    pub(crate) wait: G::Wait,
    sequence: u64,
}

/// How far a look goes. A ring that is longer ends with the time of its members.
const HOPS_MAX: usize = 256;

/// Those who wait for each other, from `me` on, if it is `me` who is to go. Called by one who has stamped,
/// before each sleep.
pub(crate) fn find_ring<G: Waits>(waits: &G, me: G::Who) -> Option<Vec<Hop<G>>> {
    G::Memory::fence();
    let ring = follow(waits, me)?;
    if !holds(waits, &ring, me) || !holds(waits, &ring, me) {
        return None;
    }
    // Who has moved on meanwhile looks again before it sleeps again.
    if !ring.iter().all(|hop| waits.stamp_of(hop.who).is_some_and(|(sequence, _)| sequence == hop.sequence)) {
        return None;
    }
    let youngest = ring.iter().max_by_key(|hop| G::age(hop.who, &hop.wait))?;
    if youngest.who == me {
        return Some(ring);
    }
    waits.nudge(&youngest.wait);
    None
}

/// The stamps from `me` on, if they lead back.
fn follow<G: Waits>(waits: &G, me: G::Who) -> Option<Vec<Hop<G>>> {
    let (mut ring, mut who) = (Vec::new(), me);
    for _ in 0..HOPS_MAX {
        let (sequence, wait) = waits.stamp_of(who)?;
        let target = G::target(&wait);
        ring.push(Hop { who, wait, sequence });
        if target == me {
            return Some(ring);
        }
        who = target;
    }
    None
}

/// Whether all of them wait. Who is about to go on is nudged, for what it waited for may be taken by
/// somebody else.
fn holds<G: Waits>(waits: &G, ring: &[Hop<G>], me: G::Who) -> bool {
    let mut is_whole = true;
    for hop in ring.iter().filter(|hop| !waits.holds(&hop.wait)) {
        is_whole = false;
        // What comes for this one itself is seen before it sleeps.
        if hop.who != me {
            waits.nudge(&hop.wait);
        }
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::shm::words::Mapped;

    type Line = WaitLine<AtomicU64, 2>;

    fn line() -> Line {
        WaitLine { sequence: AtomicU64::new(0), words: [AtomicU64::new(0), AtomicU64::new(0)] }
    }

    /// Lines whose words are a target and a beginning.
    struct Town {
        lines: Vec<Line>,
        /// Who has got what it waits for.
        served: Cell<Option<u64>>,
        nudged: RefCell<Vec<u64>>,
    }

    impl Town {
        fn of(waits: &[(u64, u64)]) -> Town {
            let lines = waits.iter().map(|(target, since)| {
                let line = line();
                line.stamp([*target, *since]);
                line
            });
            Town { lines: lines.collect(), served: Cell::default(), nudged: RefCell::default() }
        }

        fn ring_of(&self, me: u64) -> Option<Vec<u64>> {
            find_ring(self, me).map(|ring| ring.iter().map(|hop| hop.who).collect())
        }
    }

    impl Waits for Town {
        type Memory = Mapped;
        type Who = u64;
        type Wait = [u64; 2];

        fn stamp_of(&self, who: u64) -> Option<(u64, [u64; 2])> {
            self.lines.get(who as usize)?.read()
        }

        fn target(wait: &[u64; 2]) -> u64 {
            wait[0]
        }

        fn holds(&self, wait: &[u64; 2]) -> bool {
            self.served.get() != Some(wait[1])
        }

        fn age(who: u64, wait: &[u64; 2]) -> (u64, u64) {
            (wait[1], who)
        }

        fn nudge(&self, wait: &[u64; 2]) {
            self.nudged.borrow_mut().push(wait[1]);
        }
    }

    #[test]
    fn smoke() {
        let line = line();
        assert_eq!(line.read(), None);
        line.stamp([7, 8]);
        assert_eq!(line.read(), Some((1, [7, 8])));
        line.stamp([9, 10]);
        assert_eq!(line.read(), Some((3, [9, 10])));
        assert!(line.is_still(3) && !line.is_still(1));
        line.clear();
        line.clear();
        assert_eq!(line.read(), None);
    }

    #[test]
    fn who_has_begun_last_goes() {
        let town = Town::of(&[(1, 10), (2, 30), (0, 20)]);
        assert_eq!(town.ring_of(1), Some(vec![1, 2, 0]));
        assert_eq!((town.ring_of(0), town.ring_of(2)), (None, None));
        assert_eq!(town.nudged.take(), [30, 30], "the one that is to go");
    }

    #[test]
    fn of_two_that_began_at_once_one_goes() {
        let town = Town::of(&[(1, 10), (0, 10)]);
        assert_eq!((town.ring_of(0), town.ring_of(1)), (None, Some(vec![1, 0])));
    }

    #[test]
    fn a_way_into_a_ring_is_none() {
        let town = Town::of(&[(1, 10), (2, 20), (1, 30)]);
        assert_eq!(town.ring_of(0), None);
        assert!(town.nudged.take().is_empty());
        assert_eq!(town.ring_of(2), Some(vec![2, 1]));
    }

    #[test]
    fn a_way_that_ends_is_none() {
        let town = Town::of(&[(1, 10), (2, 20), (0, 30)]);
        town.lines[1].clear();
        assert_eq!((town.ring_of(0), town.ring_of(2)), (None, None));
    }

    #[test]
    fn who_is_served_is_told_to_look_and_nobody_goes() {
        let town = Town::of(&[(1, 10), (2, 20), (0, 30)]);
        town.served.set(Some(20));
        assert_eq!(town.ring_of(2), None);
        assert_eq!(town.nudged.take(), [20]);
    }

    #[test]
    fn a_ring_of_many_is_found_and_one_of_too_many_is_not() {
        for (length, is_found) in [(HOPS_MAX, true), (HOPS_MAX + 1, false)] {
            let waits: Vec<_> = (0..length as u64).map(|who| ((who + 1) % length as u64, who)).collect();
            assert_eq!(Town::of(&waits).ring_of(length as u64 - 1).is_some(), is_found);
        }
    }
}
