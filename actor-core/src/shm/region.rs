//! Regions: windows whose memory many share as it is, such as a lock and what it guards.
//!
//! Behind the header lies one piece of memory, of zeroes at first. What is in it is reached as atomics, or
//! copied; nobody ever has a reference to bytes there. What the words mean, and what repairs them, is up
//! to the kind of the window.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};

use super::layout::{EventLine, SLOT_BYTES, Shape};
use super::window::{Kind, Window};
use super::{barrier, flag, lock, permits, rwlock, waiters};
use crate::id::ProcessId;

/// What may lie in memory that others write at any time.
///
/// # Safety
/// It consists of atomics only, so that any bytes are valid and all changes are atomic.
pub(crate) unsafe trait Atomics: 'static {}

macro_rules! atomics {
    ($($atomic:ty,)*) => {$(
        // SAFETY: an atomic.
        unsafe impl Atomics for $atomic {}
    )*};
}

atomics! {
    AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize,
}
// SAFETY: two atomics, and nothing that is read between them.
unsafe impl Atomics for EventLine {}

/// The shape of a region of so many bytes. `None`: it would be too large for any.
pub(crate) fn shape(bytes: u64) -> Option<Shape> {
    // The first slot says to those who come too late that there are none; the others are the memory.
    let capacity = u32::try_from(bytes.div_ceil(SLOT_BYTES).checked_add(1)?).ok()?;
    Some(Shape { capacity, hands: 0, message_max: 0, bytes: 0 })
}

impl Window {
    /// Bytes of the memory of a region, a multiple of 128.
    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::from(self.layout.shape.capacity - 1) * SLOT_BYTES
    }

    /// Notes how many bytes of the memory of a region are in use, for who comes by a handle.
    pub(crate) fn set_memory_length(&self, length: u64) {
        self.header().fixed.length.store(length, Relaxed);
    }

    /// What was noted there, by whoever has made it.
    pub(crate) fn memory_length(&self) -> u64 {
        self.header().fixed.length.load(Relaxed)
    }

    /// What lies in the memory of a region, `offset` bytes from its start.
    ///
    /// # Panics
    /// It does not lie in there, or not where it may begin: a bug of ours.
    #[inline]
    pub(crate) fn memory<T: Atomics>(&self, offset: u64) -> &'static T {
        assert!(offset.is_multiple_of(align_of::<T>() as u64), "{offset} is not aligned");
        let start = self.memory_at(offset, size_of::<T>() as u64).cast::<T>();
        // SAFETY: the range was checked and is aligned, since the memory begins at a multiple of 128; it
        // consists of atomics, for which any bytes are valid, and is never unmapped.
        unsafe { &*start }
    }

    /// Several of these, one behind the other.
    ///
    /// # Panics
    /// As for [`Window::memory`].
    #[inline]
    pub(crate) fn memory_slice<T: Atomics>(&self, offset: u64, count: usize) -> &'static [T] {
        assert!(offset.is_multiple_of(align_of::<T>() as u64), "{offset} is not aligned");
        let start = self.memory_at(offset, size_of::<T>() as u64 * count as u64).cast::<T>();
        // SAFETY: as in `memory`, for each of them.
        unsafe { std::slice::from_raw_parts(start, count) }
    }

    /// Copies out of the memory of a region, as it is while nobody writes there.
    ///
    /// # Panics
    /// As for [`Window::memory`].
    pub(crate) fn copy_out(&self, offset: u64, bytes: &mut [u8]) {
        let start = self.memory_at(offset, bytes.len() as u64);
        // SAFETY: the range was checked, and `bytes` is private memory, which cannot overlap it.
        unsafe { std::ptr::copy_nonoverlapping(start, bytes.as_mut_ptr(), bytes.len()) };
    }

    /// Copies into the memory of a region, for whoever reads there when this is done.
    ///
    /// # Panics
    /// As for [`Window::memory`].
    pub(crate) fn copy_in(&self, offset: u64, bytes: &[u8]) {
        let start = self.memory_at(offset, bytes.len() as u64);
        // SAFETY: as in `copy_out`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
    }

    /// The place of these bytes in the memory of a region.
    #[inline]
    fn memory_at(&self, offset: u64, length: u64) -> *mut u8 {
        let bytes = self.memory_bytes();
        assert!(offset <= bytes && length <= bytes - offset, "{length} bytes at {offset} of {bytes}");
        let start = self.layout.slots + SLOT_BYTES + offset;
        // SAFETY: the memory is the rest of the slots, which lie in the window.
        unsafe { self.base().add(start as usize) }
    }
}

/// Whether this process has something of a region in its hands, such as a lock that it has acquired, although
/// it has no handle on it any more.
pub(super) fn is_in_hand(window: &Window, kind: Kind) -> bool {
    let me = window.segment.me();
    match kind {
        Kind::Lock => lock::is_held(window, me),
        Kind::RwLock => rwlock::is_held(window, me),
        Kind::Permits => permits::is_held(window, me),
        _ => false,
    }
}

/// Repairs what the dead has left in a region. True: somebody is told of this death there later on, so its
/// report is kept for as long as the region.
pub(crate) fn recover(window: &Window, kind: Kind, dead: ProcessId) -> bool {
    match kind {
        Kind::Permits => permits::recover(window, dead.participant),
        Kind::Waiters => waiters::recover_window(window, dead.participant),
        Kind::Flag => flag::recover(window),
        Kind::Barrier => barrier::recover(window, dead),
        // Bytes are what they are.
        Kind::Memory => false,
        Kind::Lock => lock::recover(window, dead),
        Kind::RwLock => rwlock::recover(window, dead),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::handle::Handle;
    use crate::shm::segment::segment;

    #[test]
    fn smoke() {
        let handle = Handle::make(segment().unwrap(), Kind::Memory, shape(1000).unwrap()).unwrap();
        let window = handle.window().unwrap();
        assert_eq!(window.memory_bytes(), 1024);
        assert!(window.memory_slice::<AtomicU64>(0, 128).iter().all(|word| word.load(Relaxed) == 0));
        window.copy_in(1000, b"0123456789");
        window.memory::<AtomicU32>(1004).store(u32::from_ne_bytes(*b"abcd"), Relaxed);
        let mut bytes = [0; 10];
        window.copy_out(1000, &mut bytes);
        assert_eq!(&bytes, b"0123abcd89");
        let other = handle.clone();
        other.window().unwrap().copy_out(1000, &mut bytes[..4]);
        assert_eq!(&bytes[..4], b"0123");
    }

    #[test]
    #[should_panic(expected = "8 bytes at 1020 of 1024")]
    fn nothing_reaches_over_the_end() {
        let handle = Handle::make(segment().unwrap(), Kind::Memory, shape(1000).unwrap()).unwrap();
        handle.window().unwrap().copy_in(1020, &[0; 8]);
    }

    #[test]
    fn absurd_sizes_have_no_shape() {
        assert_eq!(shape(0).unwrap().capacity, 1);
        assert!(shape(u64::MAX).is_none());
    }
}
