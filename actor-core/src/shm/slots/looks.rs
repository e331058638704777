//! Looks at a ring that change nothing: how full it is, who holds what, who is in the way.
//!
//! Each is a walk over words that others change meanwhile. What it returns was true of each word at
//! some moment; whether it was true of all at one is said where it matters.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::word::{Position, SlotWord, State};
use super::{Claim, Look, Refused, Ring, look, steps_max};
use crate::id::Participant;
use crate::shm::words::Word;

/// How many messages wait. Exact while nobody moves, however late the hints are; a racing snapshot
/// otherwise.
pub(crate) fn len<R: Ring>(ring: &R) -> u64 {
    let capacity = ring.capacity();
    let mut at = Position::load::<R::Memory>(ring.head(), capacity);
    let mut ready = 0;
    for _ in 0..steps_max(capacity) {
        match look(ring, at) {
            Look::At(seen) if seen.state().is_end() => break,
            Look::At(seen) => {
                ready += u64::from(seen.state() == State::Ready);
                at = at.next(capacity);
            }
            Look::Ahead(next) => at = next,
            Look::Behind => break,
        }
    }
    ready.min(u64::from(capacity)) + returned_len(ring)
}

/// The next position to be written, walked to from the hints.
pub(crate) fn exact_tail<R: Ring>(ring: &R) -> Position {
    let capacity = ring.capacity();
    let head = Position::load::<R::Memory>(ring.head(), capacity);
    let mut tail = Position::load::<R::Memory>(ring.tail(), capacity).max(head);
    for _ in 0..steps_max(capacity) {
        match look(ring, tail) {
            Look::At(seen) if !seen.state().is_end() => tail = tail.next(capacity),
            Look::Ahead(next) => tail = next,
            _ => break,
        }
    }
    tail
}

/// Whether a producer could claim this position now.
pub(crate) fn is_free<R: Ring>(ring: &R, at: Position) -> bool {
    matches!(look(ring, at), Look::At(seen) if seen.state() == State::Free)
}

/// Whether there is a message that was never handed out. The same walk as that of
/// [`claim_new`](super::claim_new), without the claim.
///
/// # Errors
/// There is none, or the ring has ended.
pub(crate) fn peek_new<R: Ring>(ring: &R) -> Result<(), Refused> {
    let capacity = ring.capacity();
    let mut at = Position::load::<R::Memory>(ring.head(), capacity);
    for _ in 0..steps_max(capacity) {
        let seen = match look(ring, at) {
            Look::At(seen) => seen,
            Look::Ahead(next) => {
                at = next;
                continue;
            }
            Look::Behind => return Err(Refused::NotNow),
        };
        match seen.state() {
            State::Ready => return Ok(()),
            State::Claimed | State::Returned => at = at.next(capacity),
            State::Sealed | State::Waiting => return Err(Refused::Sealed),
            State::Free | State::Writing => return Err(Refused::NotNow),
        }
    }
    Err(Refused::NotNow)
}

fn returned_len<R: Ring>(ring: &R) -> u64 {
    let made = ring.returns_made().load(Acquire); // PAIR: slot-returned
    if made == ring.returns_seen().load(Relaxed) {
        return 0;
    }
    let is_returned = |&index: &u32| SlotWord(ring.word(index).load(Acquire)).state() == State::Returned;
    (0..ring.capacity()).filter(is_returned).count() as u64
}

/// Whether no slot holds, or is about to hold, a message, claimed ones included. Not a snapshot: a
/// message may come in where the look has been, so compare [`exact_tail`] before and after.
pub(crate) fn is_idle<R: Ring>(ring: &R) -> bool {
    (0..ring.capacity()).all(|index| SlotWord(ring.word(index).load(Acquire)).state().is_end())
}

/// How many messages a producer waits for room for, while it spins.
const ROOM_AHEAD: u32 = 32;

/// Whether there is room for several messages, for a producer that found none and looks again and
/// again: at a line that no consumer is at work on, so that neither takes it from the other.
pub(crate) fn has_room_ahead<R: Ring>(ring: &R) -> bool {
    let capacity = ring.capacity();
    let tail = Position::load::<R::Memory>(ring.tail(), capacity);
    let index = tail.index() + ROOM_AHEAD.min(capacity / 4);
    let target = match index < capacity {
        true => Position::new(tail.lap(), index),
        false => Position::new(tail.lap() + 1, index - capacity),
    };
    is_free(ring, target)
}

/// The message that a participant has claimed, if any.
pub(crate) fn find_claimed<R: Ring>(ring: &R, participant: Participant) -> Option<Claim> {
    (0..ring.capacity()).find_map(|index| {
        let seen = SlotWord(ring.word(index).load(Acquire));
        let is_theirs = seen.state() == State::Claimed && seen.participant() == participant;
        is_theirs.then(|| Claim { position: Position::new(seen.lap(), index), count: seen.count() })
    })
}

/// Who keeps the one consumer from messages that are there: the writer of the slot at the head, and
/// the place, if something behind it is published.
pub(crate) fn blocker<R: Ring>(ring: &R) -> Option<(Position, Participant)> {
    let capacity = ring.capacity();
    let mut at = Position::load::<R::Memory>(ring.head(), capacity);
    let mut writer = None;
    for _ in 0..steps_max(capacity) {
        let seen = match look(ring, at) {
            Look::At(seen) => seen,
            Look::Ahead(next) => {
                at = next;
                continue;
            }
            Look::Behind => return None,
        };
        match seen.state() {
            State::Writing => writer = writer.or(Some((at, seen.participant()))),
            State::Ready => return writer,
            _ => return None,
        }
        at = at.next(capacity);
    }
    None
}
