//! The slot word and the ring of slots: a claim and its claimant are one atomic write.
//!
//! A ring is an array of slots, each governed by one 64-bit word. A position in the ring is a
//! *lap* and an *index*; slot `index` serves lap 0, 1, 2, … in turn. The word says in which state
//! the slot is, for which lap, and, while somebody works on it, **who**:
//!
//! ```text
//!            claim (CAS)           publish              claim (CAS or store)        release
//! FREE(lap) ───────────► WRITING(p) ───────► READY ────────────────────► CLAIMED(p) ───────► FREE(lap+1)
//!     │                      │ p died          ▲                             │ p died, or gave it back
//!     │ seal                 ▼                 └─────────── RETURNED ◄───────┘ (count + 1)
//!     ▼                 FREE(lap+1): there never was a message
//!  SEALED
//! ```
//!
//! A position whose writer died is passed over, because the word in its slot is a lap ahead. (A
//! tombstone that waits for a consumer to pass was tried: in a ring full of them the consumers
//! sleep because there is no message, the producers because there is no room.)
//!
//! There is no instant at which a slot is taken and memory does not say by whom, so recovery of a
//! dead participant is a scan of the words, idempotent and interruptible. `head` and `tail` are
//! mere hints, never ahead of the truth: whoever reads one walks on from it. A stale hint costs
//! steps, never correctness, so hints are plain stores and may be lost with their writer.
//!
//! Two protocols share the ring. A **queue** has many consumers: a claim is a CAS, and what comes
//! back is marked RETURNED where it lies, behind the head, and counted in `returns_made` so that
//! consumers look for it before they take something new. A **mailbox** has one consumer: claim and
//! release are plain stores, the head stays on the message in hand, so redelivery moves nothing.
//!
//! Here is who takes, publishes and frees; [`word`] has the words themselves, [`recovery`] the repair,
//! [`looks`] what only looks.
//!
//! The idea of stamping the claimant into the slot is that of robust index allocators in shared
//! memory; the laps are those of D. Vyukov's bounded queue.

mod looks;
mod recovery;
mod word;

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

pub(crate) use looks::{blocker, exact_tail, find_claimed, has_room_ahead, is_free, is_idle, len, peek_new};
pub(crate) use recovery::{Recovered, Settled, recover, recover_writing};
pub(crate) use word::{Position, SlotWord, State};

use super::words::{Memory, Word};
use crate::id::Participant;
use crate::planted::{self, planted};

/// Where the words of one ring lie.
pub(crate) trait Ring {
    type Memory: Memory;

    /// Number of slots, at least 1 and at most [`CAPACITY_MAX`].
    fn capacity(&self) -> u32;
    fn word(&self, index: u32) -> &<Self::Memory as Memory>::Word64;
    /// No position before this one can be claimed for writing any more.
    fn tail(&self) -> &<Self::Memory as Memory>::Word64;
    /// No position before this one holds something new to read.
    fn head(&self) -> &<Self::Memory as Memory>::Word64;
    /// How often something was returned; see `take_returned`.
    fn returns_made(&self) -> &<Self::Memory as Memory>::Word64;
    /// The value of `returns_made` at the last look that found nothing.
    fn returns_seen(&self) -> &<Self::Memory as Memory>::Word64;
    /// Whether this still is the ring that its handle means, and no other that lies there now.
    fn is_ours(&self) -> bool {
        true
    }
    /// Asks for the line of a slot that will be written soon.
    fn prefetch(&self, _index: u32) {}
}

/// The most slots that a ring can have.
pub(crate) const CAPACITY_MAX: u32 = 1 << (Position::INDEX_BITS - 1);

/// How far ahead of the claim a producer asks for slot lines: a locked instruction on a line that
/// the consumer has just read waits for it, some 110 ns; asked for this early it is there.
const PREFETCH_AHEAD: u32 = 8;
/// Why nothing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Full for a producer, empty for a consumer.
    NotNow,
    /// The ring has ended here.
    Sealed,
}

