//! Repair of a ring after the proven death of a participant.
//!
//! Nobody else has to take part or to hold still. Whether a claimed message is delivered again is
//! decided by the caller.

use std::sync::atomic::Ordering::{Acquire, Release};

use super::word::{Position, SlotWord, State};
use super::{Claim, Ring, note_return};
use crate::id::Participant;
use crate::planted::planted;
use crate::shm::words::Word;

/// What becomes of a message that a dead participant had claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Delivered again, counted: to any consumer of a queue, or first of all in a mailbox.
    Returned,
    /// Done with; the slot is free.
    Released,
}

/// Repairs the ring after the proven death of `dead`: what it was writing never existed, what it
/// had claimed is settled by `settle`.
///
/// Every step is one CAS from a word that names `dead`, so the scan may be interrupted anywhere
/// and run again, and it may run among live participants. Only `settle` may then be asked twice.
pub(crate) fn recover<R: Ring>(ring: &R, dead: Participant, mut settle: impl FnMut(Claim) -> Settled) -> Recovered {
    let mut recovered = Recovered::default();
    for index in 0..ring.capacity() {
        let word = ring.word(index);
        let seen = SlotWord(word.load(Acquire));
        if seen.participant() != dead {
            continue;
        }
        let to = match seen.state() {
            State::Writing => {
                recovered.writing += 1;
                SlotWord::free(seen.lap() + 1)
            }
            State::Claimed => {
                recovered.claimed += 1;
                let claim = Claim { position: Position::new(seen.lap(), index), count: seen.count() };
                match settle(claim) {
                    Settled::Returned => seen.returned(true),
                    Settled::Released => SlotWord::free(seen.lap() + 1),
                }
            }
            _ => continue,
        };
        let _ = word.compare_exchange(seen.0, to.0, Release);
    }
    // Always: `dead`, or an interrupted recovery, may have marked a return and not counted it.
    if !planted!(ReturnNotNoted) {
        note_return(ring);
    }
    recovered
}

/// [`recover`] of what `dead` was writing only; what it has claimed is counted and stays claimed.
pub(crate) fn recover_writing<R: Ring>(ring: &R, dead: Participant) -> Recovered {
    let mut recovered = Recovered::default();
    for index in 0..ring.capacity() {
        let word = ring.word(index);
        let seen = SlotWord(word.load(Acquire));
        if seen.participant() != dead {
            continue;
        }
        match seen.state() {
            State::Writing => {
                recovered.writing += 1;
                let _ = word.compare_exchange(seen.0, SlotWord::free(seen.lap() + 1).0, Release);
            }
            State::Claimed => recovered.claimed += 1,
            _ => {}
        }
    }
    recovered
}

/// What a recovery found of the dead: how many slots in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) writing: u32,
    pub(crate) claimed: u32,
    /// Tasks that had left their slots; a ring alone has none.
    pub(crate) moved: u32,
}

impl std::ops::AddAssign for Recovered {
    fn add_assign(&mut self, other: Recovered) {
        self.writing += other.writing;
        self.claimed += other.claimed;
        self.moved += other.moved;
    }
}
