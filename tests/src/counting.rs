//! [`Counting`]: an allocator that knows how much a thread has asked for.
//!
//! Of use only in a program that has it for its allocator. It is the system's otherwise.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting.
pub struct Counting;

thread_local! {
    /// What this thread has now, and the most that it had.
    static HELD: Cell<[isize; 2]> = const { Cell::new([0, 0]) };
}

fn note(more: isize) {
    // A thread that ends has no place for it any more.
    let _ = HELD.try_with(|held| {
        let [now, most] = held.get();
        let now = now + more;
        held.set([now, most.max(now)]);
    });
}

/// The most memory that this thread had during `work`, beyond what it had before; 0 in a program with
/// another allocator.
pub fn peak_of<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let [before, _] = HELD.get();
    HELD.set([before, before]);
    let result = work();
    let [_, most] = HELD.get();
    (usize::try_from(most - before).unwrap_or(0), result)
}

/// Whether this program counts.
pub fn is_counted() -> bool {
    let (peak, bytes) = peak_of(|| std::hint::black_box(vec![1_u8; 1000]));
    bytes.len() <= peak
}

// SAFETY: everything is passed on to the system's allocator; to count allocates nothing.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    /// As [`GlobalAlloc`] says.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise is that of the trait.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As [`GlobalAlloc`] says.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise is that of the trait.
        unsafe { System.alloc_zeroed(layout) }
    }

    /// # Safety
    /// As [`GlobalAlloc`] says.
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is that of the trait.
        unsafe { System.realloc(old, layout, size) }
    }

    /// # Safety
    /// As [`GlobalAlloc`] says.
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: the caller's promise is that of the trait.
        unsafe { System.dealloc(old, layout) }
    }
}
