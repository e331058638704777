//! Long random sequences of operations against a plain list, with hints from long ago.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use super::ring::{A, B, C};
use crate::id::Participant;
use crate::shm::slots::{self, Claim, Position, Refused, Ring, Settled, SlotWord, State};
use crate::shm::words::Memory;
use crate::time::Deadline;

/// Memory of one thread, where nobody sleeps.
pub(super) struct Plain;

impl Memory for Plain {
    type Word64 = AtomicU64;
    type Word32 = AtomicU32;

    fn fence() {
        fence(std::sync::atomic::Ordering::SeqCst);
    }
    fn sleep(_: &AtomicU32, _: u32, _: Deadline) -> bool {
        unreachable!("one thread never waits")
    }
    fn wake(_: &AtomicU32, _: u32) -> usize {
        0
    }
    fn ring_doorbells(_: u64) {}
}

/// A ring without payloads: a message is the position it lies at.
pub(super) struct PlainRing {
    pub(super) words: Vec<AtomicU64>,
    /// Tail, head, returns made, returns seen.
    pub(super) others: [AtomicU64; 4],
}

impl PlainRing {
    pub(super) fn new(capacity: u32, lap: u64) -> PlainRing {
        let free = SlotWord::new(State::Free, Participant::NOBODY, 0, lap).0;
        let start = Position::new(lap, 0).0;
        PlainRing {
            words: (0..capacity).map(|_| AtomicU64::new(free)).collect(),
            others: [start, start, 0, 0].map(AtomicU64::new),
        }
    }
}

impl Ring for PlainRing {
    type Memory = Plain;

    fn capacity(&self) -> u32 {
        self.words.len() as u32
    }
    fn word(&self, index: u32) -> &AtomicU64 {
        &self.words[index as usize]
    }
    fn tail(&self) -> &AtomicU64 {
        &self.others[0]
    }
    fn head(&self) -> &AtomicU64 {
        &self.others[1]
    }
    fn returns_made(&self) -> &AtomicU64 {
        &self.others[2]
    }
    fn returns_seen(&self) -> &AtomicU64 {
        &self.others[3]
    }
}

/// Small, seeded, the same everywhere (the constants are those of Knuth's MMIX generator).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 16
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Writing(Participant),
    Ready,
    Claimed(Participant),
    Returned,
}

/// What the ring should hold: what lies at which place, counted from the start without laps.
struct Reference {
    capacity: u64,
    lap: u64,
    tail: u64,
    is_sealed: bool,
    places: BTreeMap<u64, (Told, u8)>,
}

impl Reference {
    fn position(&self, place: u64) -> Position {
        Position::new(self.lap.wrapping_add(place / self.capacity), (place % self.capacity) as u32)
    }

    fn claim_write(&mut self, me: Participant) -> Result<u64, Refused> {
        if self.tail >= self.capacity && self.places.contains_key(&(self.tail - self.capacity)) {
            return Err(Refused::NotNow);
        }
        if self.is_sealed {
            return Err(Refused::Sealed);
        }
        self.places.insert(self.tail, (Told::Writing(me), 0));
        self.tail += 1;
        Ok(self.tail - 1)
    }

    fn claim_read(&mut self, me: Participant) -> Result<(u64, u8), Refused> {
        let returned = self.places.iter().find(|(_, told)| told.0 == Told::Returned);
        let fresh = || self.places.iter().find(|(_, told)| matches!(told.0, Told::Ready | Told::Writing(_)));
        match returned.or_else(fresh).map(|(place, told)| (*place, *told)) {
            Some((_, (Told::Writing(_), _))) => Err(Refused::NotNow),
            Some((place, (_, count))) => {
                self.places.insert(place, (Told::Claimed(me), count));
                Ok((place, count))
            }
            // A slot that is held for the lap before hides the seal, if there is one.
            None if self.is_sealed => Err(Refused::Sealed),
            None => Err(Refused::NotNow),
        }
    }

    /// Whether there is nothing new, and a slot to seal.
    fn can_be_sealed(&self) -> bool {
        let is_held = self.tail >= self.capacity && self.places.contains_key(&(self.tail - self.capacity));
        self.is_sealed || !is_held && self.of(|told| matches!(told, Told::Ready | Told::Writing(_))).is_empty()
    }

    fn of(&self, wanted: impl Fn(Told) -> bool) -> Vec<u64> {
        self.places.iter().filter(|(_, told)| wanted(told.0)).map(|(place, _)| *place).collect()
    }
}

