//! Ordered queues: a window whose messages are received in an order of their own, not in that of sending.
//!
//! Slots, hands and extents, who claims them, and what becomes of what the dead have had, are those of any
//! queue; [`held`](super::held) does not know the difference. What differs is which slot is taken: any free
//! one for a message, and for a receiver the one that [`order`](super::order) says. The steps of a send:
//!
//! 1. A free slot is claimed, found by its bit. Dead here: the slot is freed, and has its bit again.
//! 2. It looks whether the queue was closed. Who closes raises the flag and then looks who is writing, and
//!    a full fence lies in between on both sides: nothing is accepted behind the back of a receiver that
//!    has told the end.
//! 3. Payload, length, rank and sequence are written, and the slot is published. Dead here: it is there,
//!    and the node sets the bit of step 4.
//! 4. Its bit is set among the news, and a sleeping receiver woken.
//!
//! Nothing here waits for a receiver, other than for room.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::event::Event;
use super::hands::Held;
use super::index::{self, Index};
use super::kind::Kind;
use super::layout::Header;
use super::order::{self, Ordered, Ranks, is_there};
use super::payload::Meta;
use super::post::PostError;
use super::slots::{self, Claim, Position, Refused, SlotWord, State};
use super::window::{Window, flags, has_flags};
use super::words::{Mapped, Memory};
use crate::time::Deadline;

/// Where a message belongs among the others: what is smaller comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Of equal ones, the one that was sent first.
    Of(u64),
    /// Before everything that was sent until now.
    First,
}

/// What a receiver found.
#[derive(Debug)]
pub(crate) enum Found {
    Message(Held),
    Nothing,
    /// The queue was closed, and there is nothing under way.
    End,
    /// Somebody else has the order.
    Busy,
}

impl Window {
    /// Whether it says of itself that it is of this kind, and was laid out as one.
    pub(super) fn is_of(&self, kind: Kind) -> bool {
        self.header().fixed.kind.load(Relaxed) == kind as u32 && self.is_ordered() == (kind == Kind::Ordered)
    }

    /// Whether it is a queue with an order of its own.
    #[inline]
    pub(crate) fn is_ordered(&self) -> bool {
        self.layout.index.is_some()
    }

