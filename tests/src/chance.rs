//! [`Chance`]: random numbers that are the same for the same seed, so that a failure comes again.

use std::env;
use std::thread;
use std::time::{Duration, SystemTime};

/// How many times more rounds than usual tests with random deaths make: `TEST_EFFORT`, 1 without it.
pub fn effort() -> u32 {
    number("TEST_EFFORT").and_then(|times| u32::try_from(times).ok()).unwrap_or(1).max(1)
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// A generator after S. Vigna's splitmix64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// The sequence of `TEST_SEED`, or of a seed that was never used before, which is said.
    pub fn announced() -> Chance {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        let seed = number("TEST_SEED").unwrap_or_else(|| u64::from(now()) << 16 ^ u64::from(std::process::id()));
        println!("TEST_SEED={seed}");
        Chance::new(seed)
    }

    /// Lets a random time pass, of at most `max`, so that what comes next comes at any moment.
    pub fn pause(&mut self, max: Duration) {
        thread::park_timeout(Duration::from_nanos(self.below(max.as_nanos() as u64 + 1)));
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.any()) * u128::from(end)) >> 64) as u64
    }

    /// True once in `times` on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Puts them into any order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at as u64 + 1) as usize);
        }
    }

    /// One of them.
    ///
    /// # Panics
    /// There are none.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }
}

/// A number that looks random and depends on `value` alone.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let sequence = |seed| {
            let mut chance = Chance::new(seed);
            std::iter::repeat_with(move || chance.below(10)).take(1000).collect::<Vec<_>>()
        };
        assert_eq!(sequence(1), sequence(1));
        assert_ne!(sequence(1), sequence(2));
        assert!((0..10).all(|n| sequence(1).contains(&n)) && sequence(1).iter().all(|n| *n < 10));
    }
}
