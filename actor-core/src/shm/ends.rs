//! [`End`]: one of the two ends of a pipe, which one process at a time has, or one message.
//!
//! A pipe is a window with the slots of a queue, of the kind [`Pipe`](Kind::Pipe). Its header has a word for
//! each end, the one that sends and the one that receives:
//!
//! ```text
//!                     accepted                         taken by q
//! OWNED(p, h) ──────────────────────► UNDER_WAY(h) ──────────────────► OWNED(q, h+1) ──► ...
//!    │    │                                │
//!    │    └──p closes──► CLOSED            └──its message is thrown away──► LOST
//!    └──p died──► DEAD(p)
//! ```
//!
//! The three states at the bottom are the last ones. Whoever brings an end into one of them raises the close
//! flags of the window after that: without a sender it is drained, without a receiver it is emptied at once.
//! Who finds the flags therefore finds the reason in the word.
//!
//! What a death leaves at each step:
//! - before the message with the end was accepted: the end is still the dead one's, so it becomes DEAD;
//! - accepted, and not let go: the receiver takes it from OWNED(p, h) as well as from UNDER_WAY(h). If he
//!   comes after the repair, it was the dead one's, and what he has got is void. Either way one has had it;
//! - let go, and not taken: the message has it. Where messages are thrown away (a queue that is closed at
//!   once or taken down, an actor that has ended, an answer that nobody reads, bytes that are no value of the
//!   type), they are searched for ends ([`throw_away`]), which become LOST;
//! - taken: the taker was attached to the window before, so the repair after its death comes by here. A
//!   message that is handed out again has the end no more: the number of hops tells the copies apart;
//! - in a last state, before the flags are raised: whoever did that was attached, and the repair
//!   ([`recover`]) raises the flags of every pipe that it finds in such a state.
//!
//! What remains: a message that nobody ever receives, in a queue that is there and open, keeps the ends in it.
//!
//! A pipe to which nobody is attached is taken down unless an end is under way, whether it is closed or not:
//! what was sent before the last one left is still there for who gets the end.
//!
//! Nothing here waits, or knows what a message means.

pub(super) mod word;

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use self::word::{EndWord, HOPS_MASK, State};
use super::handle::Handle;
use super::layout::SlotHead;
use super::payload::Meta;
use super::segment::{Segment, attached};
use super::slots::{SlotWord, State as SlotState};
use super::window::{Kind, Window, flags, has_flags, raise_flags};
use crate::id::{ProcessId, WindowId};
use crate::planted::planted;

/// One end as it was written into a message, or as a process has it: good for this hop only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) pipe: WindowId,
    pub(crate) side: Side,
    hops: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Receiver,
}

/// What has become of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Somebody has it, or a message.
    Open,
    Closed,
    Died(ProcessId),
    /// It was in a message that was thrown away.
    Lost,
}

impl End {
    /// Both ends of a pipe that was made just now are this process's.
    pub(crate) fn both(window: &Window) -> (End, End) {
        let end = |side| {
            let end = End { pipe: window.id, side, hops: 1 };
            window.end_word(side).store(end.owned(me(window.segment)).0, Release);
            end
        };
        (end(Side::Sender), end(Side::Receiver))
    }

    /// Whether this process has the end.
    #[inline]
    pub(crate) fn is_own(self, window: &Window) -> bool {
        window.end_word(self.side).load(Acquire) == self.owned(me(window.segment)).0
    }

    /// Takes the end out of the message that had it, for this process, which is attached. What is returned
    /// is void if another copy was taken before, or the end is no more.
    pub(crate) fn take(self, window: &Window) -> End {
        let taken = End { hops: EndWord::next_hop(self.hops), ..self };
        let is_taken = EndWord::take(window.end_word(self.side), self.hops, taken.owned(me(window.segment)));
        if is_taken { taken } else { self }
    }

    /// The message that this was written in was accepted, and has the end.
    pub(crate) fn let_go(self) {
        let Some(window) = attached().and_then(|segment| Window::look(segment, self.pipe, Kind::Pipe)) else { return };
        EndWord::let_go(window.end_word(self.side), me(window.segment), self.hops);
    }

    /// This process is done with the end, if it has it.
    pub(crate) fn close(self, window: &Window) {
        if EndWord::close(window.end_word(self.side), me(window.segment), self.hops) {
            window.end_pipe(self.side);
        }
    }

    /// The message that had it is thrown away.
    fn lose(self) {
        // Attached: dead before the flags are raised, the repair raises them.
        let handle = Handle::from_id(self.pipe, Kind::Pipe);
        let Some(window) = handle.window() else { return };
        if EndWord::take(window.end_word(self.side), self.hops, EndWord::new(State::Lost, None, self.hops)) {
            window.end_pipe(self.side);
        }
    }

    fn owned(self, process: ProcessId) -> EndWord {
        EndWord::owned(process, self.hops)
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&MARK);
        bytes[8..10].copy_from_slice(&self.pipe.index.to_le_bytes());
        bytes[10..14].copy_from_slice(&self.pipe.generation.to_le_bytes());
        bytes[14..16].copy_from_slice(&self.hops.to_le_bytes());
        bytes[16] = u8::from(self.side == Side::Receiver);
        bytes
    }

    /// Reads an end back. Whatever the bytes are, the result is usable: it is at worst void.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<End> {
        let bytes: &[u8; Self::BYTES] = bytes.get(..Self::BYTES)?.try_into().ok()?;
        if bytes[..8] != MARK {
            return None;
        }
        let generation = u32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]);
        let pipe = WindowId { index: u16::from_le_bytes([bytes[8], bytes[9]]), generation };
        let side = if bytes[16] == 0 { Side::Sender } else { Side::Receiver };
        Some(End { pipe, side, hops: u16::from_le_bytes([bytes[14], bytes[15]]) & HOPS_MASK })
    }

    pub(crate) const BYTES: usize = MARK.len() + 9;
}