/// A message that a consumer has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) position: Position,
    /// How often it was handed out before.
    pub(crate) count: u8,
}

/// More steps than any honest walk takes: a walk over memory that a broken peer rewrites ends.
pub(crate) const fn steps_max(capacity: u32) -> u32 {
    4 * capacity + 64
}

/// Takes the next free slot for `me` to write. Dead at any point: WRITING(me) or nothing.
#[inline]
pub(crate) fn claim_write<R: Ring>(ring: &R, me: Participant) -> Result<Position, Refused> {
    let capacity = ring.capacity();
    let mut at = Position::load::<R::Memory>(ring.tail(), capacity);
    for _ in 0..steps_max(capacity) {
        let word = ring.word(at.index());
        let seen = SlotWord(word.load(Acquire)); // PAIR: slot-freed
        let laps = at.laps_to(seen);
        if laps < 0 {
            return Err(Refused::NotNow); // The message of the lap before still lies here.
        }
        if laps > 0 {
            // Lap n is free here, or taken: so lap n - 1 was taken here, and all before it.
            let taken = Position::new(seen.lap().wrapping_sub(1), at.index());
            at = at.next(capacity).max(taken.next(capacity));
            continue;
        }
        match seen.state() {
            // After the look at the word: laps do not come again, so the claim fails in the next ring.
            State::Free if !ring.is_ours() => return Err(Refused::NotNow),
            State::Free => {
                let mine = SlotWord::new(State::Writing, me, 0, seen.lap());
                let claimed = if planted!(ClaimBeforeStamp) { mine.of_nobody() } else { mine };
                if word.compare_exchange(seen.0, claimed.0, Acquire).is_ok() {
                    if planted!(ClaimBeforeStamp) {
                        planted::widen();
                        word.store(mine.0, Relaxed);
                    }
                    ring.tail().store(at.next(capacity).0, Relaxed);
                    ring.prefetch(ahead(at.index(), capacity));
                    return Ok(at);
                }
            }
            State::Sealed | State::Waiting => return Err(Refused::Sealed),
            // Another producer was faster; its hint may still be under way.
            _ => at = at.next(capacity),
        }
    }
    Err(Refused::NotNow)
}

/// The slot [`PREFETCH_AHEAD`] places on, without a division.
const fn ahead(index: u32, capacity: u32) -> u32 {
    let target = index + PREFETCH_AHEAD;
    if target < capacity {
        target
    } else if PREFETCH_AHEAD < capacity {
        target - capacity
    } else {
        index
    }
}

/// Makes the message at a position claimed by [`claim_write`] visible.
#[inline]
pub(crate) fn publish<R: Ring>(ring: &R, at: Position) {
    let ready = SlotWord::new(State::Ready, Participant::NOBODY, 0, at.lap());
    R::Memory::publish(ring.word(at.index()), ready.0); // PAIR: slot-published
}

/// [`publish`] without a look for sleepers, for all but the last message of a batch.
#[inline]
pub(crate) fn publish_quietly<R: Ring>(ring: &R, at: Position) {
    let ready = SlotWord::new(State::Ready, Participant::NOBODY, 0, at.lap());
    ring.word(at.index()).store(ready.0, Release); // PAIR: slot-published
}

/// Takes the oldest message nobody has, for `me`, among other consumers. Something that was
/// returned comes first. Dead at any point: CLAIMED(me) or nothing.
///
/// This is what a queue without hands would do, and what the models check; a queue with hands does
/// the same over both ([`hands`](super::hands)).
#[cfg(test)]
pub(crate) fn claim_read<R: Ring>(ring: &R, me: Participant) -> Result<Claim, Refused> {
    if may_have_returns(ring)
        && let Some(claim) = take_returned(ring, me)
    {
        return Ok(claim);
    }
    claim_new(ring, me)
}

