//! Who has logged something: a bit for each process, and the event that the node's log thread waits for.
//!
//! Bits and rings of the bell are hints to look, the facts are the tails of the rings. Whoever dies between
//! its last event and its bit is looked at because it has died. Nothing here knows what is logged.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::Segment;
use crate::id::{PARTICIPANTS_MAX, Participant};
use crate::shm::event::{Event, Waited};
use crate::shm::layout::EventLine;
use crate::shm::words::{Mapped, Memory, Word};
use crate::time::Deadline;

/// Casts of the root process whose spans are kept open until they are handled.
pub(crate) const CASTS: usize = 1024;

/// The event that the log thread waits for, and whether there is something to look at.
pub(crate) struct LogBell<'a, M: Memory> {
    pub(crate) event: Event<'a, M>,
    /// Not zero: there is a bit, or something else for the log thread to look at.
    pub(crate) pending: &'a M::Word32,
}

impl<M: Memory> LogBell<'_, M> {
    /// Lets the log thread look at the one with this bit, whose tail was published before, with a full fence.
    #[inline]
    pub(crate) fn note(&self, bits: &M::Word64, bit: u64) {
        // Set: whoever takes it has not yet, and reads the tail afterwards.
        if bits.load(SeqCst) & bit == 0 {
            bits.fetch_or(bit, AcqRel); // PAIR: log-bits
            self.ring();
        }
    }

    /// Lets the log thread look at everything.
    pub(crate) fn ring(&self) {
        // Both sides change the word by reading it, so that one of them comes first.
        self.pending.fetch_or(1, AcqRel); // PAIR: log-pending
        M::fence();
        self.event.notify();
    }

    /// Waits until somebody has rung or `deadline`. False: the deadline.
    pub(crate) fn wait(&self, deadline: Deadline) -> bool {
        let rung = || (self.pending.load(Acquire) != 0).then_some(()); // PAIR: log-pending
        !matches!(self.event.wait(deadline, rung), Waited::TimedOut)
    }

    /// The log thread begins to look at everything. Who rings from here on, has it look again.
    pub(crate) fn silence(&self) {
        self.pending.fetch_and(0, AcqRel); // PAIR: log-pending
        M::fence();
    }

    /// Wakes the log thread if somebody may have swallowed its wake.
    pub(crate) fn repair(&self) {
        self.event.notify_all();
    }
}

/// Takes the bits of those who have logged something. The full fence is for those who find theirs still set behind
/// their tail: what they have written is seen from here on.
pub(crate) fn take<T: Word<u64>, M: Memory<Word64 = T>>(bits: &T) -> u64 {
    let taken = if bits.load(Relaxed) == 0 { 0 } else { bits.fetch_and(0, AcqRel) }; // PAIR: log-bits
    M::fence();
    taken
}

/// What all processes have in common that log.
#[repr(C)]
pub(super) struct Words {
    bell: EventLine,
    pending: AtomicU32,
    /// The most verbose level that anybody in the root process wants to hear of; 0 is none.
    level: AtomicU32,
    bits: [AtomicU64; PARTICIPANTS_MAX / 64],
    /// Casts that were handled.
    casts: [AtomicU64; CASTS / 64],
}

impl Segment {
    fn logs(&self) -> &'static Words {
        &self.prologue().logs
    }

    /// What the log thread waits for.
    #[inline]
    pub(crate) fn log_bell(&self) -> LogBell<'static, Mapped> {
        let words = self.logs();
        LogBell { event: words.bell.event(), pending: &words.pending }
    }

    /// Lets the log thread look at this participant.
    #[inline]
    pub(crate) fn note_log(&self, participant: Participant) {
        let index = participant.index() % PARTICIPANTS_MAX;
        self.log_bell().note(&self.logs().bits[index / 64], 1 << (index % 64));
    }

    /// Whether there is something that the log thread has not begun to look at.
    #[inline]
    pub(crate) fn is_log_pending(&self) -> bool {
        self.logs().pending.load(Acquire) != 0
    }

    /// Calls `look` for each process that has logged something since the last call.
    pub(crate) fn take_logs(&self, mut look: impl FnMut(Participant)) {
        let words = usize::from(self.participants_end()).div_ceil(64);
        for (word, bits) in self.logs().bits.iter().enumerate().take(words) {
            let mut bits = take::<_, Mapped>(bits);
            while bits != 0 {
                look(Participant((word * 64) as u16 + bits.trailing_zeros() as u16));
                bits &= bits - 1;
            }
        }
    }

    /// The most verbose level that is wanted; 0 is none, 5 everything.
    #[inline]
    pub(crate) fn log_level(&self) -> u32 {
        self.logs().level.load(Relaxed)
    }

    /// Called by the root process only.
    pub(crate) fn set_log_level(&self, level: u32) {
        self.logs().level.store(level, Relaxed);
    }

    /// Notes that the cast with this number was handled.
    pub(crate) fn note_cast(&self, number: usize) {
        self.logs().casts[number / 64 % (CASTS / 64)].fetch_or(1 << (number % 64), Release); // PAIR: cast-bits
    }

    /// Whether the cast with this number was handled since the last call.
    pub(crate) fn take_cast(&self, number: usize) -> bool {
        let (word, bit) = (&self.logs().casts[number / 64 % (CASTS / 64)], 1 << (number % 64));
        word.load(Relaxed) & bit != 0 && word.fetch_and(!bit, Acquire) & bit != 0 // PAIR: cast-bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        // One of its own: others log into the common one.
        let segment = Segment::create().unwrap();
        let bell = segment.log_bell();
        assert!(!bell.wait(Deadline::Now));
        segment.note_log(segment.me());
        assert!(segment.is_log_pending());
        assert!(bell.wait(Deadline::Never));
        bell.silence();
        let mut seen = Vec::new();
        segment.take_logs(|who| seen.push(who));
        assert_eq!(seen, [Participant::NODE]);
        segment.take_logs(|who| panic!("{who:?} was looked at"));
        assert!(!bell.wait(Deadline::Now));
    }

    #[test]
    fn a_handled_cast_is_told_of_once() {
        let segment = Segment::create().unwrap();
        segment.note_cast(200);
        assert!(!segment.take_cast(8) && segment.take_cast(200) && !segment.take_cast(200));
    }
}