/// What the bytes of an end begin with, so that they are found in a message whose type nobody knows. What
/// else looks like it is held against the word of an end, so it does nothing unless it names one.
const MARK: [u8; 8] = *b"\xc1pipe\xc1\x0d\x07";

impl Side {
    const BOTH: [Side; 2] = [Side::Sender, Side::Receiver];

    pub(crate) fn other(self) -> Side {
        match self {
            Side::Sender => Side::Receiver,
            Side::Receiver => Side::Sender,
        }
    }
}

impl Window {
    #[inline]
    fn end_word(&self, side: Side) -> &'static AtomicU64 {
        match side {
            Side::Sender => &self.header().ends.sender,
            Side::Receiver => &self.header().ends.receiver,
        }
    }

    /// What has become of an end of this pipe.
    pub(crate) fn fate(&self, side: Side) -> Fate {
        let word = EndWord(self.end_word(side).load(Acquire));
        match word.state() {
            State::None | State::Owned | State::UnderWay => Fate::Open,
            State::Closed => Fate::Closed,
            State::Dead => Fate::Died(word.process()),
            State::Lost => Fate::Lost,
        }
    }

    /// There is no such end any more: without a sender nothing comes, without a receiver nothing is wanted.
    fn end_pipe(&self, side: Side) {
        self.close(side == Side::Receiver);
    }

    /// Refuses new messages, and wakes everybody who waits. With `discards`, what is queued is gone as well.
    pub(crate) fn close(&self, discards: bool) {
        raise_flags(self, flags::CLOSING | if discards { flags::CLOSED_NOW } else { 0 });
        self.discard_if_closed();
        self.idle().notify_all();
        // The node frees a closed queue that nobody has a handle on.
        self.segment.ask_attention(self.id.index);
    }

    /// Whether an end of this pipe is in a message, so that somebody may come for what is in the pipe.
    pub(super) fn has_end_under_way(&self) -> bool {
        let is_under_way = |side| EndWord(self.end_word(side).load(Acquire)).state() == State::UnderWay;
        Side::BOTH.into_iter().any(is_under_way)
    }

    /// What lies here is about to go with the window, and so are the ends in it. Called by the node only, on
    /// a window in which nobody is at work.
    pub(super) fn throw_away_left(&self) {
        if has_flags(&self.header().state.flags, flags::CARRIES) {
            (0..self.layout.shape.capacity).for_each(|index| self.throw_away_at(self.slot(index)));
            if self.hands_allocated() {
                (0..self.layout.shape.hands).for_each(|index| self.throw_away_at(self.hand(index)));
            }
        }
    }

    fn throw_away_at(&self, slot: &SlotHead) {
        let state = SlotWord(slot.word.load(Acquire)).state();
        if matches!(state, SlotState::Ready | SlotState::Returned) {
            self.throw_away_payload(slot);
        }
    }

    /// The message in this slot, which nobody changes any more, is thrown away.
    pub(super) fn throw_away_payload(&self, slot: &SlotHead) {
        let (meta, mut payload) = (Meta::load(slot), Vec::new());
        if u64::from(meta.length) <= self.layout.shape.message_max && self.read_payload(slot, meta, 0, &mut payload) {
            throw_away(&payload);
        }
    }
}

/// Repairs a pipe after the proven death of `dead`. True: the other end is going to be told of that death.
/// Called by the node only; done again, it does the same.
pub(crate) fn recover(window: &Window, dead: ProcessId) -> bool {
    let mut is_mourned = false;
    for side in Side::BOTH {
        let word = window.end_word(side);
        let seen = if planted!(ForgetEnds) { EndWord::load(word) } else { EndWord::bury(word, dead) };
        is_mourned |= seen.state() == State::Dead && seen.process() == dead;
        if seen.is_over() {
            window.end_pipe(side);
        }
    }
    is_mourned
}

/// Nobody will read this message: those who wait for the other ends of what lies in it are told.
#[cold]
pub(crate) fn throw_away(message: &[u8]) {
    thread_local! {
        /// Ends that are still to be lost, while this thread is at it. An end that is lost may throw away
        /// messages with others in them, and so on: a list, for the stack has an end.
        static LOSING: RefCell<Option<Vec<End>>> = const { RefCell::new(None) };
    }
    let ends: Vec<End> = carried(message).collect();
    if ends.is_empty() {
        return;
    }
    let begins = |losing: &RefCell<Option<Vec<End>>>| match &mut *losing.borrow_mut() {
        Some(others) => {
            others.extend(&ends);
            false
        }
        none => {
            *none = Some(ends.clone());
            true
        }
    };
    if LOSING.try_with(begins).unwrap_or(false) {
        while let Some(end) = LOSING.with_borrow_mut(|losing| losing.as_mut().and_then(Vec::pop)) {
            end.lose();
        }
        LOSING.set(None);
    }
}

/// The ends that lie in the bytes of a message.
fn carried(message: &[u8]) -> impl Iterator<Item = End> + '_ {
    let marks = message.iter().enumerate().filter(|(_, byte)| **byte == MARK[0]);
    marks.filter_map(|(at, _)| End::from_bytes(&message[at..]))
}

#[inline]
fn me(segment: &Segment) -> ProcessId {
    let participant = segment.me();
    ProcessId { participant, generation: segment.record(participant).generation() }
}

#[cfg(test)]
mod tests;
