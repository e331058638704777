//! [`take_line`]: a cache line of shared memory, copied in one go.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU64;

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
    use std::sync::atomic::Ordering::Relaxed;

    let mut bytes = [0; LINE_BYTES];
    for (word, bytes) in line.iter().zip(bytes.as_chunks_mut().0) {
        *bytes = word.load(Relaxed).to_ne_bytes();
    }
    bytes
}
