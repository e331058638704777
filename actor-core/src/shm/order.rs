//! The order of an ordered queue: which of the messages that are there comes first.
//!
//! Slots are facts, the order is a hint. A sender writes into any free slot, without the order: it says
//! rank and sequence of its message beside the slot, publishes it as in any queue, and sets its bit among
//! the *news*. Receivers alone put news into a heap of places, and claim what is at its top: one at a time,
//! whoever has written its name into the word of the order.
//!
//! ```text
//!                lock (CAS)                unlock
//! WHOLE, BROKEN ────────────► HELD(p) ───────────► WHOLE, or BROKEN after a panic in a comparison
//!    ▲                          │ p died
//!    └───────── BROKEN ◄────────┘
//! ```
//!
//! What is in the heap is READY or RETURNED, and its bit in `listed` says so; only whoever holds the order
//! claims. So when a holder dies, at whatever instruction, the heap is thrown away and made again from the
//! words of slots and hands: what was claimed says by whom, everything else is there. That is done by the
//! next holder, since a comparison may run code of the user's, which the node must not.
//!
//! A death elsewhere loses at most bits, and the node sets them again ([`repair`]). A bit
//! that is set without need costs one look.
//!
//! Nobody else waits for a holder than receivers, and of those who have a deadline nobody longer than that.

mod taking;

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::event::{Event, Waited};
use super::hands::{Hands, Held};
use super::index::Index;
use super::slots::{self, Claim, Position, Refused, Ring, SlotWord, State};
use super::words::{Memory, Word};
use crate::id::Participant;
use crate::planted::planted;
use crate::time::Deadline;

/// The words of an ordered queue: those of any queue, and those by which it is in order.
pub(super) trait Ordered: Ring + Hands {
    /// Who has the order.
    fn order_word(&self) -> &<Self::Memory as Memory>::Word64;
    /// How many are in the heap.
    fn order_count(&self) -> &<Self::Memory as Memory>::Word32;
    /// The order can be taken.
    fn turn_event(&self) -> Event<'_, Self::Memory>;
    fn index(&self) -> Index<'_, Self::Memory>;
    /// Whether it was closed for good.
    fn is_discarded(&self) -> bool;

    /// Slots and hands, as far as these have memory.
    fn places(&self) -> u32 {
        self.capacity() + self.hand_count()
    }

    /// The word of a slot or hand.
    #[inline]
    fn place_word(&self, place: u32) -> Option<&<Self::Memory as Memory>::Word64> {
        let slots = self.capacity();
        match place < slots {
            true => Some(self.word(place)),
            false => (place < self.places()).then(|| self.hand_word(place - slots)),
        }
    }

    /// The position that a message was sent to, wherever it lies now.
    fn origin_of(&self, place: u32, seen: SlotWord) -> Position {
        let slots = self.capacity();
        match place < slots {
            true => Position::new(seen.lap(), place),
            false => Position(self.hand_origin(place - slots).load(Relaxed)),
        }
    }
}

/// Claims any free slot for this process to write. Dead at any point: WRITING, or nothing but a bit.
///
/// # Errors
/// There is none.
pub(super) fn claim_free<Q: Ordered>(queue: &Q, me: Participant) -> Result<Position, Refused> {
    let index = queue.index();
    // A bit that is not true is taken once, so this comes to an end.
    for _ in 0..slots::steps_max(queue.capacity()) {
        let Some(number) = index.free.take().filter(|number| *number < queue.capacity()) else {
            return Err(Refused::NotNow);
        };
        let word = queue.word(number);
        let seen = SlotWord(word.load(Acquire)); // PAIR: slot-freed
        let mine = SlotWord::new(State::Writing, me, 0, seen.lap());
        if seen.state() == State::Free && word.compare_exchange(seen.0, mine.0, Acquire).is_ok() {
            return Ok(Position::new(seen.lap(), number));
        }
    }
    Err(Refused::NotNow)
}

