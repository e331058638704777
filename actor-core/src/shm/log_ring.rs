//! The ring of one process that logs: frames of bytes, one writer, one reader, in a window of its own.
//!
//! Where frames lie is decided in [`log_track`]. The writer copies a frame behind its tail and
//! then publishes the new tail, in one store: dead before it, there never was such a frame; dead after it, the frame
//! is there. The reader copies it and then moves the head, which is all that the writer ever reads of it. Nobody
//! waits: what finds no room is not written. A stopped writer keeps nobody, and a stopped reader costs events.
//!
//! Memory is put behind the ring chunk by chunk; where the reader has caught up, the writer starts over instead of
//! taking another chunk, so that who logs little has little. The reader believes no number that it finds: its own
//! position is private, a length is checked before the copy, and a ring that makes no sense is not read any more.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::layout::{Layout, Shape};
pub(crate) use super::log_track::FRAME_MAX;
use super::log_track::{self, HEAD_BYTES, Place, Track, frame_bytes};
use super::segment::Segment;
use super::table::{self, MakeError};
use super::window::{Kind, Window};
use super::words::Mapped;
use crate::id::{Participant, WindowId};

/// Bytes of a ring: some thousand events, which is a burst of a few milliseconds.
const RING_BYTES: u64 = 512 << 10;
/// Memory is put behind a ring in pieces of this size.
const CHUNK_BYTES: u64 = 16 << 10;

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

    /// The bytes from `offset` on.
    fn bytes(&self, offset: u64) -> *mut u8 {
        assert!(offset < RING_BYTES, "offset {offset} of {RING_BYTES}");
        // SAFETY: the ring is the last part of the window's layout, which lies in the mapping; the offset was
        // checked just now.
        unsafe { self.window.base().add((self.frames + offset) as usize) }
    }
}

impl Track for Ring {
    type Memory = Mapped;

    fn size(&self) -> u64 {
        RING_BYTES
    }

    fn tail(&self) -> &AtomicU64 {
        &self.window.header().producers.tail
    }

    fn head(&self) -> &AtomicU64 {
        &self.window.header().consumers.head
    }

    fn length(&self, offset: u64) -> &AtomicU64 {
        // SAFETY: eight bytes lie there, since offset and size are multiples of 8; they are aligned, any
        // bytes are valid, and the mapping stays.
        unsafe { &*self.bytes(offset).cast::<AtomicU64>() }
    }
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
        let bytes = frame_bytes(length);
        let room = log_track::find_room(&self.ring, self.tail, bytes, |end| self.needs_memory(end));
        let room = match room {
            Ok(room) if self.get_memory(room.start % RING_BYTES + bytes) => room,
            Ok(room) => return self.is_full_at(room.head),
            Err(head) => return self.is_full_at(head),
        };
        self.full_at = None;
        let ring = &self.ring;
        self.tail = log_track::publish(ring, self.tail, room, length, || {
            // SAFETY: room was found for head and parts from there on, within the ring and with memory behind it;
            // private memory does not overlap it.
            unsafe {
                let to = ring.bytes(room.start % RING_BYTES).add(HEAD_BYTES as usize);
                std::ptr::copy_nonoverlapping(parts[0].as_ptr(), to, parts[0].len());
                std::ptr::copy_nonoverlapping(parts[1].as_ptr(), to.add(parts[0].len()), parts[1].len());
            }
        });
        true
    }

    fn is_full_at(&mut self, head: u64) -> bool {
        self.full_at = Some(head);
        false
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
        let (offset, length, next) = match log_track::find_frame(&self.ring, self.head) {
            Place::Frame { offset, length, next } => (offset, length, next),
            Place::Nothing => return Found::Nothing,
            Place::Broken => {
                self.is_broken = true;
                return Found::Broken;
            }
        };
        buffer.clear();
        buffer.reserve(length);
        // SAFETY: the frame was checked to lie within the ring, and `reserve` made room. What a broken writer does
        // meanwhile gives other bytes, which are bytes, too.
        unsafe {
            let from = self.ring.bytes(offset).add(HEAD_BYTES as usize);
            std::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr(), length);
            buffer.set_len(length);
        }
        self.head = next;
        Found::Frame
    }

    /// Lets the writer have the room of what was read.
    pub(crate) fn give_room(&self) {
        log_track::give_room(&self.ring, self.head);
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
impl Reader {
    /// Goes on where the one reader has come: what lies before that may be written over.
    pub(crate) fn go_on(&mut self) {
        self.head = self.ring.head().load(Acquire);
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
