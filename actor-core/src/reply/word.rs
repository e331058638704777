//! The word of a reply slot: in which state the call is, which call it is, and who writes its answer.
//!
//! Only values and what they say. Who changes the word, and in which order, stands with the two ends of
//! a call: the caller's in [`reply`](super), the answerer's in [`answer`](mod@super::answer).

use std::sync::atomic::AtomicU32;

use crate::id::Participant;
use crate::shm::layout::SlotHead;
use crate::shm::slots;

/// The word of a reply slot:
/// `state:3 | participant:14 | sleeps:1 | async:1 | abandoned:1 | kind:4 | hops:8 | generation:32`.
///
/// The participant is who writes the answer, and before that who has the duty to answer, see
/// [`duty`](super::duty); `hops` counts how often that duty was taken.
///
/// State and participant lie where they lie in the word of a message slot, and the states that
/// hold a payload or a writer have the same numbers there, so that recovery of extents and the
/// dismantling of windows serve both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplyWord(pub(super) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle = slots::State::Free as isize,
    Writing = slots::State::Writing as isize,
    Replied = slots::State::Ready as isize,
    Waiting = slots::State::Waiting as isize,
    Gone = slots::State::Sealed as isize,
}

impl ReplyWord {
    pub(super) const SLEEPS: u64 = 1 << 17;
    pub(super) const ASYNC: u64 = 1 << 18;
    pub(super) const ABANDONED: u64 = 1 << 19;
    pub(super) const KIND_SHIFT: u32 = 20;
    /// Changes, and says nothing else: whoever sleeps on the word looks again. It lies where the answer's kind will.
    pub(super) const NUDGED: u64 = 1 << Self::KIND_SHIFT;
    const HOPS_SHIFT: u32 = 24;
    const HOPS: u64 = 0xff << Self::HOPS_SHIFT;
    const GENERATION_SHIFT: u32 = 32;
    /// What a transition of the state keeps: who waits, and how, and where the duty to answer has been.
    pub(super) const KEPT: u64 = Self::SLEEPS | Self::ASYNC | Self::ABANDONED | Self::HOPS;

    pub(super) const fn new(state: State, participant: Participant, generation: u32) -> ReplyWord {
        ReplyWord(state as u64 | (participant.0 as u64) << 3 | (generation as u64) << Self::GENERATION_SHIFT)
    }

    pub(super) const fn state(self) -> State {
        match self.0 & 0b111 {
            0 => State::Idle,
            1 => State::Writing,
            2 => State::Replied,
            5 => State::Waiting,
            _ => State::Gone,
        }
    }

    pub(super) const fn participant(self) -> Participant {
        Participant((self.0 >> 3) as u16 & ((1 << Participant::BITS) - 1))
    }

    pub(super) const fn generation(self) -> u32 {
        (self.0 >> Self::GENERATION_SHIFT) as u32
    }

    pub(super) const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// How often the duty to answer was taken out of a message.
    pub(super) const fn hops(self) -> u8 {
        (self.0 >> Self::HOPS_SHIFT) as u8
    }

    /// The same call, which waits for whoever is named, or for whoever gets the message that has the duty.
    pub(super) const fn owed(self, participant: Participant, hops: u8) -> ReplyWord {
        let waiting = self.to(State::Waiting, participant);
        ReplyWord(waiting.0 & !Self::HOPS | (hops as u64) << Self::HOPS_SHIFT)
    }

    pub(super) fn kind(self) -> ReplyKind {
        ReplyKind::of(self.0 >> Self::KIND_SHIFT & 0b1111)
    }

    /// The same call in another state.
    pub(super) const fn to(self, state: State, participant: Participant) -> ReplyWord {
        ReplyWord(ReplyWord::new(state, participant, self.generation()).0 | self.0 & Self::KEPT)
    }

    pub(super) const fn next_idle(self) -> ReplyWord {
        ReplyWord::new(State::Idle, Participant::NOBODY, self.generation().wrapping_add(1))
    }
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ReplyKind {
    /// What the handler returned.
    Value = 1,
    /// The error that the handler returned.
    Error = 2,
    /// The exit report of the callee, which died with the call in hand or for good.
    Exit = 3,
    /// There is no such actor any more.
    NoProc = 4,
    /// The actor stopped without handling the call.
    Closed = 5,
    /// The call could not be handled: a text.
    Failed = 6,
    /// Whoever had the duty to answer has dropped it.
    Unanswered = 7,
}

impl ReplyKind {
    fn of(bits: u64) -> ReplyKind {
        match bits {
            1 => ReplyKind::Value,
            2 => ReplyKind::Error,
            3 => ReplyKind::Exit,
            4 => ReplyKind::NoProc,
            5 => ReplyKind::Closed,
            7 => ReplyKind::Unanswered,
            _ => ReplyKind::Failed,
        }
    }
}

/// The half of a reply word that the kernel compares: everything but the generation.
pub(super) fn low_half(slot: &'static SlotHead) -> &'static AtomicU32 {
    crate::shm::words::low_half(&slot.word)
}
