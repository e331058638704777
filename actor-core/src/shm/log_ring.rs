//! The ring of one process that logs: frames of bytes, one writer, one reader, in a window of its own.
//!
//! ```text
//! frame: length 4 │ 0, 4 │ bytes, up to the next multiple of 8        SKIP: the next one lies at the start
//! ```
//!
//! Positions count bytes and only grow. The writer copies a frame behind its tail and then publishes the new
//! tail, in one store: dead before it, there never was such a frame; dead after it, the frame is there. The
//! reader copies it and then moves the head, which is all that the writer ever reads of it. Nobody waits: what
//! finds no room is not written. A stopped writer keeps nobody, and a stopped reader costs events.
//!
//! No frame is split, so one copy takes it. Memory is put behind the ring chunk by chunk; where the reader
//! has caught up, the writer starts over instead of taking another chunk, so that who logs little has little.
//! The reader believes no number that it finds: its own position is private, a length is checked before the
//! copy, and a ring that makes no sense is not read any more.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::layout::{Layout, Shape};
use super::segment::Segment;
use super::table::{self, MakeError};
use super::window::{Kind, Window};
use super::words::{Mapped, Memory};
use crate::id::{Participant, WindowId};

/// Bytes of a ring: some thousand events, which is a burst of a few milliseconds.
const RING_BYTES: u64 = 512 << 10;
/// Memory is put behind a ring in pieces of this size.
const CHUNK_BYTES: u64 = 16 << 10;
/// The longest frame.
pub(crate) const FRAME_MAX: usize = 8 << 10;
const HEAD_BYTES: u64 = 8;
/// Instead of a length: nothing more before the end of the ring.
const SKIP: u32 = u32::MAX;

const _: () = assert!(FRAME_MAX as u64 + 2 * HEAD_BYTES <= CHUNK_BYTES && CHUNK_BYTES <= RING_BYTES);

/// The window of a ring and where its frames lie.
struct Ring {
    window: Window,
    /// From the start of the window.
    frames: u64,
}

/// What the process that logs has.
pub(crate) struct Writer {
    ring: Ring,
    tail: u64,
    /// As much of the ring has memory.
    allocated: u64,
    /// The head at which the last frame found no room. While it stands there, none will.
    full_at: Option<u64>,
}

/// What the node has of a process that logs.
pub(crate) struct Reader {
    ring: Ring,
    head: u64,
    dropped: u64,
    is_broken: bool,
}

/// What a reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The buffer holds the next frame.
    Frame,
    Nothing,
    /// This is no ring any more.
    Broken,
}

impl Ring {
    const SHAPE: Shape = Shape { capacity: 1, hands: 0, message_max: RING_BYTES, bytes: 0 };

    fn of(window: Window) -> Option<Ring> {
        let layout: &Layout = &window.layout;
        let frames = layout.classes().last().filter(|class| class.size == RING_BYTES)?.offset;
        Some(Ring { window, frames })
    }

    fn tail(&self) -> &'static AtomicU64 {
        &self.window.header().producers.tail
    }

    fn head(&self) -> &'static AtomicU64 {
        &self.window.header().consumers.head
    }

    /// The bytes from `offset` on.
    fn bytes(&self, offset: u64) -> *mut u8 {
        assert!(offset < RING_BYTES, "offset {offset} of {RING_BYTES}");
        // SAFETY: the ring is the last part of the window's layout, which lies in the mapping; the offset was
        // checked just now.
        unsafe { self.window.base().add((self.frames + offset) as usize) }
    }

    /// The first word of the frame at `offset`, which is a multiple of 8.
    fn length(&self, offset: u64) -> &'static AtomicU64 {
        // SAFETY: eight bytes lie there, since offset and size are multiples of 8; they are aligned, any
        // bytes are valid, and the mapping stays.
        unsafe { &*self.bytes(offset).cast::<AtomicU64>() }
    }
}

