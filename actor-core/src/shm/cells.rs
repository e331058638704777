//! Plain data in memory that others write: copied word by word, never referred to.
//!
//! Each word is one atomic access, without any order: what is read while somebody else writes is made of
//! whole words, some of them old and some new. Who wants all of one moment holds a lock.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use super::window::Window;

/// The words that so many bytes take.
pub(crate) const fn words(bytes: usize) -> usize {
    bytes.div_ceil(8)
}

/// Copies out as many bytes as there are to fill.
#[inline]
pub(crate) fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    for (word, bytes) in words.iter().zip(bytes.chunks_mut(8)) {
        let value = word.load(Relaxed).to_ne_bytes();
        bytes.copy_from_slice(&value[..bytes.len()]);
    }
}

/// Copies in; what is left of the last word becomes zero.
#[inline]
pub(crate) fn store(words: &[AtomicU64], bytes: &[u8]) {
    for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
        let mut value = [0; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(value), Relaxed);
    }
}

/// The bytes of one access to elements of this type: everybody who accesses them makes the same ones.
pub(crate) const fn unit<T>() -> usize {
    let (size, align) = (size_of::<T>(), align_of::<T>());
    let mut unit = 8;
    while unit > align || !size.is_multiple_of(unit) {
        unit /= 2;
    }
    unit
}

/// The parts of so many bytes that begin at `at`, and the accesses that each is made of: words, and bytes
/// before and behind them.
pub(crate) fn parts(at: usize, length: usize) -> [(usize, Range<usize>); 3] {
    let head = (at.next_multiple_of(8) - at).min(length);
    let words = (length - head) / 8 * 8;
    [(1, 0..head), (8, head..head + words), (1, head + words..length)]
}

/// Copies out of the memory of a region, in accesses of so many bytes.
///
/// # Panics
/// It is not in there, or not aligned to that.
pub(crate) fn load_from(window: &Window, offset: u64, unit: usize, bytes: &mut [u8]) {
    macro_rules! each {
        ($atomic:ty) => {{
            let atomics = window.memory_slice::<$atomic>(offset, bytes.len() / size_of::<$atomic>());
            for (atomic, bytes) in atomics.iter().zip(bytes.chunks_exact_mut(size_of::<$atomic>())) {
                bytes.copy_from_slice(&atomic.load(Relaxed).to_ne_bytes());
            }
        }};
    }
    match unit {
        // There may be none where there could be no word.
        _ if bytes.is_empty() => {}
        8 => each!(AtomicU64),
        4 => each!(AtomicU32),
        2 => each!(AtomicU16),
        _ => each!(AtomicU8),
    }
}

/// Copies into the memory of a region, in accesses of so many bytes.
///
/// # Panics
/// It is not in there, or not aligned to that.
pub(crate) fn store_to(window: &Window, offset: u64, unit: usize, bytes: &[u8]) {
    macro_rules! each {
        ($atomic:ty, $value:ty) => {{
            let atomics = window.memory_slice::<$atomic>(offset, bytes.len() / size_of::<$atomic>());
            for (atomic, bytes) in atomics.iter().zip(bytes.chunks_exact(size_of::<$atomic>())) {
                let mut value = [0; size_of::<$atomic>()];
                value.copy_from_slice(bytes);
                atomic.store(<$value>::from_ne_bytes(value), Relaxed);
            }
        }};
    }
    match unit {
        _ if bytes.is_empty() => {}
        8 => each!(AtomicU64, u64),
        4 => each!(AtomicU32, u32),
        2 => each!(AtomicU16, u16),
        _ => each!(AtomicU8, u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_of_it_and_aligned() {
        for (at, length) in (0..20).flat_map(|at| (0..40).map(move |length| (at, length))) {
            let parts = parts(at, length);
            assert!(parts.iter().all(|(unit, part)| part.is_empty() || (at + part.start).is_multiple_of(*unit)));
            assert_eq!(parts[1].1.len() % 8, 0);
            let [(_, head), (_, words), (_, tail)] = parts;
            assert_eq!((head.start, head.end, words.end, tail.end), (0, words.start, tail.start, length));
            assert!(head.len() < 8 && tail.len() < 8);
        }
    }

    #[test]
    fn a_unit_divides_an_element_and_is_aligned_with_it() {
        assert_eq!((unit::<u64>(), unit::<[u64; 3]>(), unit::<f32>(), unit::<[u8; 8]>()), (8, 8, 4, 1));
        assert_eq!((unit::<()>(), unit::<u128>(), unit::<[u16; 3]>()), (1, 8, 2));
    }

    #[test]
    fn smoke() {
        for length in 0..40 {
            let memory = [const { AtomicU64::new(u64::MAX) }; 5];
            let bytes: Vec<u8> = (1..=length).collect();
            store(&memory[..words(bytes.len())], &bytes);
            let mut copy = vec![0; bytes.len()];
            load(&memory, &mut copy);
            assert_eq!(copy, bytes);
            let untouched = memory.iter().filter(|word| word.load(Relaxed) == u64::MAX).count();
            assert_eq!(untouched, 5 - words(bytes.len()));
        }
    }
}
