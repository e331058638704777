//! Extents: room for payloads that do not fit beside the slot word.
//!
//! An extent is one of a fixed number of equal parts of a size class. Each has an owner word;
//! claiming one is a CAS that writes the owner, lowest index first, so that the warm ones are used
//! again. There is no allocator state beside the words, hence nothing to repair but the words:
//!
//! ```text
//!  COLD ──claim──► COLD_OWNED(p) ──filled──► WARM_OWNED(p) ──free──► WARM ──claim──► WARM_OWNED(p)
//!    ▲                                                                │
//!    └───────────────────────────── punched out ◄─────────────────────┘
//! ```
//!
//! *Cold* extents have no memory behind them; they are allocated before the first use, where a
//! failure is an error value and not a SIGBUS in whoever touches them.
//!
//! The owner is whoever handled the extent last: the sender from claim to publication and on,
//! then the receiver, who takes it over after claiming the slot and before freeing the slot.
//! Recovery of a dead owner frees its extents that no message refers to, and takes memory away that
//! the owner may just have put behind one. An extent that a message refers to changes owner before
//! the reference goes, so recovery either still sees the reference, or its CAS from the old word
//! fails.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::words::Word;
use crate::id::Participant;

/// The word of an extent: `state:3 | participant:14 | generation:47`, low bits first. The
/// generation changes with every transition, so an old word never matches again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtentWord(pub(crate) u64);

/// What an extent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Free, no memory behind it.
    Cold = 0,
    /// Free, memory behind it.
    Warm = 1,
    /// The participant named is allocating it or punching it out.
    ColdOwned = 2,
    /// The participant named writes or reads it, or a message refers to it.
    WarmOwned = 3,
    /// Of a window that is being taken down.
    Sealed = 4,
}

impl ExtentWord {
    const PARTICIPANT_SHIFT: u32 = 3;
    const GENERATION_SHIFT: u32 = Self::PARTICIPANT_SHIFT + Participant::BITS;

    pub(super) const fn state(self) -> State {
        match self.0 & 0b111 {
            0 => State::Cold,
            1 => State::Warm,
            2 => State::ColdOwned,
            3 => State::WarmOwned,
            _ => State::Sealed,
        }
    }

    const fn owner(self) -> Participant {
        Participant((self.0 >> Self::PARTICIPANT_SHIFT) as u16 & ((1 << Participant::BITS) - 1))
    }

    /// The word after a transition from this one.
    pub(super) const fn then(self, state: State, owner: Participant) -> ExtentWord {
        let generation = (self.0 >> Self::GENERATION_SHIFT) + 1;
        ExtentWord(generation << Self::GENERATION_SHIFT | (owner.0 as u64) << Self::PARTICIPANT_SHIFT | state as u64)
    }
}

/// Claims the first free extent at or after `hint`, else the first of all. The second value says
/// whether it is cold: then allocate it and call [`warm`]. `is_ours` is asked between look and claim:
/// where it says no, something else may lie by now.
pub(crate) fn claim<'a, W: Word<u64> + 'a>(
    count: u32,
    word: impl Fn(u32) -> &'a W,
    hint: u32,
    me: Participant,
    is_ours: impl Fn() -> bool,
) -> Option<(u32, bool)> {
    let hint = if hint < count { hint } else { 0 };
    (hint..count).chain(0..hint).find_map(|index| {
        let seen = ExtentWord(word(index).load(Relaxed));
        let cold = match seen.state() {
            State::Cold => true,
            State::Warm => false,
            _ => return None,
        };
        let mine = seen.then(if cold { State::ColdOwned } else { State::WarmOwned }, me);
        if !is_ours() {
            return None;
        }
        word(index).compare_exchange(seen.0, mine.0, Acquire).ok().map(|_| (index, cold)) // PAIR: extent-freed
    })
}

/// Whether [`claim`] could take it.
pub(crate) fn is_free<W: Word<u64>>(word: &W) -> bool {
    matches!(ExtentWord(word.load(Relaxed)).state(), State::Cold | State::Warm)
}

/// The owner has put memory behind a cold extent.
pub(crate) fn warm<W: Word<u64>>(word: &W, me: Participant) {
    let seen = ExtentWord(word.load(Relaxed));
    word.store(seen.then(State::WarmOwned, me).0, Relaxed);
}

/// Frees an extent that the caller owns and that never got memory, or has lost it.
pub(crate) fn free_cold<W: Word<u64>>(word: &W) {
    let seen = ExtentWord(word.load(Relaxed));
    word.store(seen.then(State::Cold, Participant::NOBODY).0, Release);
}

/// Takes over the extent of a message that the caller has claimed. Always before the message goes:
/// a dead owner's extent to which nothing refers is freed by recovery as well, and whoever claims
/// it then has it freed under its hands.
pub(crate) fn take_over<W: Word<u64>>(word: &W, me: Participant) {
    let mut seen = ExtentWord(word.load(Relaxed));
    while seen.state() != State::WarmOwned || seen.owner() != me {
        // Only recovery of the old owner can be in the way, and it leaves a referenced extent alone.
        match word.compare_exchange(seen.0, seen.then(State::WarmOwned, me).0, Acquire) {
            Ok(_) => break,
            Err(now) => seen = ExtentWord(now),
        }
    }
}