/// Whether something may have been returned since the last look that found nothing.
#[inline]
pub(crate) fn may_have_returns<R: Ring>(ring: &R) -> bool {
    ring.returns_made().load(Acquire) != ring.returns_seen().load(Relaxed)
}

/// `claim_read` without the look for what was returned.
#[inline]
pub(crate) fn claim_new<R: Ring>(ring: &R, me: Participant) -> Result<Claim, Refused> {
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
            State::Ready => {
                let mine = SlotWord::new(State::Claimed, me, seen.count(), seen.lap());
                if ring.word(at.index()).compare_exchange(seen.0, mine.0, Acquire).is_ok() {
                    ring.head().store(at.next(capacity).0, Relaxed);
                    return Ok(Claim { position: at, count: seen.count() });
                }
            }
            State::Claimed | State::Returned => at = at.next(capacity),
            State::Sealed | State::Waiting => return Err(Refused::Sealed),
            State::Free | State::Writing => return Err(Refused::NotNow),
        }
    }
    Err(Refused::NotNow)
}

/// What a consumer that stands at a position sees there.
enum Look {
    At(SlotWord),
    /// The position was consumed long ago; go on here.
    Ahead(Position),
    /// The position has not come yet.
    Behind,
}

#[inline]
fn look<R: Ring>(ring: &R, at: Position) -> Look {
    let seen = SlotWord(ring.word(at.index()).load(Acquire)); // PAIR: slot-published
    match at.laps_to(seen) {
        0 => return Look::At(seen),
        laps if laps < 0 => return Look::Behind,
        _ => {}
    }
    // Whoever wrote lap n here has seen lap n - 1 consumed in every slot before: all positions up
    // to (n - 2, index) are history.
    let capacity = ring.capacity();
    let history = Position::new(seen.lap().wrapping_sub(2), at.index()).next(capacity);
    Look::Ahead(at.next(capacity).max(history))
}

/// Takes the oldest returned message, if any.
///
/// `returns_made` is raised after the message is marked, `returns_seen` is set to what it was
/// before a look that found nothing. So a return during the look leaves the two different, and a
/// late, stale store to `returns_seen` costs one more look.
#[cfg(test)]
pub(crate) fn take_returned<R: Ring>(ring: &R, me: Participant) -> Option<Claim> {
    for _ in 0..steps_max(ring.capacity()) {
        let made = ring.returns_made().load(Acquire); // PAIR: slot-returned
        let Some((index, seen)) = oldest_returned(ring, &|_| false) else {
            ring.returns_seen().store(made, Relaxed);
            return None;
        };
        let mine = SlotWord::new(State::Claimed, me, seen.count(), seen.lap());
        if ring.word(index).compare_exchange(seen.0, mine.0, Acquire).is_ok() {
            return Some(Claim { position: Position::new(seen.lap(), index), count: seen.count() });
        }
    }
    None
}

/// The returned message that was sent first, of those for which `skips` does not hold.
pub(crate) fn oldest_returned<R: Ring>(ring: &R, skips: &dyn Fn(Position) -> bool) -> Option<(u32, SlotWord)> {
    let position = |(index, seen): (u32, SlotWord)| Position::new(seen.lap(), index);
    (0..ring.capacity())
        .map(|index| (index, SlotWord(ring.word(index).load(Acquire))))
        .filter(|found| found.1.state() == State::Returned && !skips(position(*found)))
        .reduce(|oldest, other| if position(other).is_before(position(oldest)) { other } else { oldest })
}