/// Bytes of the frame for so many bytes.
const fn frame_bytes(length: usize) -> u64 {
    (HEAD_BYTES + length as u64).next_multiple_of(HEAD_BYTES)
}

impl Writer {
    /// Makes the ring of this process and tells the node where it is. Dead before that is told: nobody reads
    /// it, and it is taken down for its maker.
    ///
    /// # Errors
    /// There is no window or no memory.
    pub(crate) fn make(segment: &'static Segment) -> Result<Writer, MakeError> {
        let window = Window::make(segment, Kind::Log, Ring::SHAPE)?;
        let ring = Ring::of(window).ok_or(MakeError::Shape(Ring::SHAPE))?;
        let record = segment.record(segment.me());
        window.header().log.writer.store(record.generation(), Relaxed);
        record.set_log(window.id);
        Ok(Writer { ring, tail: 0, allocated: 0, full_at: None })
    }

    /// Whether no frame would find room: none has, and the reader has not moved since.
    pub(crate) fn is_full(&self) -> bool {
        self.full_at.is_some_and(|head| head == self.ring.head().load(Relaxed))
    }

    /// Whether there is so much to be read that the reader should.
    pub(crate) fn is_filling(&self) -> bool {
        RING_BYTES / 4 < self.tail.wrapping_sub(self.ring.head().load(Relaxed))
    }

    /// Counts an event that was not written.
    pub(crate) fn count_dropped(&self, events: u64) {
        let dropped = &self.ring.window.header().log.dropped;
        // Nobody else writes there.
        dropped.store(dropped.load(Relaxed).wrapping_add(events), Release);
    }

    /// Writes a frame of these parts. False: there is no room or no memory for it.
    pub(crate) fn write(&mut self, parts: [&[u8]; 2]) -> bool {
        let length = parts[0].len() + parts[1].len();
        if length == 0 || FRAME_MAX < length {
            return false;
        }
        let Some(start) = self.claim(frame_bytes(length)) else { return false };
        let offset = start % RING_BYTES;
        // In front of the tail nobody else reads or writes.
        self.ring.length(offset).store(length as u64, Relaxed);
        // SAFETY: `claim` has found room for head and parts from `offset` on, within the ring and with memory
        // behind it; private memory does not overlap it.
        unsafe {
            let to = self.ring.bytes(offset).add(HEAD_BYTES as usize);
            std::ptr::copy_nonoverlapping(parts[0].as_ptr(), to, parts[0].len());
            std::ptr::copy_nonoverlapping(parts[1].as_ptr(), to.add(parts[0].len()), parts[1].len());
        }
        self.tail = start + frame_bytes(length);
        // Dead before this line: nobody will ever look at what was written.
        Mapped::publish(self.ring.tail(), self.tail); // PAIR: log-tail
        true
    }

    /// Where the next frame of so many bytes goes, having skipped the end of the ring if it goes to the start.
    fn claim(&mut self, bytes: u64) -> Option<u64> {
        let head = self.ring.head().load(Acquire); // PAIR: log-head
        let used = self.tail.wrapping_sub(head);
        let offset = self.tail % RING_BYTES;
        let starts_over = RING_BYTES < offset + bytes || (used == 0 && self.needs_memory(offset + bytes) && offset > 0);
        let start = if starts_over { self.tail - offset + RING_BYTES } else { self.tail };
        // A head that no reader of ours has left is as good as one that never moves.
        let has_room = used <= RING_BYTES && start + bytes - self.tail + used <= RING_BYTES;
        if !has_room || !self.get_memory(start % RING_BYTES + bytes) {
            self.full_at = Some(head);
            return None;
        }
        self.full_at = None;
        if starts_over {
            // Before the tail moves, so that whoever sees the tail sees this.
            self.ring.length(offset).store(u64::from(SKIP), Relaxed);
        }
        Some(start)
    }

    /// Behind each frame there is memory for a SKIP, unless the ring ends there.
    fn needs_memory(&self, end: u64) -> bool {
        self.allocated < (end + HEAD_BYTES).min(RING_BYTES)
    }

