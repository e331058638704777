//! [`Duty`]: to answer a call whose handler has returned without an answer, and who has it.
//!
//! A call that waits in a mailbox or is in hand is answered by whoever has the message, or by the node
//! in his place. A handler may take that duty out of the message, keep it and pass it on in messages of
//! its own. So that no death on this way leaves the caller waiting, the word of the reply slot says who
//! has the duty:
//!
//! ```text
//! WAITING(nobody, h) ──take by p──► WAITING(p, h+1) ──message accepted──► WAITING(nobody, h+1) ──► ...
//!   a message has it                  process p has it                      another message has it
//! ```
//!
//! Who takes it is attached to the window first, so that the repair after its death comes by here. The
//! bytes of a duty in a message say at which hop it was written, and are good for that hop only: of
//! several copies, as after a redelivery, one has the duty at most.
//!
//! A duty is let go *after* the message was accepted. Dead in between, it counts as the sender's, whom
//! the caller then hears of; the receiver may be faster, then its hop is another and nothing is let go.
//!
//! What is thrown away with a message is found again in its bytes: [`carried`]. Nothing here knows
//! types, nor decides what the caller is told.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use super::answer::{answer_if, attach};
use super::word::{ReplyKind, ReplyWord, State};
use crate::id::{Participant, WindowId};
use crate::mailbox::ReplyAddress;
use crate::shm::ends;
use crate::shm::segment::attached;
use crate::shm::window::Window;
use crate::wire::travel::Traveller;

/// The duty to answer one call. Plain data: whether it is this process's says the word of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duty {
    pub(super) address: ReplyAddress,
    pub(super) hops: u8,
}

/// What the bytes of a duty begin with, so that they are found in a message whose type nobody knows. What
/// else looks like it is held against the word of a call, so it does nothing unless it names one.
const MARK: [u8; 8] = *b"\xc1reply\xc1\x07";

impl Duty {
    pub(crate) const BYTES: usize = MARK.len() + 13;

    /// The duty that a call's own message has.
    pub(crate) fn of_message(address: ReplyAddress) -> Duty {
        Duty { address, hops: 0 }
    }

    /// The duty that the word of a slot tells of, if somebody is named there.
    pub(super) fn of(window: &Window, slot: u32, word: ReplyWord) -> Option<Duty> {
        let is_held = word.state() == State::Waiting && word.participant() != Participant::NOBODY;
        let address = ReplyAddress { window: window.id, slot: slot as u16, generation: word.generation() };
        is_held.then_some(Duty { address, hops: word.hops() })
    }

    pub(crate) fn address(&self) -> ReplyAddress {
        self.address
    }

    /// Takes the duty out of the message that had it. What is returned is void, that is nobody's, if
    /// another copy was taken before, or nobody waits any more.
    pub(crate) fn take(self) -> Duty {
        let Some(me) = attached().map(|segment| segment.me()) else { return self };
        // Zero stands for what was never taken.
        let hops = self.hops.checked_add(1).unwrap_or(1);
        match self.change(|_| true, |word| word.owed(me, hops)) {
            true => Duty { hops, ..self },
            false => self,
        }
    }

    /// Gives the duty to the message that was written with it and accepted.
    pub(crate) fn let_go(self) {
        self.change(is_own, |word| word.owed(Participant::NOBODY, word.hops()));
    }

    /// The message that this was written in is handed out again: what `dead` has taken out of it is in it
    /// again. Called by the node.
    pub(crate) fn put_back(self, dead: Participant) {
        let taken = Duty { hops: self.hops.checked_add(1).unwrap_or(1), ..self };
        taken.change(|word| word.participant() == dead, |word| word.owed(Participant::NOBODY, self.hops));
    }

    /// Whether this process has the duty.
    pub(crate) fn is_own(self) -> bool {
        self.load().is_some_and(|word| self.is_at(word) && is_own(word))
    }

    /// Answers if this process has the duty. False: it has not, or the caller has given up.
    pub(crate) fn answer_own(self, kind: ReplyKind, payload: &[u8]) -> bool {
        answer_if(self.address, kind, payload, |word| self.is_at(word) && is_own(word))
    }

