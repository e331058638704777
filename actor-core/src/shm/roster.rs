//! The roster: one record per process of the node.
//!
//! The node gives a record out before the process exists and takes it back after the process is
//! reaped and its traces in shared memory are repaired. In between the record belongs to that
//! process, except for the words whose comment says otherwise.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::iter;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::layout::EventLine;
use super::segment::WINDOWS_MAX;
use super::words::{Mapped, Memory};
use crate::id::{PARTICIPANTS_MAX, WindowId};

pub(crate) const RECORD_BYTES: u64 = 16 << 10;
pub(crate) const BYTES: u64 = RECORD_BYTES * PARTICIPANTS_MAX as u64;

/// The longest text and place in an end-of-life record, and the longest order kept in a record.
pub(crate) const TEXT_MAX: usize = 1024;
pub(crate) const LOCATION_MAX: usize = 256;
pub(crate) const ORDER_MAX: usize = 4096 - 8;

/// How far a process has come. Only ever moves forward within one life of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Stage {
    /// Nobody has this record.
    Free = 0,
    /// The node has written the order; no process yet, or it has not looked.
    Ordered = 1,
    /// The process runs and has read its order.
    Started = 2,
    /// `init` has succeeded.
    Ready = 3,
    /// The end-of-life record is complete; the process is about to exit.
    Ended = 4,
}

/// One process; see the module.
#[repr(C, align(4096))]
pub(crate) struct Record {
    stage: AtomicU32,
    /// Written by the kernel when the process is cloned, before it runs; or by the node.
    pub(crate) pid: AtomicU32,
    /// Changes with every process that has this record. Written by the node.
    pub(crate) generation: AtomicU32,
    /// The number of the control group in which the process is to begin; 0 is none. Written by the node.
    pub(crate) group: AtomicU32,
    /// Rung by those who know that this process has async waiters.
    pub(crate) doorbell: AtomicU32,
    end: EndRecord,
    /// Where the result of a plain process lies: `index:16 | generation:32`, plus one; 0 is nowhere.
    result: AtomicU64,
    /// The ring into which this process logs, in the same way.
    log: AtomicU64,
    /// The window that this process is making, plus one: between its claim and its attachment.
    building: AtomicU32,
    /// The window that this process lets go of, plus one: from before that until it has asked the node to
    /// look at it.
    leaving: AtomicU32,
    /// Not zero: somebody has asked to be told of the end of this process and has not rung for it. Written
    /// by anybody.
    watched: AtomicU32,
    /// Not zero: this process is proven dead, or will never be. Written by the node.
    dying: AtomicU32,
    /// Not zero: the node has news for this process. Written by the node.
    has_news: AtomicU32,
    /// Who wants exit signals as messages in this process, see [`traps`].
    traps: AtomicU32,
    order_length: AtomicU32,
    order: Text<ORDER_MAX>,
    /// Rung when there is news, and when one thread of this process has taken some that was for others.
    pub(crate) news: EventLine,
    /// The windows that this process has touched.
    attached: [AtomicU64; WINDOWS_MAX.div_ceil(64)],
}

/// Who in a process takes exit signals.
pub(crate) mod traps {
    /// The actor that lives there.
    pub(crate) const ACTOR: u32 = 1;
    /// Somebody who has a handle for that.
    pub(crate) const HANDLE: u32 = 2;
}

const _: () = assert!(size_of::<Record>() as u64 <= RECORD_BYTES);

/// Why a process ends, in its own words.
#[repr(C)]
struct EndRecord {
    /// One of the kinds in [`exit`](crate::exit); written last.
    kind: AtomicU32,
    text_length: AtomicU32,
    location_length: AtomicU32,
    text: Text<TEXT_MAX>,
    location: Text<LOCATION_MAX>,
}

/// Bytes that one process writes and another copies.
#[repr(C)]
struct Text<const MAX: usize>(UnsafeCell<[u8; MAX]>);

// SAFETY: the bytes are only reached through `write` and `read`, which copy through raw pointers
// and make no reference to them.
unsafe impl<const MAX: usize> Sync for Text<MAX> {}

impl<const MAX: usize> Text<MAX> {
    /// Copies as much of `bytes` as fits and says how much that is.
    fn write(&self, bytes: &[u8]) -> u32 {
        let length = bytes.len().min(MAX);
        // SAFETY: `length` is at most the size of the array and of `bytes`, which cannot overlap
        // because `bytes` is private memory.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.get().cast(), length) };
        length as u32
    }

    fn read(&self, length: u32) -> Vec<u8> {
        let length = (length as usize).min(MAX);
        let mut bytes = vec![0; length];
        // SAFETY: `length` is at most the size of the array, and `bytes` has that many.
        unsafe { std::ptr::copy_nonoverlapping(self.0.get().cast(), bytes.as_mut_ptr(), length) };
        bytes
    }
}

/// The end-of-life record as the node reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) kind: u32,
    pub(crate) text: String,
    pub(crate) location: String,
}

