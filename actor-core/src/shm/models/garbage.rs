//! A broken peer writes anything anywhere: whatever lies there, every function comes to an end.
//!
//! It may lie to us about messages; it may not stop us, nor make us index past the end.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::ring::{A, B};
use super::sequence::{PlainRing, Random};
use crate::shm::extent;
use crate::shm::slots::{self, Position, Settled};

/// Words that look like words, near ones in state, lap or index, and such that do not.
fn garbage(random: &mut Random, old: u64) -> u64 {
    match random.below(6) {
        0 => random.next() << 16 ^ random.next(),
        1 => old ^ 1 << random.below(64),
        2 => old.wrapping_add(1 << 24),
        3 => old.wrapping_sub(1 << 24),
        4 => old & !0b111 | random.below(8),
        _ => random.below(2).wrapping_sub(1),
    }
}

#[test]
fn every_function_ends_on_any_words() {
    let mut random = Random(3);
    for round in 0..20_000 {
        let ring = PlainRing::new(1 + round % 5, (1 << 40) - 2);
        for word in ring.words.iter().chain(&ring.others) {
            for _ in 0..random.below(4) {
                word.store(garbage(&mut random, word.load(Relaxed)), Relaxed);
            }
        }
        let in_ring = |at: Position| assert!(at.index() < 1 + round % 5);
        for _ in 0..3 {
            slots::claim_write(&ring, A).into_iter().for_each(in_ring);
            slots::claim_read(&ring, B).into_iter().for_each(|claim| in_ring(claim.position));
            slots::take_next(&ring, B).into_iter().for_each(|claim| in_ring(claim.position));
            in_ring(slots::exact_tail(&ring));
            slots::is_free(&ring, slots::exact_tail(&ring));
            assert!(slots::len(&ring) <= 2 * u64::from(1 + round % 5));
            slots::seal(&ring);
            slots::recover(&ring, A, |_| Settled::Returned);
            slots::recover(&ring, B, |_| Settled::Released);
            slots::unseal(&ring);
            slots::is_idle(&ring);
        }
    }
}

#[test]
fn every_extent_function_ends_on_any_words() {
    let mut random = Random(5);
    for _ in 0..20_000 {
        let words: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(garbage(&mut random, 0))).collect();
        let claimed = extent::claim(3, |index| &words[index as usize], random.next() as u32, A, || true);
        assert!(claimed.is_none_or(|(index, _)| index < 3));
        for word in &words {
            extent::inherit(word, A, B);
            extent::recover(word, A, || false);
            extent::take_over(word, B);
            extent::free(word);
            assert!(extent::claim_warm(word, A));
            extent::free_cold(word);
            assert!(extent::seal(word));
        }
    }
}