    /// Puts memory behind the ring up to `end`. False: there is none.
    fn get_memory(&mut self, end: u64) -> bool {
        if !self.needs_memory(end) {
            return true;
        }
        let until = (end + HEAD_BYTES).next_multiple_of(CHUNK_BYTES).min(RING_BYTES);
        let window = &self.ring.window;
        let from = self.ring.frames + self.allocated;
        let is_there = window.segment.allocate(window.id.index, from, until - self.allocated).is_ok();
        if is_there {
            self.allocated = until;
        }
        is_there
    }
}

impl Reader {
    /// The ring of `writer`, whatever has become of it. `None`: there is no such ring, or it is another's.
    pub(crate) fn of(segment: &'static Segment, id: WindowId, writer: (Participant, u32)) -> Option<Reader> {
        let window = table::at(segment, id.index).filter(|window| window.id == id)?;
        let is_its = table::kind(&window) == Some(Kind::Log)
            && window.maker() == writer.0
            && window.header().log.writer.load(Relaxed) == writer.1;
        let ring = Ring::of(window).filter(|_| is_its)?;
        Some(Reader { ring, head: 0, dropped: 0, is_broken: false })
    }

    /// Copies the next frame into `buffer`, whose content it replaces.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> Found {
        if self.is_broken {
            return Found::Broken;
        }
        let tail = self.ring.tail().load(Acquire); // PAIR: log-tail
        let found = self.next_before(tail, buffer);
        self.is_broken = found == Found::Broken;
        found
    }

    fn next_before(&mut self, tail: u64, buffer: &mut Vec<u8>) -> Found {
        loop {
            let there = tail.wrapping_sub(self.head);
            if there == 0 {
                return Found::Nothing;
            }
            let offset = self.head % RING_BYTES;
            let length = self.ring.length(offset).load(Relaxed);
            if length == u64::from(SKIP) && offset != 0 && RING_BYTES - offset <= there && there <= RING_BYTES {
                self.head += RING_BYTES - offset;
                continue;
            }
            let fits = 0 < length && length <= FRAME_MAX as u64 && there <= RING_BYTES;
            let bytes = frame_bytes(length.min(FRAME_MAX as u64) as usize);
            if !fits || there < bytes || RING_BYTES < offset + bytes {
                return Found::Broken;
            }
            buffer.clear();
            buffer.reserve(length as usize);
            // SAFETY: the frame was checked to lie within the ring, and `reserve` made room. What a broken
            // writer does meanwhile gives other bytes, which are bytes, too.
            unsafe {
                let from = self.ring.bytes(offset).add(HEAD_BYTES as usize);
                std::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr(), length as usize);
                buffer.set_len(length as usize);
            }
            self.head += bytes;
            return Found::Frame;
        }
    }

    /// Lets the writer have the room of what was read.
    pub(crate) fn give_room(&self) {
        self.ring.head().store(self.head, Release); // PAIR: log-head
    }

    /// Events that the writer has dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        let dropped = self.ring.window.header().log.dropped.load(Acquire);
        let more = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        more
    }

    /// Gives the ring back. Its writer is dead, and nobody else has it.
    pub(crate) fn take_down(self) {
        table::take_down(&self.ring.window);
    }
}

#[cfg(feature = "testing")]
impl Writer {
    /// Lays bytes down at the start of the ring, zeroes behind them, and says that the ring ends at `tail`. Who reads
    /// begins at the start.
    pub(crate) fn lay_down(&mut self, tail: u64, bytes: &[u8]) -> Option<Reader> {
        assert!(bytes.len() <= FRAME_MAX && self.get_memory(CHUNK_BYTES));
        // SAFETY: the first chunk has memory and takes as much; private memory does not overlap it.
        unsafe {
            std::ptr::write_bytes(self.ring.bytes(0), 0, CHUNK_BYTES as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.ring.bytes(0), bytes.len());
        }
        self.ring.tail().store(tail, Release);
        let segment = self.ring.window.segment;
        let me = (segment.me(), segment.record(segment.me()).generation());
        Reader::of(segment, self.ring.window.id, me)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::segment::segment;

    /// Tests are threads of one process, which has one ring in its record; each test has one of its own here.
    fn pair() -> (Writer, Reader) {
        let segment = segment().unwrap();
        let writer = Writer::make(segment).unwrap();
        let me = (segment.me(), segment.record(segment.me()).generation());
        let reader = Reader::of(segment, writer.ring.window.id, me).unwrap();
        (writer, reader)
    }

    fn read(reader: &mut Reader) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        match reader.next(&mut buffer) {
            Found::Frame => Some(buffer),
            Found::Nothing => None,
            Found::Broken => panic!("the ring is broken"),
        }
    }

