//! Random choices that a seed repeats: which worker is killed next.
//!
//! SplitMix64, eight lines, of which nothing more is asked than to hit every worker.

use std::hash::{BuildHasher, Hasher, RandomState};

pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// If there is none, because `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "no number is below 0");
        (self.next() % end as u64) as usize
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A seed that differs from run to run; the standard library has one for its hash tables.
pub(crate) fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut chance = Chance::new(0);
        // The first value that the published algorithm gives for this seed.
        assert_eq!(chance.next(), 0xe220_a839_7b1d_cdaf);
        let mut hits = [0; 3];
        for _ in 0..3000 {
            hits[chance.below(3)] += 1;
        }
        assert!(hits.iter().all(|n| (800..1200).contains(n)), "{hits:?}");
    }

    #[test]
    fn a_seed_repeats_the_choices() {
        let choices = |seed| {
            let mut chance = Chance::new(seed);
            (0..20).map(|_| chance.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
    }
}
