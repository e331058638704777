//! Hints to the processor. None of them changes what a program means.

#![allow(unsafe_code)]

/// Asks for the cache line of `address` in a writable state, ahead of an atomic operation on it.
///
/// A locked instruction on a line that another core has just written waits for about 110 ns; asked
/// for eight slots ahead the line is there in time. x86-64 only (`prefetchw`, a no-op by decoding
/// on processors without it). Nothing happens elsewhere.
#[inline(always)]
pub(crate) fn prefetch_for_write<T>(address: *const T) {
    // Written as an instruction because the intrinsic becomes a prefetch for reading unless the
    // whole program is compiled for a processor that names the feature.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: A prefetch reads and writes nothing, and an address that is not mapped is ignored.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Tells the processor that this is a busy loop, so that a sibling thread gets the units.
#[inline(always)]
pub(crate) fn spin() {
    std::hint::spin_loop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let value = 7_u64;
        prefetch_for_write(&raw const value);
        prefetch_for_write(std::ptr::null::<u64>());
        spin();
        assert_eq!(value, 7);
    }
}