    #[test]
    fn smoke() {
        let (mut writer, mut reader) = pair();
        assert_eq!(read(&mut reader), None);
        assert!(writer.write([b"one", b""]) && writer.write([b"t", b"wo"]));
        assert_eq!(read(&mut reader).unwrap(), b"one");
        assert_eq!(read(&mut reader).unwrap(), b"two");
        assert_eq!(read(&mut reader), None);
        assert!(!writer.write([b"", b""]) && !writer.write([&[0; FRAME_MAX], b"x"]));
        reader.take_down();
    }

    #[test]
    fn what_finds_no_room_is_not_written_and_the_rest_is_whole() {
        let (mut writer, mut reader) = pair();
        for round in 0..3_u8 {
            let mut written = 0_u32;
            while writer.write([&[round; 97], &written.to_le_bytes()]) {
                written += 1;
            }
            assert!(4000 < written && writer.is_full(), "{written}");
            writer.count_dropped(2);
            let mut number = 0_u32;
            while let Some(frame) = read(&mut reader) {
                if frame.len() == 101 {
                    assert_eq!((frame[0], &frame[97..]), (round, &number.to_le_bytes()[..]));
                    number += 1;
                }
            }
            assert_eq!((number, reader.take_dropped()), (written, 2));
            reader.give_room();
            assert!(!writer.is_full());
        }
        reader.take_down();
    }

    #[test]
    fn who_is_read_in_time_has_one_chunk() {
        let (mut writer, mut reader) = pair();
        let sizes = [1, 8, 97, 1000, FRAME_MAX, 5000, 3, FRAME_MAX - 1];
        for (number, size) in sizes.iter().cycle().take(10_000).enumerate() {
            assert!(writer.write([&vec![number as u8; *size], b""]));
            assert_eq!(read(&mut reader).unwrap(), vec![number as u8; *size]);
            reader.give_room();
        }
        assert!(writer.allocated <= 2 * CHUNK_BYTES, "{} bytes", writer.allocated);
        reader.take_down();
    }

    #[test]
    fn a_ring_that_makes_no_sense_is_not_read() {
        for (tail, length) in [(1, 1), (u64::MAX, 4), (RING_BYTES + 8, 4), (16, 0), (16, 9), (64, u64::MAX), (8, 1)] {
            let (writer, mut reader) = pair();
            let mut buffer = Vec::new();
            writer.ring.length(0).store(length, Relaxed);
            writer.ring.tail().store(tail, Relaxed);
            assert_eq!(reader.next(&mut buffer), Found::Broken, "{tail} {length}");
            writer.ring.tail().store(0, Relaxed);
            assert_eq!(reader.next(&mut buffer), Found::Broken, "it stays so");
            reader.take_down();
        }
    }

    #[test]
    fn a_ring_is_that_of_its_writer_only() {
        let (writer, reader) = pair();
        let segment = writer.ring.window.segment;
        let (id, me) = (writer.ring.window.id, segment.me());
        let generation = segment.record(me).generation();
        assert!(Reader::of(segment, id, (me, generation + 1)).is_none());
        assert!(Reader::of(segment, id, (Participant(9), generation)).is_none());
        reader.take_down();
        assert!(Reader::of(segment, id, (me, generation)).is_none());
    }
}
