//! The words that processes share, behind a facade: mapped memory here, a model checker in tests.
//!
//! The protocols in [`slots`](super::slots), [`extent`](super::extent) and [`event`](super::event)
//! are generic over [`Memory`]. The crate instantiates them with [`Mapped`]; their models
//! instantiate them with a checker's atomics and run every interleaving. Nothing else in the
//! protocols names an atomic type.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::segment;
use crate::sys::futex;
use crate::time::Deadline;

/// A kind of shared memory: its words, its fence, and how to sleep on a word.
pub(crate) trait Memory {
    type Word64: Word<u64>;
    type Word32: Word<u32>;

    /// Orders everything before it against everything after it, in all processes.
    fn fence();

    /// Stores `value` for others to acquire, then [`Memory::fence`]: what is published is visible
    /// before the publisher looks for sleepers.
    fn publish(word: &Self::Word64, value: u64) {
        word.store(value, Ordering::Release);
        Self::fence();
    }

    /// Sleeps until `word` is no longer `expected`, a wake, or the deadline. False: the deadline.
    fn sleep(word: &Self::Word32, expected: u32, deadline: Deadline) -> bool;

    /// Wakes up to `count` sleepers of `word` and says how many there were.
    fn wake(word: &Self::Word32, count: u32) -> usize;

    /// Rings the doorbells of the processes in these groups (bit g: participants n with
    /// n mod 64 = g).
    fn ring_doorbells(groups: u64);
}

/// An atomic integer.
pub(crate) trait Word<V> {
    fn load(&self, order: Ordering) -> V;
    fn store(&self, value: V, order: Ordering);
    fn compare_exchange(&self, current: V, new: V, success: Ordering) -> Result<V, V>;
    fn fetch_add(&self, value: V, order: Ordering) -> V;
    fn fetch_or(&self, value: V, order: Ordering) -> V;
    fn fetch_and(&self, value: V, order: Ordering) -> V;
}

macro_rules! impl_word {
    ($atomic:ty, $value:ty) => {
        impl Word<$value> for $atomic {
            #[inline]
            fn load(&self, order: Ordering) -> $value {
                <$atomic>::load(self, order)
            }
            #[inline]
            fn store(&self, value: $value, order: Ordering) {
                <$atomic>::store(self, value, order)
            }
            #[inline]
            fn compare_exchange(&self, current: $value, new: $value, success: Ordering) -> Result<$value, $value> {
                <$atomic>::compare_exchange(self, current, new, success, Ordering::Acquire)
            }
            #[inline]
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_add(self, value, order)
            }
            #[inline]
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_or(self, value, order)
            }
            #[inline]
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_and(self, value, order)
            }
        }
    };
}

impl_word!(AtomicU32, u32);
impl_word!(AtomicU64, u64);

/// The low half of a 64-bit word as the kernel sees it when it compares for a sleep, and as the
/// helper of async waits does. Decisions are only ever made on the whole word.
pub(crate) fn low_half(word: &AtomicU64) -> &AtomicU32 {
    const _: () = assert!(cfg!(target_endian = "little"), "the low half comes first");
    // SAFETY: four of eight valid, aligned bytes of atomics are a valid `AtomicU32`, for as long.
    unsafe { &*std::ptr::from_ref(word).cast::<AtomicU32>() }
}

/// Memory that the processes of a node have mapped.
pub(crate) struct Mapped;

impl Memory for Mapped {
    type Word64 = AtomicU64;
    type Word32 = AtomicU32;

    #[inline]
    fn fence() {
        fence(Ordering::SeqCst);
    }

    /// One exchange is a store and a full fence, and cheaper than the two.
    #[inline]
    fn publish(word: &AtomicU64, value: u64) {
        word.swap(value, Ordering::SeqCst);
        #[cfg(not(target_arch = "x86_64"))]
        fence(Ordering::SeqCst);
        // A locked exchange is a full fence on this processor; the compiler is told apart.
        #[cfg(target_arch = "x86_64")]
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }

    fn sleep(word: &AtomicU32, expected: u32, deadline: Deadline) -> bool {
        futex::wait(word, expected, deadline.remaining()) != futex::Woken::TimedOut
    }

    fn wake(word: &AtomicU32, count: u32) -> usize {
        futex::wake(word, count)
    }

    fn ring_doorbells(groups: u64) {
        if let Some(segment) = segment::attached() {
            segment.ring_doorbells(groups);
        }
    }
}