/// Frees an extent that the caller owns.
pub(crate) fn free<W: Word<u64>>(word: &W) {
    let seen = ExtentWord(word.load(Relaxed));
    word.store(seen.then(State::Warm, Participant::NOBODY).0, Release); // PAIR: extent-freed
}

/// Takes the extent of one who has died while he put memory behind it. True: there may be some, so it is
/// taken away before [`free_cold`]. No message has ever referred to it.
pub(crate) fn inherit<W: Word<u64>>(word: &W, dead: Participant, me: Participant) -> bool {
    let seen = ExtentWord(word.load(Acquire));
    seen.state() == State::ColdOwned
        && seen.owner() == dead
        && word.compare_exchange(seen.0, seen.then(State::ColdOwned, me).0, Acquire).is_ok()
}

/// Frees a warm extent of the dead that nothing refers to. True if this call did it.
///
/// `referenced` is asked after the word was read: a message that goes away in between has first
/// changed the owner, and then the CAS fails.
pub(crate) fn recover<W: Word<u64>>(word: &W, dead: Participant, referenced: impl FnOnce() -> bool) -> bool {
    let seen = ExtentWord(word.load(Acquire));
    seen.state() == State::WarmOwned
        && seen.owner() == dead
        && !referenced()
        && word.compare_exchange(seen.0, seen.then(State::Warm, Participant::NOBODY).0, Release).is_ok()
}

/// Whether it is free, and has memory behind it.
pub(crate) fn is_warm<W: Word<u64>>(word: &W) -> bool {
    ExtentWord(word.load(Relaxed)).state() == State::Warm
}

/// Takes a warm, free extent to punch its memory out; [`free_cold`] puts it back.
pub(crate) fn claim_warm<W: Word<u64>>(word: &W, me: Participant) -> bool {
    let seen = ExtentWord(word.load(Relaxed));
    seen.state() == State::Warm && word.compare_exchange(seen.0, seen.then(State::ColdOwned, me).0, Acquire).is_ok()
}

/// Withdraws a free extent for good. False: somebody owns it.
pub(crate) fn seal<W: Word<u64>>(word: &W) -> bool {
    let seen = ExtentWord(word.load(Acquire));
    match seen.state() {
        State::Sealed => true,
        State::Cold | State::Warm => {
            word.compare_exchange(seen.0, seen.then(State::Sealed, Participant::NOBODY).0, Acquire).is_ok()
        }
        State::ColdOwned | State::WarmOwned => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const A: Participant = Participant(7);
    const B: Participant = Participant(8);

    fn words() -> Vec<AtomicU64> {
        (0..3).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn smoke() {
        let words = words();
        let claim_for = |who| claim(3, |i| &words[i as usize], 0, who, || true);
        assert_eq!(claim_for(A), Some((0, true)));
        warm(&words[0], A);
        assert_eq!(claim_for(A), Some((1, true)));
        free(&words[0]);
        assert_eq!(claim_for(B), Some((0, false)), "lowest first, and it is warm now");
        assert_eq!(claim_for(B), Some((2, true)));
        assert_eq!(claim_for(B), None);
    }

    #[test]
    fn recovery_frees_what_nothing_refers_to() {
        let words = words();
        for _ in 0..3 {
            let (index, _) = claim(3, |i| &words[i as usize], 0, A, || true).unwrap();
            warm(&words[index as usize], A);
        }
        take_over(&words[2], B);
        assert!(recover(&words[0], A, || false));
        assert!(!recover(&words[1], A, || true), "a message refers to it");
        assert!(!recover(&words[2], A, || false), "it is somebody else's now");
        assert!(!recover(&words[0], A, || false), "repeated");
    }

    #[test]
    fn who_dies_over_a_cold_one_leaves_it_to_recovery() {
        let words = words();
        claim(1, |i| &words[i as usize], 0, A, || true).unwrap();
        assert!(!recover(&words[0], A, || false), "there may be memory that nobody would know of");
        assert!(!inherit(&words[0], B, Participant::NODE), "it is not B's");
        assert!(inherit(&words[0], A, Participant::NODE));
        assert!(!inherit(&words[0], A, Participant::NODE), "repeated");
        free_cold(&words[0]);
        assert_eq!(claim(1, |i| &words[i as usize], 0, B, || true), Some((0, true)));
    }

    #[test]
    fn recovery_loses_against_a_new_owner() {
        let words = words();
        claim(1, |i| &words[i as usize], 0, A, || true).unwrap();
        warm(&words[0], A);
        assert!(!recover(&words[0], A, || {
            take_over(&words[0], B);
            false
        }));
        assert_eq!(ExtentWord(words[0].load(Relaxed)).owner(), B);
    }

    #[test]
    fn sealed_extents_are_never_claimed() {
        let words = words();
        claim(3, |i| &words[i as usize], 0, A, || true).unwrap();
        assert!(!seal(&words[0]));
        assert!(seal(&words[1]) && seal(&words[2]));
        assert_eq!(claim(3, |i| &words[i as usize], 0, B, || true), None);
        free_cold(&words[0]);
        assert!(seal(&words[0]));
    }
}
