//! Async waiters: a helper thread sleeps on the doorbell of its process in place of the tasks.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Acquire;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, check, check_deaths, doorbell, mortal};
use super::ring::{A, B, C, Item, Tested, sorted};
use crate::id::Participant;
use crate::shm::slots;
use crate::shm::words::{Memory, Word};
use crate::time::Deadline;

/// Receives as a task does: registers, tests, and lets the helper look at the word, once at once
/// and then whenever the doorbell rings.
fn recv_async(ring: &Tested, me: Participant) -> Item {
    if let Ok(item) = ring.try_recv(me) {
        return item;
    }
    loop {
        let seen = ring.items().register_async(0);
        if let Ok(item) = ring.try_recv(me) {
            ring.items().chain();
            return item;
        }
        loop {
            let rung = doorbell().load(Acquire);
            if ring.items.load(Acquire) != seen {
                break;
            }
            Checked::sleep(doorbell(), rung, Deadline::Never);
        }
    }
}

fn task(ring: &Rc<Tested>, me: Participant) -> JoinHandle<Item> {
    let ring = ring.clone();
    spawn(move || recv_async(&ring, me))
}

#[test]
fn async_wakeup_not_lost() {
    check(3, || {
        let ring = Tested::new(1);
        let task = task(&ring, A);
        ring.try_send(B, 1).unwrap();
        assert_eq!(task.join().unwrap(), 1);
    });
}

/// The first notifier is slow to take the bits: they may be those of the waiter for the second.
#[test]
fn async_wakeup_not_lost_to_a_notifier_before() {
    // Three: with two, the notifier is not caught between the word and the bits.
    check(3, || {
        let ring = Tested::new(2);
        let task = task(&ring, A);
        let other = {
            let ring = ring.clone();
            spawn(move || {
                // The flag of somebody who is gone.
                ring.items().register_async(1);
                ring.items().notify();
            })
        };
        ring.try_send(C, 1).unwrap();
        assert_eq!(task.join().unwrap(), 1);
        other.join().unwrap();
    });
}

#[test]
fn sleepers_and_tasks_are_both_woken() {
    check(2, || {
        let ring = Tested::new(2);
        let task = task(&ring, A);
        let sleeper = {
            let ring = ring.clone();
            spawn(move || ring.recv(B).unwrap())
        };
        ring.try_send(C, 1).unwrap();
        ring.try_send(C, 2).unwrap();
        assert_eq!(sorted([task.join().unwrap(), sleeper.join().unwrap()]), [1, 2]);
    });
}

/// A notifier that has taken the bits and dies before it rings: after a death, all bells ring.
#[test]
fn killed_notifier_and_all_doorbells() {
    check_deaths(2, |steps| {
        let ring = Tested::new(2);
        let is_published = Rc::new(Cell::new(false));
        let task = task(&ring, A);
        let victim = {
            let ring = ring.clone();
            let is_published = is_published.clone();
            spawn(move || {
                mortal(steps, || {
                    let at = slots::claim_write(&*ring, B).unwrap();
                    ring.write(at, 1);
                    slots::publish(&*ring, at);
                    is_published.set(true);
                    ring.items().notify();
                })
                .is_none()
            })
        };
        let has_died = victim.join().unwrap();
        if has_died {
            ring.recover(B);
            doorbell().ring();
        }
        if !is_published.get() {
            ring.try_send(C, 1).unwrap();
        }
        assert_eq!(task.join().unwrap(), 1);
        has_died
    });
}
