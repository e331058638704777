//! Where the words lie that put the messages of an ordered queue in order, behind its slots.
//!
//! A *place* is a slot or, counted on behind the last slot, a hand. For each place there is a [`Fact`],
//! written by whoever puts a message there before anybody can find it; everything else is a hint, which
//! [`order`](super::order) makes again from slots, hands and facts when somebody dies with it in his hands.
//!
//! ```text
//! slots │ facts, 16 B a place │ heap, 4 B a place │ listed, news, free: bits │ hands …
//! ```
//!
//! Pure arithmetic, and the views that follow from it; what the words mean is decided elsewhere.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU64;

use super::bits::{Bits, words_above, words_below};
use super::region::Atomics;
use super::window::Window;
use super::words::{Mapped, Memory};

/// What puts the message in a place before or behind others.
#[repr(C)]
pub(super) struct Fact {
    pub(super) rank: AtomicU64,
    /// How many messages were sent before it.
    pub(super) sequence: AtomicU64,
}

// SAFETY: two atomics, and nothing between them.
unsafe impl Atomics for Fact {}

/// Where each part begins, counted from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    heap: u64,
    listed: u64,
    news: u64,
    news_above: u64,
    free: u64,
    free_above: u64,
    end: u64,
}

impl Parts {
    #[inline]
    const fn of(slots: u32, hands: u32) -> Parts {
        let places = slots + hands;
        let heap = places as u64 * size_of::<Fact>() as u64;
        let listed = (heap + places as u64 * 4).next_multiple_of(64);
        let news = listed + words_below(places) as u64 * 8;
        let news_above = news + words_below(places) as u64 * 8;
        let free = (news_above + words_above(places) as u64 * 8).next_multiple_of(64);
        let free_above = free + words_below(slots) as u64 * 8;
        let end = (free_above + words_above(slots) as u64 * 8).next_multiple_of(64);
        Parts { heap, listed, news, news_above, free, free_above, end }
    }
}

/// Bytes of the index of a queue with so many slots and hands.
pub(super) const fn bytes(slots: u32, hands: u32) -> u64 {
    Parts::of(slots, hands).end
}

/// The hints in the index of an ordered queue.
pub(super) struct Index<'a, M: Memory> {
    /// Places, the first of them the one that comes next. As many as there are places.
    pub(super) heap: &'a [M::Word32],
    /// One bit for each place that is in the heap.
    pub(super) listed: &'a [M::Word64],
    /// Places with messages that may not be in the heap yet.
    pub(super) news: Bits<'a, M>,
    /// Slots that may be free.
    pub(super) free: Bits<'a, M>,
}

/// What is said of the message in each place.
///
/// # Panics
/// The window is of no ordered queue: a bug of ours.
#[inline]
pub(super) fn facts(window: &Window) -> &'static [Fact] {
    slice(window, 0, window.layout.shape.capacity + window.layout.shape.hands)
}

impl Index<'static, Mapped> {
    /// # Panics
    /// The window is of no ordered queue: a bug of ours.
    #[inline]
    pub(super) fn of(window: &Window) -> Index<'static, Mapped> {
        let (slots, hands) = (window.layout.shape.capacity, window.layout.shape.hands);
        let (parts, places) = (Parts::of(slots, hands), slots + hands);
        let words = |offset, count: u32| slice::<AtomicU64>(window, offset, count);
        Index {
            heap: slice(window, parts.heap, places),
            listed: words(parts.listed, words_below(places)),
            news: Bits {
                below: words(parts.news, words_below(places)),
                above: words(parts.news_above, words_above(places)),
            },
            free: Bits {
                below: words(parts.free, words_below(slots)),
                above: words(parts.free_above, words_above(slots)),
            },
        }
    }
}

/// A part of the index.
#[inline]
fn slice<T: Atomics>(window: &Window, offset: u64, count: u32) -> &'static [T] {
    let start = window.layout.index.expect("the window has an index");
    // SAFETY: the layout was made with room for all parts of the index, whose parts begin at multiples of
    // 4 or 8 behind slots of 128 bytes; they consist of atomics, for which any bytes are valid, and are
    // never unmapped.
    unsafe {
        let first = window.base().add((start + offset) as usize).cast::<T>();
        std::slice::from_raw_parts(first, count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        for (slots, hands) in [(1, 0), (1, 1), (64, 64), (65, 1024), (8_388_608, 1024)] {
            let parts = Parts::of(slots, hands);
            let starts = [0, parts.heap, parts.listed, parts.news, parts.news_above, parts.free, parts.free_above];
            assert!(starts.is_sorted() && parts.free_above < parts.end, "{parts:?}");
            assert!(starts.iter().all(|start| start.is_multiple_of(4)) && parts.listed.is_multiple_of(8));
            assert!(parts.end <= u64::from(slots + hands) * 22 + 512, "{parts:?}");
        }
    }
}
