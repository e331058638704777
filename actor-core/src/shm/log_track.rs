//! Where frames lie in the ring of one process that logs: the protocol of [`log_ring`](super::log_ring)
//! without its bytes.
//!
//! ```text
//! frame: length 4 │ 0, 4 │ bytes, up to the next multiple of 8        SKIP: the next one lies at the start
//! ```
//!
//! Positions count bytes and only grow; no frame is split. Generic over its memory, so that its model runs in every
//! interleaving. It knows nothing of what is in a frame, and believes no word that another process has written.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::words::{Memory, Word};
use crate::planted::planted;

/// The longest frame.
pub(crate) const FRAME_MAX: usize = 8 << 10;
/// In front of the bytes of each frame.
pub(super) const HEAD_BYTES: u64 = 8;
/// Instead of a length: nothing more before the end of the ring.
const SKIP: u32 = u32::MAX;

/// The words of a ring.
pub(crate) trait Track {
    type Memory: Memory;

    /// Bytes of the ring, a multiple of 8.
    fn size(&self) -> u64;
    /// How far it was written, by its one writer.
    fn tail(&self) -> &<Self::Memory as Memory>::Word64;
    /// How far it was read, by its one reader.
    fn head(&self) -> &<Self::Memory as Memory>::Word64;
    /// The first word of the frame at `offset`.
    fn length(&self, offset: u64) -> &<Self::Memory as Memory>::Word64;
}

/// Room for a frame that is not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// The head that was read for it.
    pub(super) head: u64,
    /// Where the frame begins.
    pub(super) start: u64,
    is_skipping: bool,
}

/// What a reader finds at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Nothing,
    /// So many bytes behind the head of the frame at this offset, and the position behind them.
    Frame {
        offset: u64,
        length: usize,
        next: u64,
    },
    /// This is no ring any more.
    Broken,
}

/// Bytes of the frame for so many bytes.
pub(crate) const fn frame_bytes(length: usize) -> u64 {
    (HEAD_BYTES + length as u64).next_multiple_of(HEAD_BYTES)
}

/// Looks for room for a frame of so many bytes behind `tail`. A ring that was read to its end may start over
/// before that is needed: `saves` says whether it should, if the next byte behind the frame lay there. The error is
/// the head: while it stays there, there is no room.
pub(crate) fn find_room<T: Track>(track: &T, tail: u64, bytes: u64, saves: impl Fn(u64) -> bool) -> Result<Room, u64> {
    let head = track.head().load(Acquire); // PAIR: log-head
    let (size, used) = (track.size(), tail.wrapping_sub(head));
    let offset = tail % size;
    let is_skipping = size < offset + bytes || (used == 0 && 0 < offset && saves(offset + bytes));
    let start = if is_skipping { tail - offset + size } else { tail };
    // A head that no reader of ours has left is as good as one that never moves.
    let has_room = used <= size && start + bytes - tail + used <= size;
    if has_room { Ok(Room { head, start, is_skipping }) } else { Err(head) }
}

/// Writes a frame of so many bytes into its room and gives the new tail; `copy` brings the bytes. Dead before the
/// last line: nobody will ever look at what was written.
pub(crate) fn publish<T: Track>(track: &T, tail: u64, room: Room, length: usize, copy: impl FnOnce()) -> u64 {
    let size = track.size();
    // In front of the tail nobody else reads or writes.
    if room.is_skipping {
        track.length(tail % size).store(u64::from(SKIP), Relaxed);
    }
    track.length(room.start % size).store(length as u64, Relaxed);
    let next = room.start + frame_bytes(length);
    if planted!(PublishLogBeforeCopy) {
        T::Memory::publish(track.tail(), next);
    }
    copy();
    T::Memory::publish(track.tail(), next); // PAIR: log-tail
    next
}

/// What lies at `head`, which is how far this reader has come.
pub(crate) fn find_frame<T: Track>(track: &T, mut head: u64) -> Place {
    let tail = track.tail().load(Acquire); // PAIR: log-tail
    let size = track.size();
    loop {
        let (there, offset) = (tail.wrapping_sub(head), head % size);
        if there == 0 {
            return Place::Nothing;
        }
        let length = track.length(offset).load(Relaxed);
        if length == u64::from(SKIP) && offset != 0 && size - offset <= there && there <= size {
            head += size - offset;
            continue;
        }
        let fits = 0 < length && length <= FRAME_MAX as u64 && there <= size;
        let length = length.min(FRAME_MAX as u64) as usize;
        let bytes = frame_bytes(length);
        if !fits || there < bytes || size < offset + bytes {
            return Place::Broken;
        }
        return Place::Frame { offset, length, next: head + bytes };
    }
}

/// Lets the writer have the room of what was read.
pub(crate) fn give_room<T: Track>(track: &T, head: u64) {
    track.head().store(head, Release); // PAIR: log-head
}
