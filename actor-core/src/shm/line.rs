//! [`take_line`]: a cache line of shared memory, copied in one go; [`take_words`]: a part of one, word by word.
//!
//! What is looked at where it lies is looked at through these two. A copy is private: whoever writes there
//! meanwhile can tear it, a line in the middle of a word even, so it may hold any bytes, but they stay what
//! they are, and each of them was read once. No order comes with it: who has to see what somebody else
//! has written gets that from an atomic read before. Nothing here may give out a reference to the bytes
//! themselves, nor decide what they mean.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// As many bytes as a CPU's cache line has.
pub(crate) const LINE_BYTES: usize = 64;

/// As many words.
pub(crate) const LINE_WORDS: usize = LINE_BYTES / size_of::<u64>();

/// What is in a line at this moment. Each of its bytes is read once, whatever is done with the copy.
///
/// Loads of words would be the whole cost of a large item, two in a cycle. The language has none that are
/// wider and may race with a writer, but the CPU has.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
pub(crate) fn take_line(line: &[AtomicU64; LINE_WORDS]) -> [u8; LINE_BYTES] {
    use std::arch::asm;
    use std::arch::x86_64::__m128i;

    let (a, b, c, d): (__m128i, __m128i, __m128i, __m128i);
    // SAFETY: the reference says that the 64 bytes can be read. Every CPU of this architecture has the
    // instruction, which asks for no alignment. It is not `pure`, so it is neither repeated nor moved
    // behind what depends on it.
    unsafe {
        asm!(
            "movdqu {a}, [{line}]",
            "movdqu {b}, [{line} + 16]",
            "movdqu {c}, [{line} + 32]",
            "movdqu {d}, [{line} + 48]",
            line = in(reg) line.as_ptr(),
            a = out(xmm_reg) a,
            b = out(xmm_reg) b,
            c = out(xmm_reg) c,
            d = out(xmm_reg) d,
            options(readonly, nostack, preserves_flags),
        );
    }
    // SAFETY: both have 64 bytes, and any bytes are bytes.
    unsafe { std::mem::transmute([a, b, c, d]) }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
pub(crate) fn take_line(line: &[AtomicU64; LINE_WORDS]) -> [u8; LINE_BYTES] {
    take_words(line)
}

/// What is in the words of a part of a line, one load each, and zero in the rest of it. What a line has no
/// room for is left out.
#[inline]
pub(crate) fn take_words(words: &[AtomicU64]) -> [u8; LINE_BYTES] {
    let mut bytes = [0; LINE_BYTES];
    for (word, bytes) in words.iter().zip(bytes.as_chunks_mut().0) {
        *bytes = word.load(Relaxed).to_ne_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let line: [AtomicU64; LINE_WORDS] =
            std::array::from_fn(|at| AtomicU64::new(0x0101_0101_0101_0101 * (at as u64 + 1)));
        let whole = take_line(&line);
        assert!(whole.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at / 8 + 1), "{whole:?}");
        for count in 0..=LINE_WORDS {
            let part = take_words(&line[..count]);
            assert_eq!(part[..8 * count], whole[..8 * count]);
            assert!(part[8 * count..].iter().all(|byte| *byte == 0), "{part:?}");
        }
    }
}