/// Repairs what a dead participant has left of the order and of the bits, after slots and hands.
pub(super) fn repair<Q: Ordered>(queue: &Q, dead: Participant) {
    let index = queue.index();
    for place in 0..queue.places() {
        let Some(word) = queue.place_word(place) else { continue };
        let seen = SlotWord(word.load(Acquire));
        if is_there(seen) && !planted!(ForgetNews) {
            index.news.set(place);
        } else if seen.state() == State::Free && place < queue.capacity() {
            index.free.set(place);
        }
    }
    let held = Hold::Held(dead).word();
    let _ = queue.order_word().compare_exchange(held, Hold::Broken.word(), AcqRel);
}

/// What puts messages in order. A key is taken once per comparison, from a copy.
pub(crate) trait Ranks {
    type Key;
    fn key(&self, place: u32) -> Self::Key;
    fn is_before(&self, key: &Self::Key, other: &Self::Key) -> bool;
}

/// What the order is doing: the low bits of its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// Nobody has it, and the heap is right.
    Whole,
    /// The participant named has it.
    Held(Participant),
    /// Nobody has it, and the heap has to be made again.
    Broken,
}

impl Hold {
    const SHIFT: u32 = 2;

    const fn word(self) -> u64 {
        match self {
            Hold::Whole => 0,
            Hold::Held(who) => 1 | (who.0 as u64) << Hold::SHIFT,
            Hold::Broken => 2,
        }
    }

    const fn of(word: u64) -> Hold {
        match word & 0b11 {
            0 => Hold::Whole,
            1 => Hold::Held(Participant((word >> Hold::SHIFT) as u16 & ((1 << Participant::BITS) - 1))),
            _ => Hold::Broken,
        }
    }
}

/// The order in the hands of this thread.
pub(super) struct Order<'a, Q: Ordered> {
    queue: &'a Q,
    me: Participant,
    index: Index<'a, Q::Memory>,
    is_whole: bool,
}

