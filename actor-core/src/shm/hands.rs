//! Hands: where the messages are that consumers of a queue hold for long.
//!
//! A slot held for seconds would stop the producers one lap later. So a task is moved: its payload
//! is copied into a *hand*, one word is written, and the slot is free. A hand is a slot of its own
//! kind, found by scanning:
//!
//! ```text
//! FREE ──claim──► WRITING(p) ──the move──► CLAIMED(p) ──done──► FREE
//!                    │ p died                │ p died, or gave it back
//!                    └──────► FREE           └──────► RETURNED ──claim──► CLAIMED(q)
//! ```
//!
//! The move is the store of CLAIMED in the hand; before it the message is in the slot, after it in
//! the hand, and in between (slot not yet freed) in both, told apart by `origin`, the position the
//! hand was filled from. Recovery frees such slots first, while the hand still names the dead, so
//! that nobody can have taken the message from the hand meanwhile; then it returns the hands.
//!
//! Words only; what is copied, and who is woken, is in [`held`](super::held).

use std::cell::Cell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::slots::{self, Claim, Position, Recovered, Refused, Ring, Settled, SlotWord, State};
use super::words::{Memory, Word};
use crate::id::Participant;
use crate::planted::{self, planted};

/// Where the hands of a queue lie, besides its slots.
pub(crate) trait Hands: Ring {
    /// How many there are; none while they have no memory.
    fn hand_count(&self) -> u32;
    fn hand_word(&self, index: u32) -> &<Self::Memory as Memory>::Word64;
    /// The position that a hand was filled from.
    fn hand_origin(&self, index: u32) -> &<Self::Memory as Memory>::Word64;
}

/// A message that this process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Slot(Claim),
    Hand {
        index: u32,
        /// How often the message was handed out before.
        count: u8,
    },
}

impl Held {
    pub(crate) fn count(self) -> u8 {
        match self {
            Held::Slot(claim) => claim.count,
            Held::Hand { count, .. } => count,
        }
    }
}

/// A hand that this process has claimed to move a message into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Empty {
    pub(crate) index: u32,
    lap: u64,
}

/// Takes the oldest message that was returned and for whose origin `skips` does not hold, else the next
/// new one.
///
/// # Errors
/// There is none, or the queue has ended.
#[inline]
pub(crate) fn take<R: Hands>(ring: &R, me: Participant, skips: &dyn Fn(Position) -> bool) -> Result<Held, Refused> {
    if slots::may_have_returns(ring)
        && let Some(held) = take_returned(ring, me, skips)
    {
        return Ok(held);
    }
    slots::claim_new(ring, me).map(Held::Slot)
}

/// Whether [`take`] would give something now. Takes nothing.
///
/// # Errors
/// There is nothing, or the queue has ended.
pub(crate) fn peek<R: Hands>(ring: &R, skips: &dyn Fn(Position) -> bool) -> Result<(), Refused> {
    let is_returned = || slots::oldest_returned(ring, skips).is_some() || oldest_returned_hand(ring, skips).is_some();
    match slots::may_have_returns(ring) && is_returned() {
        true => Ok(()),
        false => slots::peek_new(ring),
    }
}

/// More rounds than it takes to come to the end of all messages: what a broken peer rewrites ends.
pub(crate) fn rounds_max<R: Hands>(ring: &R) -> u32 {
    slots::steps_max(ring.capacity() + ring.hand_count())
}

/// The same as `slots::take_returned`, with the hands.
#[cold]
fn take_returned<R: Hands>(ring: &R, me: Participant, skips: &dyn Fn(Position) -> bool) -> Option<Held> {
    let has_skipped = Cell::new(false);
    let skips = |origin: Position| {
        let is_skipped = skips(origin);
        has_skipped.set(has_skipped.get() | is_skipped);
        is_skipped
    };
    for _ in 0..rounds_max(ring) {
        let made = ring.returns_made().load(Acquire); // PAIR: slot-returned
        let slot =
            slots::oldest_returned(ring, &skips).map(|(index, seen)| (Position::new(seen.lap(), index), index, seen));
        let hand = oldest_returned_hand(ring, &skips);
        let Some((_, index, seen, is_hand)) = (match (slot, hand) {
            (Some(slot), Some(hand)) if hand.0.is_before(slot.0) => Some((hand.0, hand.1, hand.2, true)),
            (Some(slot), _) => Some((slot.0, slot.1, slot.2, false)),
            (None, Some(hand)) => Some((hand.0, hand.1, hand.2, true)),
            (None, None) => None,
        }) else {
            // What this one skips is there for others.
            if !has_skipped.get() {
                ring.returns_seen().store(made, Relaxed);
            }
            return None;
        };
        let mine = SlotWord::new(State::Claimed, me, seen.count(), seen.lap());
        let word = if is_hand { ring.hand_word(index) } else { ring.word(index) };
        if word.compare_exchange(seen.0, mine.0, Acquire).is_ok() {
            let count = seen.count();
            return Some(match is_hand {
                true => Held::Hand { index, count },
                false => Held::Slot(Claim { position: Position::new(seen.lap(), index), count }),
            });
        }
    }
    None
}