    /// Answers in place of a dead process, if the duty still is its.
    pub(crate) fn answer_for(self, dead: Participant, kind: ReplyKind, payload: &[u8]) {
        answer_if(self.address, kind, payload, |word| self.is_at(word) && word.participant() == dead);
    }

    /// Answers in place of a message that was thrown away, if it still had the duty.
    pub(crate) fn answer_for_message(self, kind: ReplyKind, payload: &[u8]) {
        answer_if(self.address, kind, payload, |word| self.is_at(word));
    }

    fn is_at(self, word: ReplyWord) -> bool {
        word.state() == State::Waiting && word.generation() == self.address.generation && word.hops() == self.hops
    }

    fn load(self) -> Option<ReplyWord> {
        let window = attach(self.address)?;
        Some(ReplyWord(window.slot(u32::from(self.address.slot)).word.load(Acquire)))
    }

    /// Changes the word if it is at this hop and as `is_due` wants it. False: it is not.
    fn change(self, is_due: impl Fn(ReplyWord) -> bool, to: impl Fn(ReplyWord) -> ReplyWord) -> bool {
        let Some(window) = attach(self.address) else { return false };
        let word = &window.slot(u32::from(self.address.slot)).word;
        let mut seen = ReplyWord(word.load(Acquire));
        while self.is_at(seen) && is_due(seen) {
            // Whoever sleeps on the word sleeps on: this is no answer.
            match word.compare_exchange(seen.0, to(seen).0, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = ReplyWord(now),
            }
        }
        false
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let ReplyAddress { window, slot, generation } = self.address;
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&MARK);
        bytes[8..10].copy_from_slice(&window.index.to_le_bytes());
        bytes[10..14].copy_from_slice(&window.generation.to_le_bytes());
        bytes[14..16].copy_from_slice(&slot.to_le_bytes());
        bytes[16..20].copy_from_slice(&generation.to_le_bytes());
        bytes[20] = self.hops;
        bytes
    }

    /// Reads a duty back. Whatever the bytes are, the result is usable: it is at worst void.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Duty> {
        let bytes: &[u8; Self::BYTES] = bytes.get(..Self::BYTES)?.try_into().ok()?;
        if bytes[..8] != MARK {
            return None;
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let window = WindowId { index: u16_at(8), generation: u32_at(10) };
        let address = ReplyAddress { window, slot: u16_at(14), generation: u32_at(16) };
        Some(Duty { address, hops: bytes[20] })
    }
}

impl Traveller for Duty {
    fn let_go(&self) {
        Duty::let_go(*self);
    }
}

/// The duties that lie in the bytes of a message.
pub(crate) fn carried(payload: &[u8]) -> impl Iterator<Item = Duty> + '_ {
    let marks = payload.iter().enumerate().filter(|(_, byte)| **byte == MARK[0]);
    marks.filter_map(|(at, _)| Duty::from_bytes(&payload[at..]))
}

/// Nobody will read this message: those who wait for what lies in it are told, callers as well as those at
/// the other ends of pipes.
#[cold]
pub(crate) fn throw_away(message: &[u8]) {
    carried(message).for_each(|duty| duty.answer_for_message(ReplyKind::Unanswered, &[]));
    ends::throw_away(message);
}

/// Who has the duty to answer this call. `None`: whoever has its message, or nobody waits.
pub(crate) fn holder(address: ReplyAddress) -> Holder {
    match (Duty { address, hops: 0 }).load() {
        Some(word) if word.generation() == address.generation && word.hops() != 0 => match word.participant() {
            Participant::NOBODY => Holder::AnotherMessage,
            participant => Holder::Process(participant),
        },
        _ => Holder::OwnMessage,
    }
}

/// Who has the duty to answer a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Whoever has the message that the call came in.
    OwnMessage,
    /// Whoever gets the message that the duty was passed on in.
    AnotherMessage,
    Process(Participant),
}

impl Holder {
    /// Whether a process that has the call's own message in hand has to answer it.
    pub(crate) fn is(self, participant: Participant) -> bool {
        matches!(self, Holder::OwnMessage) || self == Holder::Process(participant)
    }
}

fn is_own(word: ReplyWord) -> bool {
    attached().is_some_and(|segment| word.participant() == segment.me())
}