    /// The order can be taken.
    pub(crate) fn turn(&self) -> Event<'_, Mapped> {
        self.header().turn.event()
    }

    /// Posts a message with its rank, waiting for room until `deadline`. It is visible when this returns
    /// `Ok`.
    ///
    /// # Errors
    /// Nothing was posted, see [`PostError`].
    pub(crate) fn post_ranked(&self, payload: &[u8], rank: Rank, deadline: Deadline) -> Result<(), PostError> {
        let parts = [payload, &[]];
        let (position, extent) = self.claim_place(parts, deadline, || true)?;
        let sequence = self.header().producers.sequence.fetch_add(1, AcqRel);
        Mapped::fence();
        // Whoever has told the end since then has not seen this slot.
        if let Some(error) = self.refusal() {
            self.back_out(position, extent);
            return Err(error);
        }
        let (slot, index) = (self.slot(position.index()), Index::of(self));
        if extent.is_none() {
            self.write_inline(slot, parts);
        }
        Meta { length: payload.len() as u32, extent }.store(slot);
        let fact = &index::facts(self)[position.index() as usize];
        let rank = match rank {
            Rank::Of(rank) => rank,
            Rank::First => u64::MAX - sequence,
        };
        fact.rank.store(rank, Relaxed);
        fact.sequence.store(sequence, Relaxed);
        slots::publish(self, position);
        index.news.set(position.index());
        Mapped::fence();
        self.items().notify();
        Ok(())
    }

    /// Gives up a slot before anything is in it.
    #[cold]
    fn back_out(&self, position: Position, extent: Option<u32>) {
        slots::pass_over(self, position, self.segment.me());
        self.note_free(position.index());
        if let Some(number) = extent {
            self.free_extent(number);
        }
        // Receivers of a closed queue wait for whoever is writing.
        self.items().notify_each();
    }

    /// Claims any free slot for this process to write.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn claim_free(&self) -> Result<Position, Refused> {
        order::claim_free(self, self.segment.me())
    }

    /// Takes the message that comes first and for which `skips` does not hold, waiting until `deadline` for
    /// another receiver that is at it, not for a message.
    ///
    /// # Panics
    /// A comparison does; nothing is lost by it. Or it receives from an ordered queue.
    pub(crate) fn take_first<R: Ranks>(
        &self,
        ranks: &R,
        skips: &dyn Fn(Position) -> bool,
        deadline: Deadline,
    ) -> Found {
        let Ok(held) = self.claim_first(ranks, skips, deadline) else { return Found::Busy };
        let is_closing = has_flags(&self.header().state.flags, flags::CLOSING);
        if is_closing && held.is_some() {
            // It may have been the last one that others waited for.
            self.items().notify_each();
        }
        match held {
            Some(held) => Found::Message(held),
            None if is_closing && self.has_ended(skips) => Found::End,
            None => Found::Nothing,
        }
    }

    /// Whether a closing queue has nothing for this receiver, and nothing under way.
    fn has_ended(&self, skips: &dyn Fn(Position) -> bool) -> bool {
        // The flag was read before: see step 2 of a send.
        Mapped::fence();
        (0..self.places()).all(|place| {
            let seen = self.place_word(place).map_or(SlotWord(0), |word| SlotWord(word.load(Acquire)));
            match seen.state() {
                State::Writing => false,
                State::Ready | State::Returned => skips(self.origin_of(place, seen)),
                _ => true,
            }
        })
    }

    /// Whether [`Window::take_first`] would find a message, or the end.
    pub(crate) fn is_anything_first(&self, skips: &dyn Fn(Position) -> bool) -> bool {
        let is_there = |place: u32| {
            let seen = self.place_word(place).map_or(SlotWord(0), |word| SlotWord(word.load(Acquire)));
            is_there(seen) && !skips(self.origin_of(place, seen))
        };
        (0..self.places()).any(is_there)
            || has_flags(&self.header().state.flags, flags::CLOSING) && self.has_ended(skips)
    }

    /// Whether [`Window::take_first`] may find something, for who looks again and again: without the order,
    /// which others would have to wait for.
    #[inline]
    pub(crate) fn may_have_first(&self) -> bool {
        let Header { order, state, .. } = self.header();
        order.count.load(Relaxed) != 0 || has_flags(&state.flags, flags::CLOSING) || Index::of(self).news.may_have_any()
    }

    /// Rank and sequence of the message in a place.
    #[inline]
    pub(crate) fn fact(&self, place: u32) -> (u64, u64) {
        let fact = &index::facts(self)[place as usize];
        (fact.rank.load(Relaxed), fact.sequence.load(Relaxed))
    }

    /// Appends the message in a place to `buffer`. False: what lies there is none.
    pub(crate) fn read_place(&self, place: u32, buffer: &mut Vec<u8>) -> bool {
        let slots = self.layout.shape.capacity;
        let slot = match place < slots {
            true => self.slot(place),
            false if place < self.places() => self.hand(place - slots),
            false => return false,
        };
        let meta = Meta::load(slot);
        u64::from(meta.length) <= self.layout.shape.message_max && self.read_payload(slot, meta, 0, buffer)
    }

    /// Before a message goes from its slot into a hand.
    pub(super) fn move_fact(&self, slot: u32, hand: u32) {
        let facts = index::facts(self);
        let (from, to) = (&facts[slot as usize], &facts[(self.layout.shape.capacity + hand) as usize]);
        to.rank.store(from.rank.load(Relaxed), Relaxed);
        to.sequence.store(from.sequence.load(Relaxed), Relaxed);
    }

    /// After a slot was freed, and before anybody is woken for it.
    #[inline]
    pub(super) fn note_free(&self, slot: u32) {
        Index::of(self).free.set(slot);
        Mapped::fence();
    }

    /// After a message came back, and before anybody is woken for it.
    pub(super) fn note_returned(&self, held: Held) {
        let place = match held {
            Held::Slot(claim) => claim.position.index(),
            Held::Hand { index, .. } => self.layout.shape.capacity + index,
        };
        Index::of(self).news.set(place);
    }

    /// A new window: all slots are free.
    pub(super) fn begin_order(&self) {
        Index::of(self).free.fill(self.layout.shape.capacity);
    }

    /// Whether a slot is free for a sender right now.
    pub(super) fn has_free(&self) -> bool {
        let is_free = |slot: u32| {
            slot < self.layout.shape.capacity && SlotWord(self.slot(slot).word.load(Acquire)).state() == State::Free
        };
        Index::of(self).free.find(is_free).is_some()
    }

    /// Messages that nobody holds.
    pub(super) fn count_there(&self) -> u64 {
        let is_there = |place: &u32| self.place_word(*place).is_some_and(|word| is_there(SlotWord(word.load(Acquire))));
        (0..self.places()).filter(is_there).count() as u64
    }

    /// Whether there was a moment since the call at which no message was queued, under way or held.
    pub(super) fn is_every_place_free(&self) -> bool {
        let sent = &self.header().producers.sequence;
        let before = sent.load(Acquire);
        let is_free = |place| {
            let state = self.place_word(place).map(|word| SlotWord(word.load(Acquire)).state());
            matches!(state, None | Some(State::Free | State::Sealed))
        };
        // A message goes from a slot to a hand and never back, so it is seen at least once; and none came
        // in behind the back of the look.
        (0..self.places()).all(is_free) && sent.load(Acquire) == before
    }

    /// Takes and drops all messages of a queue that was closed for good, whoever has the order: nobody
    /// receives any more.
    pub(super) fn discard_all(&self) {
        let slots = self.layout.shape.capacity;
        for place in 0..self.places() {
            let Some(word) = self.place_word(place) else { continue };
            let seen = SlotWord(word.load(Acquire)); // PAIR: slot-published
            let mine = SlotWord::new(State::Claimed, self.segment.me(), 0, seen.lap());
            if is_there(seen) && word.compare_exchange(seen.0, mine.0, Acquire, Relaxed).is_ok() {
                let held = match place < slots {
                    true => Held::Slot(Claim { position: Position::new(seen.lap(), place), count: 0 }),
                    false => Held::Hand { index: place - slots, count: 0 },
                };
                self.throw_away(held);
            }
        }
    }
}

/// By rank, and among equals by the order of sending.
pub(crate) struct ByRank<'a>(pub(crate) &'a Window);

impl Ranks for ByRank<'_> {
    type Key = (u64, u64);

    #[inline]
    fn key(&self, place: u32) -> (u64, u64) {
        self.0.fact(place)
    }

    #[inline]
    fn is_before(&self, key: &(u64, u64), other: &(u64, u64)) -> bool {
        key < other
    }
}
