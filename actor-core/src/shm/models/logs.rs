//! The ring of one who logs, its one reader, and the bell that tells of it.
//!
//! A frame that is read before it is written, or written over while it is read, is a race that the checker reports; a
//! lost wake leaves the reader asleep, which it reports as well.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use loom::cell::Cell;
use loom::thread::spawn;

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use crate::shm::event::Event;
use crate::shm::log_track::{Place, Track, find_frame, find_room, frame_bytes, give_room, publish};
use crate::shm::segment::log_bell::{LogBell, take};
use crate::shm::words::Word;
use crate::time::Deadline;

/// Bytes of a word of the ring.
const WORD: u64 = 8;
/// The bit of the one who logs.
const BIT: u64 = 4;

/// A ring, the bits of those who have logged, and the bell.
struct Log {
    lengths: Vec<Word64>,
    payloads: Vec<Cell<u32>>,
    tail: Word64,
    head: Word64,
    bits: Word64,
    pending: Futex,
    word: Futex,
    groups: Word64,
    /// The writer is dead, and this is known.
    is_over: Word64,
}

impl Track for Log {
    type Memory = Checked;

    fn size(&self) -> u64 {
        self.lengths.len() as u64 * WORD
    }
    fn tail(&self) -> &Word64 {
        &self.tail
    }
    fn head(&self) -> &Word64 {
        &self.head
    }
    fn length(&self, offset: u64) -> &Word64 {
        &self.lengths[(offset / WORD) as usize]
    }
}

impl Log {
    fn new(words: u64) -> Rc<Log> {
        Rc::new(Log {
            lengths: (0..words).map(|_| Word64::new(0)).collect(),
            payloads: (0..words).map(|_| Cell::new(0)).collect(),
            tail: Word64::new(0),
            head: Word64::new(0),
            bits: Word64::new(0),
            pending: Futex::new(0),
            word: Futex::new(0),
            groups: Word64::new(0),
            is_over: Word64::new(0),
        })
    }

    fn bell(&self) -> LogBell<'_, Checked> {
        LogBell { event: Event { word: &self.word, async_groups: &self.groups }, pending: &self.pending }
    }

    fn payload(&self, offset: u64, at: usize) -> &Cell<u32> {
        &self.payloads[(offset / WORD) as usize + 1 + at]
    }
}

/// What the one who logs has.
struct Writer {
    log: Rc<Log>,
    tail: u64,
    /// It starts over as soon as everything was read.
    saves: bool,
}

impl Writer {
    fn write(&mut self, items: &[u32]) -> bool {
        let log = &*self.log;
        let length = items.len() * WORD as usize;
        let Ok(room) = find_room(log, self.tail, frame_bytes(length), |_| self.saves) else { return false };
        let offset = room.start % log.size();
        self.tail = publish(log, self.tail, room, length, || {
            items.iter().enumerate().for_each(|(at, item)| log.payload(offset, at).set(*item));
        });
        log.bell().note(&log.bits, BIT);
        true
    }
}

#[derive(Default)]
struct Reader {
    head: u64,
    read: Vec<u32>,
}

impl Reader {
    /// Reads what is there. True: it had to go back to the start.
    fn read(&mut self, log: &Log) -> bool {
        let mut has_skipped = false;
        loop {
            match find_frame(log, self.head) {
                Place::Frame { offset, length, next } => {
                    self.read.extend((0..length / WORD as usize).map(|at| log.payload(offset, at).get()));
                    has_skipped |= next - self.head != frame_bytes(length);
                    self.head = next;
                }
                Place::Nothing => break,
                Place::Broken => panic!("the ring is broken behind {:?}", self.read),
            }
        }
        give_room(log, self.head);
        has_skipped
    }

