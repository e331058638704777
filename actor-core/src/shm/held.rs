//! Held messages: what a consumer of a queue does with a message from taking it until it is done.
//!
//! Here payloads are read, copied into [`hands`] and freed, and those are woken who wait
//! for it. Which words change in which order is not decided here.

use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::hands::{self, Hands, Held};
use super::layout::{INLINE_MAX, SlotHead};
use super::order;
use super::payload::Meta;
use super::post::Wake;
use super::slots::{self, Claim, Position, Recovered, Refused, SlotWord, State};
use super::window::{Window, flags, has_flags};
use crate::id::Participant;
use crate::planted::{self, planted};

impl Hands for Window {
    #[inline]
    fn hand_count(&self) -> u32 {
        if self.hands_allocated() { self.layout.shape.hands } else { 0 }
    }
    #[inline]
    fn hand_word(&self, index: u32) -> &AtomicU64 {
        &self.hand(index).word
    }
    #[inline]
    fn hand_origin(&self, index: u32) -> &AtomicU64 {
        self.origin(index)
    }
}

impl Window {
    /// Takes the oldest message that was returned, else the next new one.
    ///
    /// # Errors
    /// There is none, or the queue has ended.
    #[inline]
    pub(crate) fn take(&self) -> Result<Held, Refused> {
        self.take_unless(&|_| false)
    }

    /// [`Window::take`] that passes over what was returned and `skips` holds for.
    ///
    /// # Errors
    /// As for `take`.
    #[inline]
    pub(crate) fn take_unless(&self, skips: &dyn Fn(Position) -> bool) -> Result<Held, Refused> {
        hands::take(self, self.segment.me(), skips)
    }

    /// Where a held message was sent to: what tells it from others for as long as it is there.
    pub(crate) fn origin_of_held(&self, held: Held) -> Position {
        match held {
            Held::Slot(claim) => claim.position,
            Held::Hand { index, .. } => Position(self.origin(index).load(Relaxed)),
        }
    }

    /// Whether the message that was sent there may still be in the queue, queued or held.
    pub(crate) fn may_have(&self, origin: Position) -> bool {
        let is_in_slot = || {
            let slot = (origin.index() < self.layout.shape.capacity).then(|| self.slot(origin.index()));
            let seen = slot.map(|slot| SlotWord(slot.word.load(Relaxed)));
            seen.is_some_and(|seen| seen.lap() == origin.lap() && seen.state() != State::Free)
        };
        let is_in_hand = |index: u32| {
            let state = SlotWord(self.hand(index).word.load(Relaxed)).state();
            state != State::Free && self.origin(index).load(Relaxed) == origin.0
        };
        is_in_slot() || (0..self.hand_count()).any(is_in_hand)
    }