impl Record {
    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Acquire) {
            0 => Stage::Free,
            1 => Stage::Ordered,
            2 => Stage::Started,
            3 => Stage::Ready,
            _ => Stage::Ended, // PAIR: stage
        }
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u32, Release); // PAIR: stage
    }

    /// Gives a free record to a new process. Called by the node only.
    ///
    /// # Errors
    /// The order is too long for a record: put the arguments into a blob.
    pub(crate) fn prepare(&self, order: &[u8]) -> Result<u32, usize> {
        if order.len() > ORDER_MAX {
            return Err(order.len());
        }
        let generation = self.generation.load(Relaxed).wrapping_add(1).max(1);
        self.generation.store(generation, Relaxed);
        self.pid.store(0, Relaxed);
        self.group.store(0, Relaxed);
        self.doorbell.store(0, Relaxed);
        self.result.store(0, Relaxed);
        self.log.store(0, Relaxed);
        self.building.store(0, Relaxed);
        self.leaving.store(0, Relaxed);
        self.watched.store(0, Relaxed);
        self.dying.store(0, Relaxed);
        self.has_news.store(0, Relaxed);
        self.traps.store(0, Relaxed);
        self.news.async_groups.store(0, Relaxed);
        self.end.kind.store(0, Relaxed);
        self.order_length.store(self.order.write(order), Relaxed);
        self.set_stage(Stage::Ordered);
        Ok(generation)
    }

    pub(crate) fn order(&self) -> Vec<u8> {
        self.order.read(self.order_length.load(Relaxed))
    }

    /// Writes the end-of-life record; the last one counts. Allocates nothing, so that a panic hook
    /// can call it. Dead in the middle: `kind` still says that there is none, or the one before.
    pub(crate) fn write_end(&self, kind: u32, text: &str, location: &str) {
        self.end.kind.store(0, Release);
        self.end.text_length.store(self.end.text.write(text.as_bytes()), Relaxed);
        self.end.location_length.store(self.end.location.write(location.as_bytes()), Relaxed);
        self.end.kind.store(kind, Release); // PAIR: end-record
    }

    /// Changes with every process that has this record.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Acquire)
    }

    /// Notes which window this process is about to claim, or that it has done so.
    pub(crate) fn set_building(&self, window: Option<u16>) {
        self.building.store(window.map_or(0, |index| u32::from(index) + 1), Release);
    }

    pub(crate) fn building(&self) -> Option<u16> {
        self.building.load(Acquire).checked_sub(1).map(|index| index as u16)
    }

    /// Notes which window this process is about to let go of, or that it has told so.
    pub(crate) fn set_leaving(&self, window: Option<u16>) {
        self.leaving.store(window.map_or(0, |index| u32::from(index) + 1), Release);
    }

    pub(crate) fn leaving(&self) -> Option<u16> {
        self.leaving.load(Acquire).checked_sub(1).map(|index| index as u16)
    }

    /// Whether there is an end-of-life record.
    pub(crate) fn has_end(&self) -> bool {
        self.end.kind.load(Acquire) != 0 // PAIR: end-record
    }

    pub(crate) fn read_end(&self) -> End {
        let kind = self.end.kind.load(Acquire); // PAIR: end-record
        if kind == 0 {
            return End::default();
        }
        let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        End {
            kind,
            text: lossy(self.end.text.read(self.end.text_length.load(Relaxed))),
            location: lossy(self.end.location.read(self.end.location_length.load(Relaxed))),
        }
    }

    /// Notes that somebody is about to ask the node to be told of this process's end, and not to ring for it.
    pub(crate) fn set_watched(&self) {
        self.watched.store(1, Relaxed);
    }

    /// Whether whoever has asked now must ring as well. Called after [`Record::set_watched`] and the request.
    ///
    /// The node notes the death and then looks for requests, the other one posts and then looks for the
    /// death; a fence in between on both sides: one of them sees the other.
    pub(crate) fn is_dying(&self) -> bool {
        Mapped::fence();
        self.dying.load(Relaxed) != 0
    }

    /// Whether the node has seen this process end, and has not given its record to another yet.
    pub(crate) fn is_proven_dead(&self) -> bool {
        self.dying.load(Acquire) != 0
    }

    /// Notes the proven death. True: there may be requests that nobody has rung for. Called by the node.
    pub(crate) fn begin_dying(&self) -> bool {
        self.dying.store(1, Relaxed);
        Mapped::fence();
        self.watched.load(Relaxed) != 0
    }

    /// Says whether there is news for this process. Called by the node.
    pub(crate) fn set_news(&self, has_news: bool) {
        self.has_news.store(u32::from(has_news), Release); // PAIR: news
    }

    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.has_news.load(Acquire) != 0 // PAIR: news
    }

    /// Notes whether one of those in [`traps`] takes the exit signals of this process.
    pub(crate) fn set_trap(&self, who: u32, is_on: bool) {
        match is_on {
            true => self.traps.fetch_or(who, AcqRel),
            false => self.traps.fetch_and(!who, AcqRel),
        };
    }

    pub(crate) fn is_trapping(&self) -> bool {
        self.traps.load(Acquire) != 0
    }

    /// Says where the result of this process lies.
    pub(crate) fn set_result(&self, window: WindowId) {
        self.result.store(packed(window), Release);
    }

    pub(crate) fn result(&self) -> Option<WindowId> {
        unpacked(self.result.load(Acquire))
    }

    /// Says where the log events of this process lie.
    pub(crate) fn set_log(&self, window: WindowId) {
        self.log.store(packed(window), Release);
    }

    pub(crate) fn log(&self) -> Option<WindowId> {
        unpacked(self.log.load(Acquire))
    }

    /// Notes that this process touches a window. True: for the first time.
    pub(crate) fn attach(&self, window: u16) -> bool {
        let (word, bit) = (&self.attached[usize::from(window) / 64], 1 << (window % 64));
        word.load(Relaxed) & bit == 0 && word.fetch_or(bit, AcqRel) & bit == 0
    }

    pub(crate) fn detach(&self, window: u16) {
        self.attached[usize::from(window) / 64].fetch_and(!(1 << (window % 64)), AcqRel);
    }

    pub(crate) fn is_attached(&self, window: u16) -> bool {
        self.attached[usize::from(window) / 64].load(Acquire) & 1 << (window % 64) != 0
    }

    /// The windows that this process has touched.
    pub(crate) fn attachments(&self) -> impl Iterator<Item = u16> + '_ {
        self.attached.iter().enumerate().flat_map(|(word, bits)| {
            // Of tens of thousands a process has touched a few: to look at each bit took most of a repair.
            let mut left = bits.load(Acquire);
            iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some((word * 64 + bit) as u16)
            })
        })
    }
}

