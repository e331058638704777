//! Death at every step, and recovery while others live on.

use std::cell::Cell;
use std::rc::Rc;

use loom::thread::{JoinHandle, spawn};

use super::memory::{check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested, sorted};
use crate::shm::slots::{self, Claim, Settled};

/// One who runs `life` as participant A and may die in it. True: it died.
fn victim(ring: &Rc<Tested>, steps: u32, life: impl FnOnce(&Tested) + 'static) -> JoinHandle<bool> {
    let ring = ring.clone();
    spawn(move || mortal(steps, || life(&ring)).is_none())
}

/// A live consumer that takes what it finds in two looks.
fn witness(ring: &Rc<Tested>) -> JoinHandle<Vec<Item>> {
    let ring = ring.clone();
    spawn(move || (0..2).filter_map(|_| ring.try_recv(B).ok()).collect())
}

#[test]
fn recovery_of_writing() {
    check_deaths(2, |steps| {
        let ring = Tested::new(2);
        let is_sent = Rc::new(Cell::new(false));
        let victim = {
            let is_sent = is_sent.clone();
            victim(&ring, steps, move |ring| {
                ring.try_send(A, 1).unwrap();
                is_sent.set(true);
            })
        };
        let witness = witness(&ring);
        ring.try_send(C, 2).unwrap();
        let has_died = victim.join().unwrap();
        if has_died {
            ring.recover(A);
        }
        let received = sorted(witness.join().unwrap().into_iter().chain(ring.drain()));
        assert!(received == [1, 2] || received == [2] && !is_sent.get(), "{received:?}");
        ring.assert_whole();
        has_died
    });
}

#[test]
fn recovery_of_claimed() {
    check_deaths(2, |steps| {
        let ring = Tested::with(2, &[1, 2]);
        let done = Rc::new(Cell::new(None));
        let victim = {
            let done = done.clone();
            victim(&ring, steps, move |ring| done.set(ring.try_recv(A).ok()))
        };
        let witness = witness(&ring);
        let has_died = victim.join().unwrap();
        if has_died {
            ring.recover(A);
        }
        let received = done.take().into_iter().chain(witness.join().unwrap()).chain(ring.drain());
        assert_eq!(sorted(received), [1, 2]);
        ring.assert_whole();
        has_died
    });
}

/// Dead between marking the return and counting it: nobody would look for it.
#[test]
fn recovery_of_a_return_half_made() {
    check_deaths(2, |steps| {
        let ring = Tested::with(2, &[1, 2]);
        let victim = victim(&ring, steps, |ring| {
            if let Ok(claim) = slots::claim_read(ring, A) {
                slots::give_back(ring, claim.position, true);
            }
        });
        let witness = witness(&ring);
        let has_died = victim.join().unwrap();
        if has_died {
            ring.recover(A);
        }
        assert_eq!(sorted(witness.join().unwrap().into_iter().chain(ring.drain())), [1, 2]);
        ring.assert_whole();
        has_died
    });
}

/// The recovery is the one that dies, and is done again.
#[test]
fn recovery_interrupted_and_repeated() {
    check_deaths(2, |steps| {
        let ring = Tested::with(3, &[1]);
        slots::claim_read(&*ring, A).unwrap();
        slots::claim_write(&*ring, A).unwrap();
        ring.try_send(C, 2).unwrap();
        let witness = witness(&ring);
        let was_interrupted = mortal(steps, || ring.recover(A)).is_none();
        if was_interrupted {
            ring.recover(A);
        }
        let again = ring.recover(A);
        assert_eq!((again.writing, again.claimed), (0, 0));
        assert_eq!(sorted(witness.join().unwrap().into_iter().chain(ring.drain())), [1, 2]);
        ring.assert_whole();
        was_interrupted
    });
}

/// A message that is not to be handed out again is freed, and only that one.
#[test]
fn recovery_settles_what_was_claimed() {
    check_deaths(2, |steps| {
        let ring = Tested::with(2, &[1, 2]);
        let held: Rc<Cell<Option<Claim>>> = Rc::default();
        let victim = {
            let held = held.clone();
            victim(&ring, steps, move |ring| held.set(slots::claim_read(ring, A).ok()))
        };
        let witness = witness(&ring);
        let has_died = victim.join().unwrap();
        let mut settled = Vec::new();
        slots::recover(&*ring, A, |claim| {
            settled.push(ring.read(claim.position));
            Settled::Released
        });
        assert!(has_died || settled.len() == usize::from(held.take().is_some()));
        assert_eq!(sorted(settled.into_iter().chain(witness.join().unwrap()).chain(ring.drain())), [1, 2]);
        ring.assert_whole();
        has_died
    });
}

/// All slots are those of dead writers, and a producer sleeps because it found no room.
#[test]
fn dead_writers_leave_room() {
    check_deaths(2, |steps| {
        let ring = Tested::new(1);
        let victim = victim(&ring, steps, |ring| {
            let Ok(at) = slots::claim_write(ring, A) else { return };
            slots::release(ring, at);
            ring.items().notify();
            ring.room().notify();
        });
        let producer = {
            let ring = ring.clone();
            spawn(move || ring.send(B, 1))
        };
        let has_died = victim.join().unwrap();
        if has_died {
            ring.recover(A);
        }
        producer.join().unwrap();
        assert_eq!(ring.recv(C), Some(1));
        ring.assert_whole();
        has_died
    });
}