    fn place(&self, held: Held) -> &'static SlotHead {
        match held {
            Held::Slot(claim) => self.slot(claim.position.index()),
            Held::Hand { index, .. } => self.hand(index),
        }
    }

    /// Length of a held message.
    pub(crate) fn held_length(&self, held: Held) -> usize {
        Meta::load(self.place(held)).length as usize
    }

    /// Appends a held message to `buffer`. False: what lies there is no message of ours.
    #[inline]
    pub(crate) fn read_held(&self, held: Held, buffer: &mut Vec<u8>) -> bool {
        let slot = self.place(held);
        let meta = Meta::load(slot);
        if u64::from(meta.length) > self.layout.shape.message_max {
            return false;
        }
        self.take_over(meta);
        self.read_payload(slot, meta, 0, buffer)
    }

    /// Copies a held message of exactly `to.len()` bytes. False: what lies there is none.
    #[inline]
    pub(crate) fn copy_held(&self, held: Held, to: &mut [u8]) -> bool {
        let slot = self.place(held);
        let meta = Meta::load(slot);
        self.take_over(meta);
        self.copy_payload(slot, meta, to)
    }

    /// The extent of a held message has an owner who lives: without one, recovery would free it, too.
    #[inline]
    fn take_over(&self, meta: Meta) {
        if let Some(number) = meta.extent {
            self.take_over_extent(number);
        }
    }

    /// The length and the place of a held message that is going to be read in parts: a copy that holds
    /// for all of them, whatever a broken peer writes meanwhile. `None`: what lies there is no message.
    pub(crate) fn open_held(&self, held: Held) -> Option<Meta> {
        let slot = self.place(held);
        let meta = Meta::load(slot);
        if u64::from(meta.length) > self.layout.shape.message_max || !self.has_payload(slot, meta) {
            return None;
        }
        self.take_over(meta);
        Some(meta)
    }

    /// Appends a part of a message that was opened. False: it has no such part.
    pub(crate) fn read_held_part(&self, held: Held, meta: Meta, part: Range<usize>, buffer: &mut Vec<u8>) -> bool {
        let Ok(length) = u32::try_from(part.end) else { return false };
        length <= meta.length && self.read_payload(self.place(held), Meta { length, ..meta }, part.start, buffer)
    }

    /// The words of a message that was opened, in place; see [`Window::payload_words`].
    #[inline]
    pub(crate) fn held_words(&self, held: Held, meta: Meta) -> Option<&[AtomicU64]> {
        self.payload_words(self.place(held), meta)
    }

    /// A held message is done with.
    #[inline]
    pub(crate) fn finish(&self, held: Held, wake: Wake) {
        let meta = Meta::load(self.place(held));
        // It may not have been read.
        self.take_over(meta);
        match (held, wake) {
            (Held::Slot(claim), Wake::Now) => self.release(claim),
            (Held::Slot(claim), Wake::Later) => slots::release_quietly(self, claim.position),
            (Held::Hand { index, .. }, _) => hands::free(self, index),
        }
        if let Some(number) = meta.extent {
            self.free_extent(number);
            self.ask_for_trim();
        }
        self.notify_if_idle();
    }

    /// Frees a slot, and wakes those who wait for one.
    #[inline]
    fn release(&self, claim: Claim) {
        slots::release(self, claim.position);
        if self.is_ordered() {
            self.note_free(claim.position.index());
        }
        self.notify_freed();
    }

    /// Wakes those who wait for a slot that was freed: producers, and consumers of a closing queue,
    /// which has no place to end at while consumers hold all slots. The slot was freed before, and a
    /// full fence lies in between.
    #[inline]
    pub(crate) fn notify_freed(&self) {
        self.room().notify();
        if has_flags(&self.header().state.flags, flags::CLOSING) {
            self.items().notify_each();
        }
    }

    /// Wakes those who wait for the queue to be idle, if it is. The message that was finished last
    /// was finished before, and a full fence lies in between.
    #[inline]
    pub(crate) fn notify_if_idle(&self) {
        if self.header().idle.word.load(Relaxed) & 1 != 0 && self.is_idle() {
            self.idle().notify_all();
        }
    }

    /// A held message goes back, delivered once more, or as if it had never been handed out.
    pub(crate) fn give_back(&self, held: Held, is_counted: bool) {
        hands::give_back(self, held, is_counted);
        if self.is_ordered() {
            self.note_returned(held);
        }
        // Each has to look for itself: some may skip it.
        self.items().notify_each();
        // It was closed for good after this message had been handed out: it goes with the others.
        self.discard_if_closed();
    }

    /// Takes and drops all messages of a queue that was closed for good, and ends it.
    ///
    /// Called by the one who closes it after he has raised the flag, and by everybody who has made a
    /// message available, after it was. A full fence lies in between on both sides, so one of them
    /// sees what the other did, and no message stays for which somebody waits to be done.
    #[inline]
    pub(crate) fn discard_if_closed(&self) {
        if has_flags(&self.header().state.flags, flags::CLOSED_NOW) {
            self.discard();
        }
    }

    #[cold]
    fn discard(&self) {
        if self.is_ordered() {
            self.discard_all();
            return self.idle().notify_all();
        }
        // Each round takes a message or ends; producers that were under way come here themselves.
        for _ in 0..hands::rounds_max(self) {
            slots::seal(self);
            let Ok(held) = self.take() else { break };
            self.throw_away(held);
        }
        self.idle().notify_all();
    }

    /// Ends a message that nobody is to get any more.
    pub(super) fn throw_away(&self, held: Held) {
        if has_flags(&self.header().state.flags, flags::CARRIES) {
            self.throw_away_payload(self.place(held));
        }
        self.finish(held, Wake::Now);
    }

    /// Moves a message from its slot into a hand, so that the slot is free. If no hand is, or
    /// there is no memory for hands, the message stays where it is.
    pub(crate) fn move_to_hand(&self, held: Held) -> Held {
        let Held::Slot(claim) = held else { return held };
        if self.allocate_hands().is_err() {
            return held;
        }
        let me = self.segment.me();
        let Some(empty) = hands::claim(self, me) else { return held };
        let (slot, hand) = (self.slot(claim.position.index()), self.hand(empty.index));
        let meta = Meta::load(slot);
        if meta.extent.is_none() {
            // Not as much as the length says, before it is known to be there.
            let mut payload = Vec::with_capacity(INLINE_MAX as usize);
            self.read_payload(slot, meta, 0, &mut payload);
            self.write_inline(hand, [&payload, &[]]);
        }
        meta.store(hand);
        if self.is_ordered() {
            self.move_fact(claim.position.index(), empty.index);
        }
        let moved = hands::fill(self, me, empty, claim);
        if planted!(ReturnMovedTwice) {
            planted::widen();
        }
        self.release(claim);
        moved
    }

    /// Whether no message is queued, under way or held.
    pub(crate) fn is_idle(&self) -> bool {
        if self.is_ordered() { self.is_every_place_free() } else { hands::is_idle(self) }
    }

    /// Messages that nobody holds.
    pub(crate) fn len(&self) -> u64 {
        if self.is_ordered() { self.count_there() } else { hands::len(self) }
    }

    /// Repairs a queue after the proven death of `dead`, and says what was found in slots and hands, and
    /// how many extents were freed.
    pub(crate) fn repair(&self, dead: Participant) -> (Recovered, u32) {
        let found = self.recover_held(dead);
        let extents = self.recover_extents(dead);
        if !planted!(SkipWakeOnRecovery) {
            self.wake_everybody();
        }
        (found, extents)
    }

    /// What a harness has to find: nobody has died.
    #[cold]
    pub(crate) fn recover_claimed_by_others(&self) {
        for index in 0..self.layout.shape.capacity {
            let claimant = slots::SlotWord(self.slot(index).word.load(Relaxed)).participant();
            if claimant != self.segment.me() && claimant != Participant::NOBODY {
                self.recover_held(claimant);
            }
        }
    }

    /// Repairs slots and hands after the proven death of `dead`. What it held is returned, or is gone
    /// with the queue.
    pub(crate) fn recover_held(&self, dead: Participant) -> Recovered {
        let recovered = hands::recover(self, dead);
        if self.is_ordered() {
            order::repair(self, dead);
        }
        self.discard_if_closed();
        recovered
    }
}