/// Takes the message at the head as the only consumer. The head stays on it.
///
/// Plain stores suffice: nobody but the one consumer, or its recovery after its proven death,
/// changes a slot that is READY, CLAIMED or RETURNED. The store releases what the producer wrote to
/// whoever reads CLAIMED: recovery of an extent does.
#[inline]
pub(crate) fn take_next<R: Ring>(ring: &R, me: Participant) -> Result<Claim, Refused> {
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
            State::Ready | State::Returned | State::Claimed => {
                let mine = SlotWord::new(State::Claimed, me, seen.count(), seen.lap());
                ring.word(at.index()).store(mine.0, Release);
                ring.head().store(at.0, Relaxed);
                return Ok(Claim { position: at, count: seen.count() });
            }
            State::Sealed | State::Waiting => return Err(Refused::Sealed),
            State::Free | State::Writing => return Err(Refused::NotNow),
        }
    }
    Err(Refused::NotNow)
}

/// Frees a claimed slot for the next lap: the message is done.
#[inline]
pub(crate) fn release<R: Ring>(ring: &R, at: Position) {
    R::Memory::publish(ring.word(at.index()), SlotWord::free(at.lap() + 1).0); // PAIR: slot-freed
}

/// [`release`] without a look for sleepers, for all but the last message of a batch.
#[inline]
pub(crate) fn release_quietly<R: Ring>(ring: &R, at: Position) {
    let free = SlotWord::free(at.lap() + 1);
    ring.word(at.index()).store(free.0, Release); // PAIR: slot-freed
}

/// Gives up a slot that `me` has claimed for writing and not published: as after its death, there
/// never was a message.
pub(crate) fn pass_over<R: Ring>(ring: &R, at: Position, me: Participant) {
    let mine = SlotWord::new(State::Writing, me, 0, at.lap());
    let _ = ring.word(at.index()).compare_exchange(mine.0, SlotWord::free(at.lap() + 1).0, Release);
}

/// Moves the single consumer's head past a released position.
#[inline]
pub(crate) fn pass<R: Ring>(ring: &R, at: Position) {
    ring.head().store(at.next(ring.capacity()).0, Relaxed);
}

/// Gives a claimed message back to all consumers, delivered once more than before or not.
pub(crate) fn give_back<R: Ring>(ring: &R, at: Position, is_counted: bool) {
    let word = ring.word(at.index());
    let returned = SlotWord(word.load(Relaxed)).returned(is_counted);
    word.store(returned.0, Release);
    note_return(ring);
}

/// Tells consumers that something was returned.
pub(crate) fn note_return<R: Ring>(ring: &R) {
    ring.returns_made().fetch_add(1, Release); // PAIR: slot-returned
    R::Memory::fence();
}

/// Ends the ring at its tail, unless something new is there or under way. True: it is sealed.
///
/// Producers must pass the tail slot, so none can be accepted behind the back of a consumer that
/// has found the ring empty. What other consumers of a queue have claimed, or gave back behind the
/// head, does not prevent it: returns are looked for first, sealed or not. False as well while the
/// slot at the tail is held for the lap before.
pub(crate) fn seal<R: Ring>(ring: &R) -> bool {
    let capacity = ring.capacity();
    let mut at = Position::load::<R::Memory>(ring.head(), capacity);
    for _ in 0..steps_max(capacity) {
        let seen = match look(ring, at) {
            Look::At(seen) => seen,
            Look::Ahead(next) => {
                at = next;
                continue;
            }
            Look::Behind => return false,
        };
        match seen.state() {
            State::Sealed => return true,
            State::Free => {
                let sealed = SlotWord::new(State::Sealed, Participant::NOBODY, 0, seen.lap());
                if ring.word(at.index()).compare_exchange(seen.0, sealed.0, Acquire).is_ok() {
                    return true;
                }
            }
            State::Claimed => at = at.next(capacity),
            _ => return false,
        }
    }
    false
}

/// Opens a sealed ring again where it ended.
pub(crate) fn unseal<R: Ring>(ring: &R) {
    for index in 0..ring.capacity() {
        let word = ring.word(index);
        let seen = SlotWord(word.load(Acquire));
        if seen.state() == State::Sealed {
            let _ = word.compare_exchange(seen.0, SlotWord::free(seen.lap()).0, Release);
        }
    }
}
