//! The two words of a ring: what a slot says of itself, and what a place in the sequence of slots is.
//!
//! Only values and what they say; who may change a word from what into what stands in
//! [`slots`](super). What another process has written is cut to what can be, here and nowhere else.

use std::sync::atomic::Ordering::Relaxed;

use crate::id::Participant;
use crate::shm::words::{Memory, Word};

/// What a slot is doing: the low bits of its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Waits for a producer of this lap.
    Free = 0,
    /// The participant named is writing.
    Writing = 1,
    /// Holds a message.
    Ready = 2,
    /// The participant named is reading or handling.
    Claimed = 3,
    /// Holds a message that was given back; not on the head's way.
    Returned = 4,
    /// Not of a ring: a reply slot that waits for its answer. In a ring it counts as sealed.
    Waiting = 5,
    /// The end of a closed ring.
    Sealed = 6,
}

impl State {
    /// Whether nothing was written here yet, or ever will be.
    pub(super) const fn is_end(self) -> bool {
        matches!(self, State::Free | State::Sealed | State::Waiting)
    }
}

/// The word of a slot: `state:3 | participant:14 | count:7 | lap:40`, low bits first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotWord(pub(crate) u64);

impl SlotWord {
    const PARTICIPANT_SHIFT: u32 = 3;
    const COUNT_SHIFT: u32 = Self::PARTICIPANT_SHIFT + Participant::BITS;
    const COUNT_BITS: u32 = 7;
    const LAP_SHIFT: u32 = Self::COUNT_SHIFT + Self::COUNT_BITS;

    /// Deliveries are counted up to here and then stay.
    pub(crate) const COUNT_MAX: u8 = (1 << Self::COUNT_BITS) - 1;

    pub(crate) const fn new(state: State, participant: Participant, count: u8, lap: u64) -> SlotWord {
        SlotWord(
            state as u64
                | (participant.0 as u64) << Self::PARTICIPANT_SHIFT
                | (count as u64) << Self::COUNT_SHIFT
                | (lap & Position::LAP_MASK) << Self::LAP_SHIFT,
        )
    }

    /// The state; a value that no writer of ours stores counts as sealed, which stops everybody.
    pub(crate) const fn state(self) -> State {
        match self.0 & 0b111 {
            0 => State::Free,
            1 => State::Writing,
            2 => State::Ready,
            3 => State::Claimed,
            4 => State::Returned,
            5 => State::Waiting,
            _ => State::Sealed,
        }
    }

    pub(crate) const fn participant(self) -> Participant {
        Participant((self.0 >> Self::PARTICIPANT_SHIFT) as u16 & ((1 << Participant::BITS) - 1))
    }

    /// How often the message was handed out before.
    pub(crate) const fn count(self) -> u8 {
        (self.0 >> Self::COUNT_SHIFT) as u8 & Self::COUNT_MAX
    }

    pub(crate) const fn lap(self) -> u64 {
        self.0 >> Self::LAP_SHIFT
    }

    pub(super) const fn free(lap: u64) -> SlotWord {
        SlotWord::new(State::Free, Participant::NOBODY, 0, lap)
    }

    /// The same without its claimant.
    pub(crate) const fn of_nobody(self) -> SlotWord {
        SlotWord::new(self.state(), Participant::NOBODY, self.count(), self.lap())
    }

    /// The same message given back, after one more delivery that did not end well or after none.
    pub(crate) const fn returned(self, is_counted: bool) -> SlotWord {
        let count = if is_counted && self.count() < Self::COUNT_MAX { self.count() + 1 } else { self.count() };
        SlotWord::new(State::Returned, Participant::NOBODY, count, self.lap())
    }
}

const _: () = assert!(SlotWord::LAP_SHIFT + Position::LAP_BITS == u64::BITS);

/// A place in the endless sequence of slots: `index:24 | lap:40`, low bits first. Laps wrap, after
/// days at full speed in a ring of one slot, so places are compared by their wrapped distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position(pub(crate) u64);

impl Position {
    pub(super) const INDEX_BITS: u32 = 24;
    const LAP_BITS: u32 = 40;
    const LAP_MASK: u64 = (1 << Self::LAP_BITS) - 1;

    pub(crate) const fn new(lap: u64, index: u32) -> Position {
        Position(lap << Self::INDEX_BITS | index as u64)
    }

    pub(crate) const fn lap(self) -> u64 {
        self.0 >> Self::INDEX_BITS
    }

    pub(crate) const fn index(self) -> u32 {
        self.0 as u32 & ((1 << Self::INDEX_BITS) - 1)
    }

    #[inline]
    pub(super) const fn next(self, capacity: u32) -> Position {
        if self.index() + 1 < capacity { Position(self.0 + 1) } else { Position::new(self.lap() + 1, 0) }
    }

    /// The later of two places.
    pub(super) const fn max(self, other: Position) -> Position {
        if self.is_before(other) { other } else { self }
    }

    /// How many laps `word` is ahead of this place; negative: behind.
    #[inline]
    pub(super) const fn laps_to(self, word: SlotWord) -> i64 {
        (word.lap().wrapping_sub(self.lap()) << Self::INDEX_BITS) as i64 >> Self::INDEX_BITS
    }

    /// Reads a hint. An index past the end can only come from a broken peer and is cut.
    pub(super) fn load<M: Memory>(hint: &M::Word64, capacity: u32) -> Position {
        let position = Position(hint.load(Relaxed));
        if position.index() < capacity { position } else { Position::new(position.lap(), 0) }
    }

    /// Whether this place comes before the other.
    pub(crate) const fn is_before(self, other: Position) -> bool {
        (self.0.wrapping_sub(other.0) as i64) < 0
    }
}
