//! Who has logged something: a bit for each process, and the event that the node's log thread waits for.
//!
//! Bits and rings of the bell are hints to look, the facts are the tails of the rings. Whoever dies between
//! its last event and its bit is looked at because it has died. Nothing here knows what is logged.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::Segment;
use crate::id::{PARTICIPANTS_MAX, Participant};
use crate::shm::event::Waited;
use crate::shm::layout::EventLine;
use crate::shm::words::{Mapped, Memory};
use crate::time::Deadline;

/// Casts of the root process whose spans are kept open until they are handled.
pub(crate) const CASTS: usize = 1024;

/// What all processes have in common that log.
#[repr(C)]
pub(super) struct Words {
    bell: EventLine,
    /// Not zero: there is a bit, or something else for the log thread to look at.
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

    /// Tells the log thread that this process has logged something. Its tail was published before, with
    /// a full fence.
    #[inline]
    pub(crate) fn note_log(&self) {
        self.note_log_of(self.me());
    }

    /// Lets the log thread look at this process.
    #[inline]
    pub(crate) fn note_log_of(&self, participant: Participant) {
        let me = participant.index() % PARTICIPANTS_MAX;
        let (word, bit) = (&self.logs().bits[me / 64], 1 << (me % 64));
        // Set: whoever takes it has not yet, and reads the tail afterwards.
        if word.load(SeqCst) & bit == 0 {
            word.fetch_or(bit, AcqRel); // PAIR: log-bits
            self.ring_log_bell();
        }
    }

    /// Lets the log thread look at everything.
    pub(crate) fn ring_log_bell(&self) {
        self.logs().pending.store(1, Release); // PAIR: log-pending
        Mapped::fence();
        self.logs().bell.event().notify();
    }

    /// Wakes the log thread if somebody may have swallowed its wake.
    pub(crate) fn repair_log_bell(&self) {
        self.logs().bell.event().notify_all();
    }

    /// Whether there is something that the log thread has not begun to look at.
    #[inline]
    pub(crate) fn is_log_pending(&self) -> bool {
        self.logs().pending.load(Acquire) != 0
    }

    /// Waits until somebody has rung or `deadline`. False: the deadline.
    pub(crate) fn wait_for_log_bell(&self, deadline: Deadline) -> bool {
        let rung = || self.is_log_pending().then_some(());
        !matches!(self.logs().bell.event().wait(deadline, rung), Waited::TimedOut)
    }

    /// The log thread begins to look at everything. Who rings from here on, has it look again.
    pub(crate) fn silence_log_bell(&self) {
        self.logs().pending.swap(0, SeqCst); // PAIR: log-pending
    }

    /// Calls `look` for each process that has logged something since the last call.
    pub(crate) fn take_logs(&self, mut look: impl FnMut(Participant)) {
        let bits = &self.logs().bits;
        for (word, bits) in bits.iter().enumerate().take(usize::from(self.participants_end()).div_ceil(64)) {
            // With a full fence: whoever finds the bit still set after his tail is heard of here.
            let mut bits = if bits.load(Relaxed) == 0 { 0 } else { bits.swap(0, SeqCst) }; // PAIR: log-bits
            Mapped::fence();
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
        assert!(!segment.wait_for_log_bell(Deadline::Now));
        segment.note_log();
        assert!(segment.is_log_pending());
        assert!(segment.wait_for_log_bell(Deadline::Never));
        segment.silence_log_bell();
        let mut seen = Vec::new();
        segment.take_logs(|who| seen.push(who));
        assert_eq!(seen, [Participant::NODE]);
        segment.take_logs(|who| panic!("{who:?} was looked at"));
        assert!(!segment.wait_for_log_bell(Deadline::Now));
    }

    #[test]
    fn a_handled_cast_is_told_of_once() {
        let segment = Segment::create().unwrap();
        segment.note_cast(200);
        assert!(!segment.take_cast(8) && segment.take_cast(200) && !segment.take_cast(200));
    }
}