/// A window as one word: `index:16 | generation:32`, plus one; 0 is none.
fn packed(window: WindowId) -> u64 {
    (u64::from(window.index) << 32 | u64::from(window.generation)) + 1
}

fn unpacked(word: u64) -> Option<WindowId> {
    let packed = word.checked_sub(1)?;
    Some(WindowId { index: (packed >> 32) as u16, generation: packed as u32 })
}

/// Where the words of a record lie in it that others read, with the bit of this window; and its length.
#[cfg(feature = "testing")]
pub(crate) fn spots(window: u16) -> (Vec<std::ops::Range<usize>>, usize) {
    use std::mem::offset_of;
    let texts = offset_of!(Record, end) + offset_of!(EndRecord, text);
    let bit = offset_of!(Record, attached) + usize::from(window) / 64 * 8;
    let order = offset_of!(Record, order);
    (vec![0..texts + 16, offset_of!(Record, result)..order + 64, bit..bit + 8], size_of::<Record>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Box<Record> {
        // SAFETY: a record consists of atomics and bytes, for which zero is valid.
        unsafe { Box::<Record>::new_zeroed().assume_init() }
    }

    #[test]
    fn smoke() {
        let record = record();
        assert_eq!(record.stage(), Stage::Free);
        assert_eq!(record.prepare(b"order"), Ok(1));
        assert_eq!((record.stage(), record.order()), (Stage::Ordered, b"order".to_vec()));
        assert_eq!(record.prepare(&[0; ORDER_MAX + 1]), Err(ORDER_MAX + 1));
    }

    #[test]
    fn end_records_are_cut_not_refused() {
        let record = record();
        assert_eq!(record.read_end(), End::default());
        record.write_end(4, &"x".repeat(2 * TEXT_MAX), "src/a.rs:1:2");
        let end = record.read_end();
        assert_eq!((end.kind, end.text.len(), end.location.as_str()), (4, TEXT_MAX, "src/a.rs:1:2"));
    }

    #[test]
    fn attachments_are_a_set() {
        let record = record();
        assert!(record.attach(3) && record.attach(4000) && !record.attach(3));
        assert_eq!(record.attachments().collect::<Vec<_>>(), [3, 4000]);
        record.detach(3);
        assert!(!record.is_attached(3) && record.is_attached(4000));
    }

    #[test]
    fn attachments_are_found_at_both_ends_of_a_word() {
        let record = record();
        let windows = [0, 1, 62, 63, 64, 127, 128, WINDOWS_MAX as u16 - 1];
        assert!(windows.iter().all(|window| record.attach(*window)));
        assert_eq!(record.attachments().collect::<Vec<_>>(), windows);
        windows.iter().for_each(|window| record.detach(*window));
        assert_eq!(record.attachments().count(), 0);
    }

    #[test]
    fn a_new_process_has_nothing_of_the_one_before() {
        let record = record();
        record.set_watched();
        record.set_news(true);
        record.set_trap(traps::ACTOR, true);
        record.set_trap(traps::HANDLE, true);
        record.set_trap(traps::ACTOR, false);
        assert!(record.begin_dying() && record.is_dying() && record.has_news() && record.is_trapping());
        record.prepare(b"order").unwrap();
        assert!(!record.is_dying() && !record.has_news() && !record.is_trapping() && !record.begin_dying());
    }

    #[test]
    fn results_are_told_apart_from_none() {
        let record = record();
        assert_eq!(record.result(), None);
        let window = WindowId { index: 0, generation: 0 };
        record.set_result(window);
        assert_eq!(record.result(), Some(window));
    }
}
