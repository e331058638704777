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

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::layout::SlotHead;
use super::payload::Meta;
use super::post::Wake;
use super::slots::{self, Claim, Position, Recovered, Refused, Settled, SlotWord, State};
use super::window::{Window, flags, has_flags};
use super::words::{Mapped, Memory};
use crate::id::Participant;

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

impl Window {
    /// Takes the oldest message that was returned, else the next new one.
    ///
    /// # Errors
    /// There is none, or the queue has ended.
    #[inline]
    pub(crate) fn take(&self) -> Result<Held, Refused> {
        if slots::may_have_returns(self)
            && let Some(held) = self.take_returned()
        {
            return Ok(held);
        }
        slots::claim_new(self, self.segment.me()).map(Held::Slot)
    }

    /// The same as [`slots::take_returned`], with the hands.
    #[cold]
    fn take_returned(&self) -> Option<Held> {
        let me = self.segment.me();
        for _ in 0..self.rounds_max() {
            let made = self.header().consumers.returns_made.load(Acquire); // PAIR: slot-returned
            let slot =
                slots::oldest_returned(self).map(|(index, seen)| (Position::new(seen.lap(), index), index, seen));
            let hand = self.oldest_returned_hand();
            let Some((_, index, seen, is_hand)) = (match (slot, hand) {
                (Some(slot), Some(hand)) if hand.0.is_before(slot.0) => Some((hand.0, hand.1, hand.2, true)),
                (Some(slot), _) => Some((slot.0, slot.1, slot.2, false)),
                (None, Some(hand)) => Some((hand.0, hand.1, hand.2, true)),
                (None, None) => None,
            }) else {
                self.header().consumers.returns_seen.store(made, Relaxed);
                return None;
            };
            let mine = SlotWord::new(State::Claimed, me, seen.count(), seen.lap());
            let word = if is_hand { &self.hand(index).word } else { &self.slot(index).word };
            if word.compare_exchange(seen.0, mine.0, Acquire, Relaxed).is_ok() {
                let count = seen.count();
                return Some(match is_hand {
                    true => Held::Hand { index, count },
                    false => Held::Slot(Claim { position: Position::new(seen.lap(), index), count }),
                });
            }
        }
        None
    }

    /// More rounds than it takes to come to the end of all messages: what a broken peer rewrites ends.
    fn rounds_max(&self) -> u32 {
        slots::steps_max(self.layout.shape.capacity + self.layout.shape.hands)
    }

    fn oldest_returned_hand(&self) -> Option<(Position, u32, SlotWord)> {
        self.hands()
            .map(|index| {
                let seen = SlotWord(self.hand(index).word.load(Acquire));
                (Position(self.origin(index).load(Relaxed)), index, seen)
            })
            .filter(|(.., seen)| seen.state() == State::Returned)
            .reduce(|oldest, other| if other.0.is_before(oldest.0) { other } else { oldest })
    }

    fn hands(&self) -> std::ops::Range<u32> {
        0..if self.hands_allocated() { self.layout.shape.hands } else { 0 }
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
        if let Some(number) = meta.extent {
            self.take_over_extent(number);
        }
        self.read_payload(slot, meta, 0, buffer)
    }

    /// Copies a held message of exactly `to.len()` bytes. False: what lies there is none.
    #[inline]
    pub(crate) fn copy_held(&self, held: Held, to: &mut [u8]) -> bool {
        let slot = self.place(held);
        let meta = Meta::load(slot);
        if let Some(number) = meta.extent {
            self.take_over_extent(number);
        }
        self.copy_payload(slot, meta, to)
    }

    /// A held message is done with.
    #[inline]
    pub(crate) fn finish(&self, held: Held, wake: Wake) {
        let extent = Meta::load(self.place(held)).extent;
        if let Some(number) = extent {
            // It may not have been read. Without an owner that lives, recovery would free it, too.
            self.take_over_extent(number);
        }
        match (held, wake) {
            (Held::Slot(claim), Wake::Now) => {
                slots::release(self, claim.position);
                self.notify_freed();
            }
            (Held::Slot(claim), Wake::Later) => slots::release_quietly(self, claim.position),
            (Held::Hand { index, .. }, _) => self.free_hand(index),
        }
        if let Some(number) = extent {
            self.free_extent(number);
            self.ask_for_trim();
        }
        self.notify_if_idle();
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
        match held {
            Held::Slot(claim) => slots::give_back(self, claim.position, is_counted),
            Held::Hand { index, .. } => {
                let word = &self.hand(index).word;
                let seen = SlotWord(word.load(Relaxed));
                word.store(seen.returned(is_counted).0, Release);
                slots::note_return(self);
            }
        }
        Mapped::fence();
        self.items().notify();
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
        // Each round takes a message or ends; producers that were under way come here themselves.
        for _ in 0..self.rounds_max() {
            slots::seal(self);
            let Ok(held) = self.take() else { break };
            self.finish(held, Wake::Now);
        }
        self.idle().notify_all();
    }

