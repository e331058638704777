//! [`EndWord`]: the word of an end, and the exchanges that change it. What they mean stands in the module above.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::id::{Participant, ProcessId};
use crate::shm::words::Word;

/// The word of an end: `state:3 | participant:14 | hops:15 | generation:32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shm) struct EndWord(pub(in crate::shm) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shm) enum State {
    /// The pipe is being made.
    None = 0,
    Owned = 1,
    UnderWay = 2,
    Closed = 3,
    Dead = 4,
    Lost = 5,
}

pub(super) const HOPS_MASK: u16 = 0x7fff;

impl EndWord {
    const PARTICIPANT_SHIFT: u32 = 3;
    const HOPS_SHIFT: u32 = 17;
    const GENERATION_SHIFT: u32 = 32;

    pub(in crate::shm) const fn new(state: State, process: Option<ProcessId>, hops: u16) -> EndWord {
        let (participant, generation) = match process {
            Some(process) => (process.participant, process.generation),
            None => (Participant::NOBODY, 0),
        };
        EndWord(
            state as u64
                | (participant.0 as u64) << Self::PARTICIPANT_SHIFT
                | ((hops & HOPS_MASK) as u64) << Self::HOPS_SHIFT
                | (generation as u64) << Self::GENERATION_SHIFT,
        )
    }

    pub(in crate::shm) const fn state(self) -> State {
        match self.0 & 0b111 {
            1 => State::Owned,
            2 => State::UnderWay,
            3 => State::Closed,
            4 => State::Dead,
            5 => State::Lost,
            _ => State::None,
        }
    }

    pub(in crate::shm) const fn process(self) -> ProcessId {
        let participant = Participant((self.0 >> Self::PARTICIPANT_SHIFT) as u16 & ((1 << Participant::BITS) - 1));
        ProcessId { participant, generation: (self.0 >> Self::GENERATION_SHIFT) as u32 }
    }

    pub(super) const fn hops(self) -> u16 {
        (self.0 >> Self::HOPS_SHIFT) as u16 & HOPS_MASK
    }

    pub(in crate::shm) const fn is_over(self) -> bool {
        matches!(self.state(), State::Closed | State::Dead | State::Lost)
    }

    pub(in crate::shm) fn load<W: Word<u64>>(word: &W) -> EndWord {
        EndWord(word.load(Acquire))
    }

    /// The number of the hop after this one. Zero stands for none.
    pub(in crate::shm) const fn next_hop(hops: u16) -> u16 {
        if hops >= HOPS_MASK { 1 } else { hops + 1 }
    }

    /// Changes the word if a message of this hop has the end, or its sender, who has not yet let it go. False:
    /// another copy was taken before, or the end is no more.
    pub(in crate::shm) fn take<W: Word<u64>>(word: &W, hops: u16, to: EndWord) -> bool {
        let mut seen = EndWord::load(word);
        while matches!(seen.state(), State::Owned | State::UnderWay) && seen.hops() == hops {
            match word.compare_exchange(seen.0, to.0, AcqRel) {
                Ok(_) => return true,
                Err(now) => seen = EndWord(now),
            }
        }
        false
    }

    /// From its owner to the message that was accepted.
    pub(in crate::shm) fn let_go<W: Word<u64>>(word: &W, owner: ProcessId, hops: u16) {
        let (owned, under_way) = (EndWord::owned(owner, hops), EndWord::new(State::UnderWay, None, hops));
        let _ = word.compare_exchange(owned.0, under_way.0, AcqRel);
    }

    /// The owner is done with it. False: it is not the owner.
    pub(in crate::shm) fn close<W: Word<u64>>(word: &W, owner: ProcessId, hops: u16) -> bool {
        let (owned, closed) = (EndWord::owned(owner, hops), EndWord::new(State::Closed, None, hops));
        word.compare_exchange(owned.0, closed.0, AcqRel).is_ok()
    }

    /// After the proven death of `dead`; the word as it is then.
    pub(in crate::shm) fn bury<W: Word<u64>>(word: &W, dead: ProcessId) -> EndWord {
        let mut seen = EndWord::load(word);
        while seen.state() == State::Owned && seen.process() == dead {
            let then = EndWord::new(State::Dead, Some(dead), seen.hops());
            match word.compare_exchange(seen.0, then.0, AcqRel) {
                Ok(_) => seen = then,
                Err(now) => seen = EndWord(now),
            }
        }
        seen
    }

    pub(in crate::shm) const fn owned(process: ProcessId, hops: u16) -> EndWord {
        EndWord::new(State::Owned, Some(process), hops)
    }
}
