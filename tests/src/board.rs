//! [`Board`]: words that the processes of a test share without the crate under test.
//!
//! What a process has written there stays, whatever becomes of it at the next instruction, so the
//! books about what a queue owes to whom are kept here. A board is plain data like a queue: it
//! travels in arguments. Its memory is given back when the last process that has it ends.

#![allow(unsafe_code)]

use std::fs::File;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// So many words, all zero at first. Derefs to a slice of atomics.
///
/// A process that is given a board opens it by way of the giver, who has to have it until then.
#[derive(Clone)]
pub struct Board {
    memory: Arc<OwnedFd>,
    words: &'static [AtomicU64],
}

impl Board {
    /// Makes a board. Words cost memory from their first use on.
    ///
    /// # Panics
    /// The system has no descriptor or address space for it.
    pub fn new(words: usize) -> Board {
        let memory = memfd_create("board", MemfdFlags::CLOEXEC).expect("a board can be made");
        ftruncate(&memory, 8 * words as u64).expect("a board has its size");
        Board { words: map(memory.as_fd(), words), memory: Arc::new(memory) }
    }
}

/// Never unmapped, so what it gives lives as long as the process.
fn map(memory: BorrowedFd<'_>, words: usize) -> &'static [AtomicU64] {
    let (protection, length) = (ProtFlags::READ | ProtFlags::WRITE, 8 * words);
    // SAFETY: A new mapping at a place of the kernel's choice disturbs no other.
    let start = unsafe { mmap(std::ptr::null_mut(), length, protection, MapFlags::SHARED, memory, 0) };
    let start = start.expect("a board can be mapped").cast_const().cast::<AtomicU64>();
    // SAFETY: The mapping has room for so many words, is aligned to pages, is never unmapped, and
    // is accessed as atomics by everybody; any bytes are valid for those.
    unsafe { std::slice::from_raw_parts(start, words) }
}

impl Deref for Board {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        self.words
    }
}

/// Where a board is found while the process that sends it has it.
#[derive(Serialize, Deserialize)]
struct Place {
    path: String,
    words: usize,
}

impl Serialize for Board {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.memory.as_raw_fd());
        Place { path, words: self.words.len() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Board {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Board, D::Error> {
        let Place { path, words } = Place::deserialize(deserializer)?;
        let file = File::options().read(true).write(true).open(path).map_err(de::Error::custom)?;
        let memory = OwnedFd::from(file);
        Ok(Board { words: map(memory.as_fd(), words), memory: Arc::new(memory) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn smoke() {
        let board = Board::new(3);
        board[2].store(7, Relaxed);
        let again = map(board.memory.as_fd(), 3);
        assert_eq!(again[2].load(Relaxed), 7);
        assert_eq!(board.len(), 3);
    }
}
