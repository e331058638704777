//! [`Bits`]: a set of small numbers in shared memory, as a hint of where to look.
//!
//! One bit per number, and above each 64 words of them a word that says which of them may have any, so that
//! a set of millions is looked through in a few steps. Anybody sets and takes, without a lock.
//!
//! A bit is a hint: whoever takes one looks whether what it stands for is true. What must not be is that
//! something is true and has no bit. So whoever makes it true sets the bit after it, the word below before
//! the one above, and whoever takes the bit above away looks below once more. Dead in between, the bits may
//! be lacking: after a proven death the node sets them again from what is true ([`Bits::set`] of all).

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::words::{Memory, Word};

/// The words of a set; there are as many above as [`words_above`] says.
pub(crate) struct Bits<'a, M: Memory> {
    pub(crate) below: &'a [M::Word64],
    pub(crate) above: &'a [M::Word64],
}

const BITS: u32 = u64::BITS;

/// How many words the bits of so many numbers take.
pub(crate) const fn words_below(count: u32) -> u32 {
    count.div_ceil(BITS)
}

/// How many words say which of those may have any.
pub(crate) const fn words_above(count: u32) -> u32 {
    words_below(count).div_ceil(BITS)
}

impl<M: Memory> Bits<'_, M> {
    /// Puts a number in, for whoever looks after it was made true.
    #[inline]
    pub(crate) fn set(&self, number: u32) {
        let word = number / BITS;
        self.below[word as usize].fetch_or(1 << (number % BITS), AcqRel); // PAIR: bit-below
        // In this order: who takes the bit above looks below after it.
        self.above[(word / BITS) as usize].fetch_or(1 << (word % BITS), AcqRel); // PAIR: bit-above
    }

    /// Puts all numbers below `count` in, before anybody else has the set.
    pub(crate) fn fill(&self, count: u32) {
        let fill = |words: &[M::Word64], count: u32| {
            for (word, at) in words.iter().zip((0..).step_by(BITS as usize)) {
                let left = count.saturating_sub(at).min(BITS);
                word.store(u64::MAX.checked_shr(BITS - left).unwrap_or(0), Relaxed);
            }
        };
        fill(self.below, count);
        fill(self.above, words_below(count));
    }

    /// Whether it may have any.
    #[inline]
    pub(crate) fn may_have_any(&self) -> bool {
        self.above.iter().any(|word| word.load(Relaxed) != 0)
    }

    /// Takes the lowest number out. `None`: there was a moment since the call at which it had none that was
    /// in it from before.
    #[inline]
    pub(crate) fn take(&self) -> Option<u32> {
        for (at, above) in self.above.iter().enumerate() {
            let mut hints = above.load(Acquire); // PAIR: bit-above
            while hints != 0 {
                let hint = hints & hints.wrapping_neg();
                let word = at as u32 * BITS + hint.trailing_zeros();
                let Some(below) = self.below.get(word as usize) else { break };
                if let Some(bit) = take_lowest::<M>(below) {
                    return Some(word * BITS + bit);
                }
                above.fetch_and(!hint, AcqRel);
                // Somebody may have set a bit below before, and the one above before that went.
                if below.load(Acquire) != 0 {
                    above.fetch_or(hint, AcqRel);
                }
                hints &= !hint;
            }
        }
        None
    }

    /// Takes all numbers out that were in it.
    pub(crate) fn drain(&self, mut each: impl FnMut(u32)) {
        for (at, above) in self.above.iter().enumerate() {
            if above.load(Acquire) == 0 {
                continue;
            }
            // PAIR: bit-above
            for hint in ones(above.fetch_and(0, AcqRel)) {
                let word = at as u32 * BITS + hint;
                let Some(below) = self.below.get(word as usize) else { break };
                let bits = below.fetch_and(0, AcqRel); // PAIR: bit-below
                ones(bits).for_each(|bit| each(word * BITS + bit));
            }
        }
    }

    /// The first number for which `test` holds; takes none.
    pub(crate) fn find(&self, mut test: impl FnMut(u32) -> bool) -> Option<u32> {
        self.above.iter().enumerate().find_map(|(at, above)| {
            ones(above.load(Acquire)).find_map(|hint| {
                let word = at as u32 * BITS + hint;
                let below = self.below.get(word as usize)?;
                ones(below.load(Acquire)).map(|bit| word * BITS + bit).find(|number| test(*number))
            })
        })
    }
}

#[inline]
fn take_lowest<M: Memory>(below: &M::Word64) -> Option<u32> {
    let mut seen = below.load(Acquire); // PAIR: bit-below
    while seen != 0 {
        let bit = seen & seen.wrapping_neg();
        seen = below.fetch_and(!bit, AcqRel);
        if seen & bit != 0 {
            return Some(bit.trailing_zeros());
        }
    }
    None
}

/// The places of the ones in a word, lowest first.
fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let place = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(place)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::shm::words::Mapped;

    #[test]
    fn smoke() {
        let count = 3 * 4096 + 70;
        let words = |count: u32| (0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        let (below, above) = (words(words_below(count)), words(words_above(count)));
        let bits = Bits::<Mapped> { below: &below, above: &above };
        let numbers = [0, 63, 64, 4095, 4096, 9000, count - 1];
        for number in numbers.into_iter().rev() {
            bits.set(number);
            bits.set(number);
        }
        assert_eq!(bits.find(|number| number > 64), Some(4095));
        assert_eq!(std::iter::from_fn(|| bits.take()).collect::<Vec<_>>(), numbers);
        assert_eq!((bits.take(), bits.find(|_| true)), (None, None));
        numbers.into_iter().for_each(|number| bits.set(number));
        let mut drained = Vec::new();
        bits.drain(|number| drained.push(number));
        assert_eq!(drained, numbers);
        assert!(below.iter().chain(&above).all(|word| word.load(Acquire) == 0) && !bits.may_have_any());
        bits.fill(count);
        assert!(bits.may_have_any() && std::iter::from_fn(|| bits.take()).eq(0..count));
    }
}