fn oldest_returned_hand<R: Hands>(ring: &R, skips: &dyn Fn(Position) -> bool) -> Option<(Position, u32, SlotWord)> {
    (0..ring.hand_count())
        .map(|index| {
            let seen = SlotWord(ring.hand_word(index).load(Acquire));
            (Position(ring.hand_origin(index).load(Relaxed)), index, seen)
        })
        .filter(|(origin, _, seen)| seen.state() == State::Returned && !skips(*origin))
        .reduce(|oldest, other| if other.0.is_before(oldest.0) { other } else { oldest })
}

/// Claims a free hand to move a message into.
pub(crate) fn claim<R: Hands>(ring: &R, me: Participant) -> Option<Empty> {
    (0..ring.hand_count()).find_map(|index| {
        let word = ring.hand_word(index);
        let seen = SlotWord(word.load(Relaxed));
        let mine = SlotWord::new(State::Writing, me, 0, seen.lap());
        (seen.state() == State::Free && word.compare_exchange(seen.0, mine.0, Acquire).is_ok())
            .then_some(Empty { index, lap: seen.lap() })
    })
}

/// Moves a message, which has been copied, from its slot into the hand. The slot is still to be freed.
pub(crate) fn fill<R: Hands>(ring: &R, me: Participant, hand: Empty, claim: Claim) -> Held {
    ring.hand_origin(hand.index).store(claim.position.0, Relaxed);
    // The move: dead before this store, the slot counts; dead after it, the hand.
    let filled = SlotWord::new(State::Claimed, me, claim.count, hand.lap);
    ring.hand_word(hand.index).store(filled.0, Release);
    Held::Hand { index: hand.index, count: claim.count }
}

/// A held message goes back, delivered once more, or as if it had never been handed out.
pub(crate) fn give_back<R: Hands>(ring: &R, held: Held, is_counted: bool) {
    match held {
        Held::Slot(claim) => slots::give_back(ring, claim.position, is_counted),
        Held::Hand { index, .. } => {
            let word = ring.hand_word(index);
            let seen = SlotWord(word.load(Relaxed));
            word.store(seen.returned(is_counted && !planted!(CountNotAtomic)).0, Release);
            slots::note_return(ring);
            if planted!(CountNotAtomic) {
                planted::widen();
                word.store(seen.returned(is_counted).0, Release);
            }
        }
    }
}

/// The message in a hand is done with.
pub(crate) fn free<R: Hands>(ring: &R, index: u32) {
    let word = ring.hand_word(index);
    let lap = SlotWord(word.load(Relaxed)).lap();
    R::Memory::publish(word, SlotWord::new(State::Free, Participant::NOBODY, 0, lap + 1).0);
}

/// Whether no message is queued, under way or held. Slots first: messages move from slots to
/// hands and never back, so one that moves during the look is seen at least once.
pub(crate) fn is_idle<R: Hands>(ring: &R) -> bool {
    let tail = slots::exact_tail(ring);
    slots::is_idle(ring)
        && (0..ring.hand_count()).all(|index| {
            let state = SlotWord(ring.hand_word(index).load(Acquire)).state();
            matches!(state, State::Free | State::Sealed)
        })
        // Nothing came in behind the back of the look.
        && slots::exact_tail(ring) == tail
}

/// Messages that nobody holds.
pub(crate) fn len<R: Hands>(ring: &R) -> u64 {
    let returned = |index: &u32| SlotWord(ring.hand_word(*index).load(Acquire)).state() == State::Returned;
    slots::len(ring) + (0..ring.hand_count()).filter(returned).count() as u64
}

/// Repairs slots and hands after the proven death of `dead`: what it held is returned.
pub(crate) fn recover<R: Hands>(ring: &R, dead: Participant) -> Recovered {
    let mut recovered = slots::recover(ring, dead, |claim| {
        let was_moved = (0..ring.hand_count()).any(|index| {
            let seen = SlotWord(ring.hand_word(index).load(Acquire));
            seen.state() == State::Claimed
                && seen.participant() == dead
                && ring.hand_origin(index).load(Relaxed) == claim.position.0
        });
        if was_moved && !planted!(ReturnMovedTwice) { Settled::Released } else { Settled::Returned }
    });
    for index in 0..ring.hand_count() {
        let word = ring.hand_word(index);
        let seen = SlotWord(word.load(Acquire));
        let then = match seen.state() {
            State::Writing if seen.participant() == dead => {
                recovered.writing += 1;
                SlotWord::new(State::Free, Participant::NOBODY, 0, seen.lap() + 1)
            }
            State::Claimed if seen.participant() == dead && !planted!(ForgetHands) => {
                recovered.moved += 1;
                seen.returned(true)
            }
            _ => continue,
        };
        word.store(then.0, Release);
        if then.state() == State::Returned {
            slots::note_return(ring);
        }
    }
    recovered
}