impl<'a, Q: Ordered> Order<'a, Q> {
    /// Takes the order if nobody has it.
    #[inline]
    pub(super) fn try_take(queue: &'a Q, me: Participant) -> Option<Order<'a, Q>> {
        let word = queue.order_word();
        let seen = word.load(Relaxed);
        let is_whole = match Hold::of(seen) {
            Hold::Held(_) => return None,
            hold => hold == Hold::Whole,
        };
        word.compare_exchange(seen, Hold::Held(me).word(), Acquire).ok()?; // PAIR: order
        Some(Order { queue, me, index: queue.index(), is_whole })
    }

    /// Takes the order, asleep until `deadline`, or until the queue is closed for good. `None`: somebody else
    /// has it.
    pub(super) fn take(queue: &'a Q, me: Participant, deadline: Deadline) -> Option<Order<'a, Q>> {
        // Whoever lets go wakes the next one, so nothing is to be passed on.
        let is_over = || queue.is_discarded().then_some(None);
        match queue.turn_event().wait(deadline, || Order::try_take(queue, me).map(Some).or_else(is_over)) {
            Waited::Ready(order) | Waited::Slept(order) => order,
            Waited::TimedOut => None,
        }
    }

    /// Claims the first message for which `skips` does not hold. `None`: there is none.
    pub(super) fn claim<R: Ranks>(&mut self, ranks: &R, skips: &dyn Fn(Position) -> bool) -> Option<Held> {
        let was_whole = std::mem::replace(&mut self.is_whole, false);
        if !was_whole {
            self.make_again(ranks);
        }
        self.index.news.drain(|place| self.list(ranks, place));
        let mut skipped = Vec::new();
        let claimed = loop {
            let Some(place) = self.pop(ranks) else { break None };
            self.set_listed(place, false);
            match self.try_claim(place, skips) {
                Claiming::Claimed(held) => break Some(held),
                Claiming::Skipped => skipped.push(place),
                // Whoever has closed the queue was faster.
                Claiming::Gone => {}
            }
        };
        skipped.into_iter().for_each(|place| self.list(ranks, place));
        self.is_whole = true;
        claimed
    }

    fn try_claim(&self, place: u32, skips: &dyn Fn(Position) -> bool) -> Claiming {
        let queue = self.queue;
        let Some(word) = queue.place_word(place) else { return Claiming::Gone };
        let seen = SlotWord(word.load(Acquire)); // PAIR: slot-published
        if !is_there(seen) {
            return Claiming::Gone;
        }
        if skips(queue.origin_of(place, seen)) {
            return Claiming::Skipped;
        }
        let mine = SlotWord::new(State::Claimed, self.me, seen.count(), seen.lap());
        if word.compare_exchange(seen.0, mine.0, Acquire).is_err() {
            return Claiming::Gone;
        }
        let (slots, count) = (queue.capacity(), seen.count());
        Claiming::Claimed(match place < slots {
            true => Held::Slot(Claim { position: Position::new(seen.lap(), place), count }),
            false => Held::Hand { index: place - slots, count },
        })
    }

    /// Puts a place into the heap, if there is a message and it is not in it.
    fn list<R: Ranks>(&self, ranks: &R, place: u32) {
        let Some(word) = self.queue.place_word(place) else { return };
        if !is_there(SlotWord(word.load(Acquire))) || self.is_listed(place) {
            return;
        }
        let count = self.count();
        if count as usize == self.index.heap.len() {
            return;
        }
        self.set_listed(place, true);
        self.rise(ranks, count, place);
        self.set_count(count + 1);
    }

    /// The heap from what is true.
    #[cold]
    fn make_again<R: Ranks>(&self, ranks: &R) {
        self.set_count(0);
        self.index.listed.iter().for_each(|word| word.store(0, Relaxed));
        (0..self.queue.places()).for_each(|place| self.list(ranks, place));
    }

    /// Takes the first place out of the heap.
    fn pop<R: Ranks>(&self, ranks: &R) -> Option<u32> {
        let count = self.count().checked_sub(1)?;
        let (top, last) = (self.at(0), self.at(count));
        self.set_count(count);
        // The gap goes down to the end by way of whoever comes first, and the last one up from there: it
        // comes from the end, so it mostly stays there, and is compared with few.
        let mut gap = 0;
        while 2 * gap + 1 < count {
            let (left, right) = (2 * gap + 1, 2 * gap + 2);
            let is_right = right < count && ranks.is_before(&ranks.key(self.at(right)), &ranks.key(self.at(left)));
            let child = if is_right { right } else { left };
            self.put(gap, self.at(child));
            gap = child;
        }
        if gap < count {
            self.rise(ranks, gap, last);
        }
        Some(top)
    }

    /// Puts a place where there is a gap, or above.
    fn rise<R: Ranks>(&self, ranks: &R, mut gap: u32, place: u32) {
        if gap != 0 {
            let key = ranks.key(place);
            while gap != 0 {
                let parent = (gap - 1) / 2;
                let other = self.at(parent);
                if !ranks.is_before(&key, &ranks.key(other)) {
                    break;
                }
                self.put(gap, other);
                gap = parent;
            }
        }
        self.put(gap, place);
    }

    /// How many are in the heap.
    fn count(&self) -> u32 {
        // What a broken peer writes reaches no further than the heap.
        self.queue.order_count().load(Relaxed).min(self.index.heap.len() as u32)
    }

    fn set_count(&self, count: u32) {
        self.queue.order_count().store(count, Relaxed);
    }

    fn at(&self, at: u32) -> u32 {
        self.index.heap[at as usize].load(Relaxed).min(self.index.heap.len() as u32 - 1)
    }

    fn put(&self, at: u32, place: u32) {
        self.index.heap[at as usize].store(place, Relaxed);
    }

    fn is_listed(&self, place: u32) -> bool {
        self.index.listed[(place / 64) as usize].load(Relaxed) & 1 << (place % 64) != 0
    }

    fn set_listed(&self, place: u32, is_listed: bool) {
        let (word, bit) = (&self.index.listed[(place / 64) as usize], 1 << (place % 64));
        let seen = word.load(Relaxed);
        word.store(if is_listed { seen | bit } else { seen & !bit }, Relaxed);
    }
}

/// What came of a place at the top of the heap.
enum Claiming {
    Claimed(Held),
    Skipped,
    Gone,
}

/// Whether there is a message that nobody has.
pub(super) fn is_there(word: SlotWord) -> bool {
    matches!(word.state(), State::Ready | State::Returned)
}

impl<Q: Ordered> Drop for Order<'_, Q> {
    #[inline]
    fn drop(&mut self) {
        let left = if self.is_whole { Hold::Whole } else { Hold::Broken };
        Q::Memory::publish(self.queue.order_word(), left.word()); // PAIR: order
        self.queue.turn_event().notify();
    }
}