/// One random operation, on both.
fn operate(ring: &PlainRing, reference: &mut Reference, random: &mut Random) {
    let me = [A, B, C][random.below(3) as usize];
    let mut pick = |places: Vec<u64>| (!places.is_empty()).then(|| places[random.below(places.len() as u64) as usize]);
    let writing = pick(reference.of(|told| matches!(told, Told::Writing(_))));
    let claimed = pick(reference.of(|told| matches!(told, Told::Claimed(_))));
    match (random.below(16), writing, claimed) {
        (0..5, ..) => {
            let expected = reference.claim_write(me).map(|place| reference.position(place));
            assert_eq!(slots::claim_write(ring, me), expected);
        }
        (5..8, Some(place), _) => {
            slots::publish(ring, reference.position(place));
            reference.places.insert(place, (Told::Ready, 0));
        }
        (8, Some(place), _) => {
            slots::release(ring, reference.position(place));
            reference.places.remove(&place);
        }
        (9..12, ..) => {
            let expected =
                reference.claim_read(me).map(|(place, count)| Claim { position: reference.position(place), count });
            assert_eq!(slots::claim_read(ring, me), expected);
        }
        (12, _, Some(place)) => {
            slots::release(ring, reference.position(place));
            reference.places.remove(&place);
        }
        (13, _, Some(place)) => {
            slots::give_back(ring, reference.position(place), true);
            let count = (reference.places[&place].1 + 1).min(SlotWord::COUNT_MAX);
            reference.places.insert(place, (Told::Returned, count));
        }
        (14, ..) => recover(ring, reference, me),
        (15, ..) if random.below(4) == 0 => {
            let (is_sealed, can_be) = (slots::seal(ring), reference.can_be_sealed());
            // From a late head it may meet what was returned, and leave that to be looked for.
            assert!(is_sealed == can_be || can_be && !reference.of(|told| told == Told::Returned).is_empty());
            reference.is_sealed |= is_sealed;
            if random.below(2) == 0 {
                slots::unseal(ring);
                reference.is_sealed = false;
            }
        }
        _ => {}
    }
}

/// A death: every other message that was claimed comes back.
fn recover(ring: &PlainRing, reference: &mut Reference, dead: Participant) {
    let comes_back = |index: u32| index.is_multiple_of(2);
    slots::recover(
        ring,
        dead,
        |claim| {
            if comes_back(claim.position.index()) { Settled::Returned } else { Settled::Released }
        },
    );
    for place in reference.of(|told| told == Told::Writing(dead)) {
        reference.places.remove(&place);
    }
    for place in reference.of(|told| told == Told::Claimed(dead)) {
        if comes_back((place % reference.capacity) as u32) {
            let count = (reference.places[&place].1 + 1).min(SlotWord::COUNT_MAX);
            reference.places.insert(place, (Told::Returned, count));
        } else {
            reference.places.remove(&place);
        }
    }
}

fn compare(capacity: u32, lap: u64, seed: u64) {
    let ring = PlainRing::new(capacity, lap);
    let mut reference =
        Reference { capacity: capacity.into(), lap, tail: 0, is_sealed: false, places: BTreeMap::new() };
    let mut random = Random(seed);
    let mut hints = [vec![ring.others[0].load(Relaxed)], vec![ring.others[1].load(Relaxed)]];
    for _ in 0..2000 {
        operate(&ring, &mut reference, &mut random);
        for (word, past) in ring.others.iter().zip(&mut hints) {
            past.push(word.load(Relaxed));
            // A thread that was stopped for long stores what it had in mind then.
            if random.below(8) == 0 {
                word.store(past[random.below(past.len() as u64) as usize], Relaxed);
            }
        }
        let waiting = reference.of(|told| matches!(told, Told::Ready | Told::Returned)).len();
        assert_eq!(slots::len(&ring), waiting as u64);
        assert_eq!(slots::is_idle(&ring), reference.places.is_empty());
        assert_eq!(slots::exact_tail(&ring), reference.position(reference.tail));
    }
}

#[test]
fn random_operations_agree_with_a_list() {
    for capacity in 1..=5 {
        for seed in 0..20 {
            compare(capacity, 0, seed);
        }
    }
}

#[test]
fn laps_wrap() {
    for capacity in 1..=5 {
        for lap in [(1 << 40) - 2, (1 << 39) - 2, 1 << 39] {
            compare(capacity, lap, lap ^ u64::from(capacity));
        }
    }
}

/// As a mailbox: one consumer, in order, redelivered first after each death.
#[test]
fn random_deaths_of_the_only_consumer_keep_the_order() {
    for capacity in 1..=5_u32 {
        let ring = PlainRing::new(capacity, (1 << 40) - 2);
        let mut random = Random(u64::from(capacity));
        let (mut sent, mut done) = (Vec::new(), 0);
        for _ in 0..5000 {
            match random.below(8) {
                0..3 => {
                    if let Ok(at) = slots::claim_write(&ring, B) {
                        slots::publish(&ring, at);
                        sent.push(at);
                    }
                }
                3..6 => {
                    let taken = slots::take_next(&ring, A);
                    assert_eq!(taken.ok().map(|claim| claim.position), sent.get(done).copied());
                    let Ok(claim) = taken else { continue };
                    if random.below(4) != 0 {
                        slots::release(&ring, claim.position);
                        done += 1;
                        // Dead before this, and the head is late.
                        if random.below(4) != 0 {
                            slots::pass(&ring, claim.position);
                        }
                    }
                }
                6 => _ = slots::recover(&ring, A, |_| Settled::Returned),
                _ => {
                    let at = slots::claim_write(&ring, C);
                    slots::recover(&ring, C, |_| unreachable!("it claims nothing to read"));
                    assert!(at != Err(Refused::Sealed));
                }
            }
        }
        assert!(done > 500, "only {done} were handled");
    }
}
