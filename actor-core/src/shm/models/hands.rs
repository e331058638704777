//! Messages that leave their slots: the move to a hand, death during it, and who looks meanwhile.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Word64, check, check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested, sorted};
use crate::id::Participant;
use crate::shm::hands::{self, Hands, Held};
use crate::shm::slots::{self, Refused};

/// A ring with hands.
struct Handed {
    ring: Rc<Tested>,
    hands: Vec<Hand>,
}

struct Hand {
    word: Word64,
    origin: Word64,
    payload: loom::cell::Cell<Item>,
}

impl Hands for Handed {
    fn hand_count(&self) -> u32 {
        self.hands.len() as u32
    }
    fn hand_word(&self, index: u32) -> &Word64 {
        &self.hands[index as usize].word
    }
    fn hand_origin(&self, index: u32) -> &Word64 {
        &self.hands[index as usize].origin
    }
}

impl Deref for Handed {
    type Target = Tested;

    fn deref(&self) -> &Tested {
        &self.ring
    }
}

impl Handed {
    /// With one hand, and these items in the slots.
    fn with(capacity: u32, items: &[Item]) -> Rc<Handed> {
        let hand = Hand { word: Word64::new(0), origin: Word64::new(0), payload: loom::cell::Cell::new(0) };
        Rc::new(Handed { ring: Tested::with(capacity, items), hands: vec![hand] })
    }

    fn read_held(&self, held: Held) -> Item {
        match held {
            Held::Slot(claim) => self.ring.read(claim.position),
            Held::Hand { index, .. } => self.hands[index as usize].payload.get(),
        }
    }

    /// As a window does it.
    fn move_to_hand(&self, me: Participant, held: Held) -> Held {
        let Held::Slot(claim) = held else { return held };
        let Some(empty) = hands::claim(self, me) else { return held };
        self.hands[empty.index as usize].payload.set(self.ring.read(claim.position));
        let moved = hands::fill(self, me, empty, claim);
        slots::release(self, claim.position);
        moved
    }

    fn done(&self, held: Held) -> Item {
        let item = self.read_held(held);
        match held {
            Held::Slot(claim) => slots::release(self, claim.position),
            Held::Hand { index, .. } => hands::free(self, index),
        }
        item
    }

    fn try_take(&self, me: Participant) -> Result<Item, Refused> {
        hands::take(self, me, &|_| false).map(|held| self.done(held))
    }

    /// Takes what is left, when nobody else is there any more, and asserts that nothing is held then.
    fn rest(&self) -> Vec<Item> {
        let rest = std::iter::from_fn(|| self.try_take(Participant::NODE).ok()).collect();
        assert!(hands::is_idle(self));
        assert_eq!(hands::len(self), 0);
        assert!(hands::claim(self, Participant::NODE).is_some(), "the hand can be used again");
        rest
    }
}

/// A consumer that takes a task, moves it, and then is done with it or gives it back.
fn victim(ring: &Rc<Handed>, steps: u32, is_done: bool, done: &Rc<Cell<Option<Item>>>) -> JoinHandle<bool> {
    let (ring, done) = (ring.clone(), done.clone());
    spawn(move || {
        let life = || {
            let Ok(held) = hands::take(&*ring, A, &|_| false) else { return };
            let held = ring.move_to_hand(A, held);
            match is_done {
                // Nothing is changed between the two: whoever has died in the first has not done it.
                true => done.set(Some(ring.done(held))),
                false => hands::give_back(&*ring, held, true),
            }
        };
        mortal(steps, life).is_none()
    })
}

/// Another consumer, which sends something, too: into the same slot, if it is free.
fn witness(ring: &Rc<Handed>) -> JoinHandle<(bool, Option<Item>)> {
    let ring = ring.clone();
    spawn(move || {
        let is_sent = ring.try_send(B, 2).is_ok();
        (is_sent, ring.try_take(C).ok())
    })
}

fn check_move(is_done: bool) {
    check_deaths(2, move |steps| {
        let ring = Handed::with(1, &[1]);
        let done = Rc::default();
        let victim = victim(&ring, steps, is_done, &done);
        let witness = witness(&ring);
        let has_died = victim.join().unwrap();
        if has_died {
            hands::recover(&*ring, A);
        }
        let (is_sent, taken) = witness.join().unwrap();
        let received = done.take().into_iter().chain(taken).chain(ring.rest());
        assert_eq!(sorted(received), if is_sent { vec![1, 2] } else { vec![1] });
        has_died
    });
}

#[test]
fn a_task_is_moved_and_done_once_whoever_dies() {
    check_move(true);
}

#[test]
fn a_task_is_moved_and_given_back_whoever_dies() {
    check_move(false);
}

/// The recovery of one who died with a message in the slot and in the hand is the one that dies, and
/// is done again, while others take and send.
#[test]
fn recovery_of_a_move_half_made() {
    check_deaths(2, |steps| {
        let ring = Handed::with(1, &[1]);
        let Ok(Held::Slot(claim)) = hands::take(&*ring, A, &|_| false) else { unreachable!("it is in a slot") };
        let empty = hands::claim(&*ring, A).unwrap();
        ring.hands[0].payload.set(1);
        hands::fill(&*ring, A, empty, claim);
        let witness = witness(&ring);
        let was_interrupted = mortal(steps, || hands::recover(&*ring, A)).is_none();
        if was_interrupted {
            hands::recover(&*ring, A);
        }
        let (is_sent, taken) = witness.join().unwrap();
        let received = taken.into_iter().chain(ring.rest());
        assert_eq!(sorted(received), if is_sent { vec![1, 2] } else { vec![1] });
        was_interrupted
    });
}

/// Whoever asks whether nothing is left, while the only task moves, is not told so.
#[test]
fn a_task_that_moves_is_never_overlooked() {
    check(3, || {
        let ring = Handed::with(1, &[1]);
        let held = hands::take(&*ring, A, &|_| false).unwrap();
        let mover = {
            let ring = ring.clone();
            spawn(move || ring.move_to_hand(A, held))
        };
        assert!(!hands::is_idle(&*ring));
        let held = mover.join().unwrap();
        assert_eq!(ring.done(held), 1);
        assert!(ring.rest().is_empty());
    });
}
