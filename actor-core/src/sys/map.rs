//! Mapping of shared memory, and the two calls that give it pages and take them away.
//!
//! A mapping made here is never unmapped: what is derived from it may be `'static`. It is not
//! inherited by `fork` and not written into core dumps, because it is large, mostly empty, and
//! means nothing without the other processes. Memory is *reserved* before its first use, so that
//! a full machine is an error of the one who asked and not a SIGBUS of the one who is unlucky.

#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::fs::{self, FallocateFlags};
use rustix::io::{Result, retry_on_intr};
use rustix::mm::{self, Advice, MapFlags, ProtFlags};

/// Maps `length` bytes of `memory` from its start, shared, for reading and writing, for good.
///
/// The mapping does not count against the commit limit, is not inherited by `fork`, and does not
/// show in core dumps.
///
/// # Errors
/// `ENOMEM` if the address space (or `RLIMIT_AS`) has no room for it, `EINVAL` for length 0.
pub(crate) fn map_whole(memory: BorrowedFd<'_>, length: usize) -> Result<NonNull<u8>> {
    let start = map(memory, length)?;
    advise(start, length, Advice::LinuxDontFork)?;
    advise(start, length, Advice::LinuxDontDump)?;
    Ok(start)
}

/// `int madvise(void *addr, size_t length, MADV_DOFORK)` - lets children that are forked from now
/// on have the mapping, at the same address. Man page: madvise(2).
///
/// # Safety
/// The range must be a mapping made by [`map_whole`].
pub(crate) unsafe fn keep_on_fork(start: NonNull<u8>, length: usize) -> Result<()> {
    advise(start, length, Advice::LinuxDoFork)
}

/// `int madvise(void *addr, size_t length, MADV_DONTFORK)` - undoes [`keep_on_fork`].
/// Man page: madvise(2).
///
/// # Safety
/// The range must be a mapping made by [`map_whole`].
pub(crate) unsafe fn drop_on_fork(start: NonNull<u8>, length: usize) -> Result<()> {
    advise(start, length, Advice::LinuxDontFork)
}

/// `int fallocate(int fd, 0, off_t offset, off_t len)` - gives the range its pages, zeroed where
/// they are new, or fails and says so. Man page: fallocate(2).
///
/// # Errors
/// `ENOMEM` or `ENOSPC` if the machine or the memory cgroup has no room, `EINVAL` for length 0.
pub(crate) fn reserve(memory: BorrowedFd<'_>, offset: u64, length: u64) -> Result<()> {
    retry_on_intr(|| fs::fallocate(memory, FallocateFlags::KEEP_SIZE, offset, length))
}

/// `int fallocate(int fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t offset, off_t len)` -
/// takes the pages of the range away; who reads it sees zeroes. Man page: fallocate(2).
///
/// Whole pages are freed, parts of pages at both ends are zeroed. Nobody may be using the range.
///
/// # Errors
/// `EINVAL` for length 0.
pub(crate) fn punch(memory: BorrowedFd<'_>, offset: u64, length: u64) -> Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    retry_on_intr(|| fs::fallocate(memory, flags, offset, length))
}

/// `void *mmap(NULL, size_t length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, int fd, 0)`
/// - maps a file into memory where there is room. Man page: mmap(2).
fn map(memory: BorrowedFd<'_>, length: usize) -> Result<NonNull<u8>> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    // SAFETY: Without an address of ours (null, no MAP_FIXED) the kernel picks a free range, so no
    // existing object is touched.
    let start = unsafe { mm::mmap(ptr::null_mut(), length, protection, flags, memory, 0)? };
    Ok(NonNull::new(start.cast()).expect("mmap without MAP_FIXED never returns the null page"))
}

/// `int madvise(void *addr, size_t length, int advice)` - says how a mapping is to be treated.
/// Man page: madvise(2).
fn advise(start: NonNull<u8>, length: usize, advice: Advice) -> Result<()> {
    // SAFETY: The range is a whole mapping of ours, in `map_whole` because it was just made and
    // in the other two by their contract; advices on forks and dumps leave its contents alone.
    unsafe { mm::madvise(start.as_ptr().cast(), length, advice) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memfd;
    use std::os::fd::AsFd;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn word(start: NonNull<u8>, offset: usize) -> &'static AtomicU64 {
        // SAFETY: The tests pass offsets that are aligned and inside a mapping that is never unmapped.
        unsafe { &*start.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    fn blocks(memory: BorrowedFd<'_>) -> i64 {
        fs::fstat(memory).unwrap().st_blocks
    }

    #[test]
    fn smoke() {
        let size = 5 << 40;
        let memory = memfd::create_sealed(c"map-smoke", size as u64).unwrap();
        let one = map_whole(memory.as_fd(), size).unwrap();
        let two = map_whole(memory.as_fd(), size).unwrap();
        let last = size - 8;
        word(one, last).store(42, Ordering::Relaxed);
        assert_eq!(word(two, last).load(Ordering::Relaxed), 42, "both see the same memory");
    }

    #[test]
    fn reserved_memory_is_there_and_punched_memory_is_zero() {
        let size = 64 << 20;
        let memory = memfd::create_sealed(c"map-reserve", size as u64).unwrap();
        let start = map_whole(memory.as_fd(), size).unwrap();
        reserve(memory.as_fd(), 1 << 20, 2 << 20).unwrap();
        assert!(blocks(memory.as_fd()) * 512 >= 2 << 20, "every page is there");
        word(start, 1 << 20).store(7, Ordering::Relaxed);
        reserve(memory.as_fd(), 1 << 20, 2 << 20).unwrap();
        assert_eq!(word(start, 1 << 20).load(Ordering::Relaxed), 7, "reserving twice keeps contents");
        punch(memory.as_fd(), 1 << 20, 2 << 20).unwrap();
        assert_eq!(blocks(memory.as_fd()), 0);
        assert_eq!(word(start, 1 << 20).load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_absurd_length_is_an_error() {
        let memory = memfd::create_sealed(c"map-absurd", 1 << 20).unwrap();
        assert!(map_whole(memory.as_fd(), 1 << 60).is_err());
        assert!(map_whole(memory.as_fd(), 0).is_err());
        assert!(reserve(memory.as_fd(), 0, 0).is_err());
    }

    #[test]
    fn the_mapping_stays_out_of_forks_and_dumps() {
        let memory = memfd::create_sealed(c"map-flags", 3 << 20).unwrap();
        let start = map_whole(memory.as_fd(), 3 << 20).unwrap();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let head = format!("{:x}-", start.as_ptr() as usize);
        let flags = maps[maps.find(&head).unwrap()..].lines().find(|line| line.starts_with("VmFlags:")).unwrap();
        assert!(flags.contains(" dc "), "no copy on fork: {flags}");
        assert!(flags.contains(" dd "), "no core dump: {flags}");
    }
}