    /// Moves a message from its slot into a hand, so that the slot is free. If no hand is, or
    /// there is no memory for hands, the message stays where it is.
    pub(crate) fn move_to_hand(&self, held: Held) -> Held {
        let Held::Slot(claim) = held else { return held };
        if self.allocate_hands().is_err() {
            return held;
        }
        let me = self.segment.me();
        let claimed = self.hands().find_map(|index| {
            let word = &self.hand(index).word;
            let seen = SlotWord(word.load(Relaxed));
            let mine = SlotWord::new(State::Writing, me, 0, seen.lap());
            (seen.state() == State::Free && word.compare_exchange(seen.0, mine.0, Acquire, Relaxed).is_ok())
                .then_some((index, seen.lap()))
        });
        let Some((index, lap)) = claimed else { return held };
        let (slot, hand) = (self.slot(claim.position.index()), self.hand(index));
        let meta = Meta::load(slot);
        if meta.extent.is_none() {
            let mut payload = Vec::with_capacity(meta.length as usize);
            self.read_payload(slot, meta, 0, &mut payload);
            self.write_inline(hand, [&payload, &[]]);
        }
        meta.store(hand);
        self.origin(index).store(claim.position.0, Relaxed);
        // The move: dead before this store, the slot counts; dead after it, the hand.
        hand.word.store(SlotWord::new(State::Claimed, me, claim.count, lap).0, Release);
        slots::release(self, claim.position);
        self.notify_freed();
        Held::Hand { index, count: claim.count }
    }

    fn free_hand(&self, index: u32) {
        let word = &self.hand(index).word;
        let lap = SlotWord(word.load(Relaxed)).lap();
        Mapped::publish(word, SlotWord::new(State::Free, Participant::NOBODY, 0, lap + 1).0);
    }

    /// Whether no message is queued, under way or held. Slots first: messages move from slots to
    /// hands and never back, so one that moves during the look is seen at least once.
    pub(crate) fn is_idle(&self) -> bool {
        let tail = slots::exact_tail(self);
        slots::is_idle(self)
            && self.hands().all(|index| {
                let state = SlotWord(self.hand(index).word.load(Acquire)).state();
                matches!(state, State::Free | State::Sealed)
            })
            // Nothing came in behind the back of the look.
            && slots::exact_tail(self) == tail
    }

    /// Messages that nobody holds.
    pub(crate) fn len(&self) -> u64 {
        let returned = |index: &u32| SlotWord(self.hand(*index).word.load(Acquire)).state() == State::Returned;
        slots::len(self) + self.hands().filter(returned).count() as u64
    }

    /// Repairs slots and hands after the proven death of `dead`. What it held is returned, or is gone
    /// with the queue.
    pub(crate) fn recover_held(&self, dead: Participant) -> Recovered {
        let mut recovered = slots::recover(self, dead, |claim| {
            let was_moved = self.hands().any(|index| {
                let seen = SlotWord(self.hand(index).word.load(Acquire));
                seen.state() == State::Claimed
                    && seen.participant() == dead
                    && self.origin(index).load(Relaxed) == claim.position.0
            });
            if was_moved { Settled::Released } else { Settled::Returned }
        });
        for index in self.hands() {
            let word = &self.hand(index).word;
            let seen = SlotWord(word.load(Acquire));
            let then = match seen.state() {
                State::Writing if seen.participant() == dead => {
                    recovered.writing += 1;
                    SlotWord::new(State::Free, Participant::NOBODY, 0, seen.lap() + 1)
                }
                State::Claimed if seen.participant() == dead => {
                    recovered.moved += 1;
                    seen.returned(true)
                }
                _ => continue,
            };
            word.store(then.0, Release);
            if then.state() == State::Returned {
                slots::note_return(self);
            }
        }
        self.discard_if_closed();
        recovered
    }
}