    /// As the log thread reads, until `is_enough` of what was read.
    fn read_when_rung(mut self, log: &Log, is_enough: impl Fn(&[u32]) -> bool) -> Reader {
        loop {
            log.bell().wait(Deadline::Never);
            log.bell().silence();
            let is_over = log.is_over.load(Acquire) != 0;
            if take::<_, Checked>(&log.bits) == BIT || is_over {
                self.read(log);
            }
            if is_over || is_enough(&self.read) {
                return self;
            }
        }
    }
}

/// Frames of one writer, beside a reader that looks twice. What was written was read, in order.
fn beside_a_reader(words: u64, saves: bool, frames: &'static [&'static [u32]]) -> bool {
    let has_skipped = Arc::new(AtomicBool::new(false));
    let noted = has_skipped.clone();
    check(3, move || {
        let log = Log::new(words);
        let writer = spawn({
            let mut writer = Writer { log: log.clone(), tail: 0, saves };
            move || frames.iter().filter(|items| writer.write(items)).flat_map(|items| items.to_vec()).collect()
        });
        let mut reader = Reader::default();
        let mut skips = reader.read(&log) | reader.read(&log);
        let written: Vec<u32> = writer.join().unwrap();
        skips |= reader.read(&log);
        assert_eq!(reader.read, written);
        noted.fetch_or(skips, Relaxed);
    });
    has_skipped.load(Relaxed)
}

#[test]
fn frames_are_whole_and_in_order() {
    let has_skipped = beside_a_reader(4, false, &[&[1], &[2], &[3], &[4]]);
    assert!(!has_skipped, "the ring ends where a frame does");
}

#[test]
fn what_does_not_fit_before_the_end_goes_to_the_start() {
    assert!(beside_a_reader(6, false, &[&[1], &[2, 3], &[4, 5]]));
}

#[test]
fn a_ring_that_was_read_starts_over() {
    assert!(beside_a_reader(6, true, &[&[1], &[2], &[3]]));
}

#[test]
fn who_dies_in_the_midst_of_writing_leaves_whole_frames() {
    check_deaths(2, |steps| {
        let log = Log::new(6);
        let written = Rc::new(RefCell::new(Vec::new()));
        let victim = spawn({
            let (mut writer, written) = (Writer { log: log.clone(), tail: 0, saves: false }, written.clone());
            let life =
                move || (1..=3).filter(|item| writer.write(&[*item])).for_each(|it| written.borrow_mut().push(it));
            move || mortal(steps, life).is_none()
        });
        let mut reader = Reader::default();
        reader.read(&log);
        let has_died = victim.join().unwrap();
        reader.read(&log);
        assert!([1, 2, 3].starts_with(&reader.read), "{:?}", reader.read);
        assert!(reader.read.starts_with(&written.borrow()), "{:?} of {written:?}", reader.read);
        has_died
    });
}

#[test]
fn no_event_is_slept_through() {
    check(3, || {
        let log = Log::new(4);
        let reader = spawn({
            let log = log.clone();
            move || Reader::default().read_when_rung(&log, |read| read.len() == 2).read
        });
        let mut writer = Writer { log, tail: 0, saves: false };
        assert!(writer.write(&[1]) && writer.write(&[2]));
        assert_eq!(reader.join().unwrap(), [1, 2]);
    });
}

#[test]
fn who_dies_in_the_midst_of_telling_is_heard() {
    check_deaths(2, |steps| {
        let log = Log::new(4);
        let victim = spawn({
            let mut writer = Writer { log: log.clone(), tail: 0, saves: false };
            move || mortal(steps, || assert!(writer.write(&[1]) && writer.write(&[2]))).is_none()
        });
        let reader = spawn({
            let log = log.clone();
            move || Reader::default().read_when_rung(&log, |_| false).read
        });
        let has_died = victim.join().unwrap();
        // As the node does: it may have swallowed a wake, and is handed over.
        log.bell().repair();
        log.is_over.store(1, Release);
        log.bell().ring();
        let read = reader.join().unwrap();
        assert!([1, 2].starts_with(&read) && (has_died || read.len() == 2), "{read:?}");
        has_died
    });
}
