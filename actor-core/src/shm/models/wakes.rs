//! Sleeping and waking: a lost wake leaves all threads of a model asleep, which the checker reports.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::AcqRel;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested, sorted};
use crate::id::Participant;
use crate::shm::event::Event;
use crate::shm::extent;
use crate::shm::slots;
use crate::shm::words::{Memory, Word};
use crate::time::Deadline;

fn recv_one(ring: &Rc<Tested>, me: Participant) -> JoinHandle<Option<Item>> {
    let ring = ring.clone();
    spawn(move || ring.recv(me))
}

#[test]
fn empty_wakeup_not_lost() {
    check(3, || {
        let ring = Tested::new(1);
        let consumer = recv_one(&ring, A);
        ring.try_send(B, 1).unwrap();
        assert_eq!(consumer.join().unwrap(), Some(1));
    });
}

#[test]
fn full_wakeup_not_lost() {
    check(3, || {
        let ring = Tested::with(1, &[1]);
        let producer = {
            let ring = ring.clone();
            spawn(move || ring.send(A, 2))
        };
        assert_eq!(ring.try_recv(B), Ok(1));
        producer.join().unwrap();
        assert_eq!(ring.drain(), [2]);
    });
}

#[test]
fn full_wakeup_not_lost_to_either_of_two() {
    check(2, || {
        let ring = Tested::with(2, &[1, 2]);
        let producers = [A, B].map(|me| {
            let ring = ring.clone();
            spawn(move || ring.send(me, u32::from(me.0)))
        });
        assert_eq!(ring.try_recv(C), Ok(1));
        assert_eq!(ring.try_recv(C), Ok(2));
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        assert_eq!(sorted(ring.drain()), [11, 12]);
    });
}

#[test]
fn chained_wake_with_two_consumers() {
    check(2, || {
        let ring = Tested::new(2);
        let consumers = [A, B].map(|me| recv_one(&ring, me));
        ring.try_send(C, 1).unwrap();
        ring.try_send(C, 2).unwrap();
        assert_eq!(sorted(consumers.map(|consumer| consumer.join().unwrap().unwrap())), [1, 2]);
    });
}

/// The second of two messages is published first, so that one wake stands for both.
#[test]
fn chained_wake_after_messages_that_appear_together() {
    check(2, || {
        let ring = Tested::new(2);
        let consumers = [A, B].map(|me| recv_one(&ring, me));
        let [first, second] = [1, 2].map(|item| {
            let at = slots::claim_write(&*ring, C).unwrap();
            ring.write(at, item);
            at
        });
        slots::publish(&*ring, second);
        ring.items().notify();
        slots::publish(&*ring, first);
        ring.items().notify();
        assert_eq!(sorted(consumers.map(|consumer| consumer.join().unwrap().unwrap())), [1, 2]);
    });
}

/// One consumer's time is up just when a message comes. If the wake has chosen him, he takes what it
/// was for; else it has chosen the other.
#[test]
fn wakeup_not_lost_to_one_whose_time_is_up() {
    check(2, || {
        let ring = Tested::new(1);
        let consumer = recv_one(&ring, A);
        let late = {
            let ring = ring.clone();
            spawn(move || ring.recv_in_time(B))
        };
        let clock = {
            let ring = ring.clone();
            spawn(move || ring.items.expire())
        };
        ring.try_send(C, 1).unwrap();
        clock.join().unwrap();
        if late.join().unwrap().is_some() {
            ring.try_send(C, 1).unwrap();
        }
        assert_eq!(consumer.join().unwrap(), Some(1));
    });
}

/// Two messages that one wake stands for, and the one that it has chosen has no time for both.
#[test]
fn chained_wake_through_one_whose_time_is_up() {
    check(2, || {
        let ring = Tested::new(2);
        let consumer = recv_one(&ring, A);
        let late = {
            let ring = ring.clone();
            spawn(move || ring.recv_in_time(B))
        };
        ring.try_send(C, 1).unwrap();
        ring.try_send(C, 2).unwrap();
        ring.items.expire();
        let received = consumer.join().unwrap().into_iter().chain(late.join().unwrap());
        assert_eq!(sorted(received.chain(ring.drain())), [1, 2]);
    });
}

#[test]
fn close_wakes_all() {
    check(2, || {
        let ring = Tested::new(1);
        let consumers = [A, B].map(|me| recv_one(&ring, me));
        assert!(slots::seal(&*ring));
        ring.items().notify_all();
        assert_eq!(consumers.map(|consumer| consumer.join().unwrap()), [None, None]);
    });
}

/// A producer that dies between its message and the wake, or within the wake.
#[test]
fn killed_notifier_and_notify_all() {
    check_deaths(2, |steps| {
        let ring = Tested::new(2);
        let is_published = Rc::new(Cell::new(false));
        let victim = {
            let (ring, is_published) = (ring.clone(), is_published.clone());
            spawn(move || {
                mortal(steps, || {
                    let at = slots::claim_write(&*ring, A).unwrap();
                    ring.write(at, 1);
                    slots::publish(&*ring, at);
                    is_published.set(true);
                    ring.items().notify();
                })
            })
        };
        let consumer = recv_one(&ring, B);
        let has_died = victim.join().unwrap().is_none();
        if has_died {
            ring.recover(A);
        }
        if !is_published.get() {
            ring.try_send(C, 1).unwrap();
        }
        assert_eq!(consumer.join().unwrap(), Some(1));
        has_died
    });
}

/// A consumer that dies after it was chosen, or with the message in its hands.
#[test]
fn killed_sleeper_and_notify_all() {
    // One preemption: two sleepers give a bound of 2 some hundred thousand interleavings.
    check_deaths(1, |steps| {
        let ring = Tested::new(2);
        let victim = {
            let ring = ring.clone();
            spawn(move || {
                let lived = mortal(steps, || ring.recv(A).unwrap());
                match lived {
                    None => _ = ring.recover(A),
                    Some(item) => ring.try_send(A, item).unwrap(),
                }
                lived.is_none()
            })
        };
        let consumer = recv_one(&ring, B);
        ring.try_send(C, 1).unwrap();
        assert_eq!(consumer.join().unwrap(), Some(1));
        // The victim may not have been reached by its death.
        ring.try_send(C, 2).unwrap();
        victim.join().unwrap()
    });
}

/// A sleeper that was chosen and is stopped before it can say that there may be others.
#[test]
fn stopped_sleeper_hides_nobody() {
    check(2, || {
        let ring = Tested::new(2);
        let stopped = {
            let ring = ring.clone();
            spawn(move || {
                let seen = ring.items.fetch_or(1, AcqRel) | 1;
                Checked::fence();
                if slots::len(&*ring) == 0 {
                    Checked::sleep(&ring.items, seen, Deadline::Never);
                }
            })
        };
        let consumer = recv_one(&ring, B);
        ring.try_send(C, 1).unwrap();
        ring.try_send(C, 2).unwrap();
        assert_eq!(consumer.join().unwrap(), Some(1));
        stopped.join().unwrap();
    });
}

/// Who waits for an extent is woken by its release: there the fence is the notifier's.
#[test]
fn extent_wakeup_not_lost() {
    check(3, || {
        let word = Rc::new((Word64::new(0), Futex::new(0), Word64::new(0)));
        let claim = |word: &(Word64, Futex, Word64), me| extent::claim(1, |_| &word.0, 0, me, || true);
        assert_eq!(claim(&word, A), Some((0, true)));
        extent::warm(&word.0, A);
        let waiter = {
            let word = word.clone();
            spawn(move || {
                let room = Event::<Checked> { word: &word.1, async_groups: &word.2 };
                room.wait(Deadline::Never, || claim(&word, B));
            })
        };
        extent::free(&word.0);
        Event::<Checked> { word: &word.1, async_groups: &word.2 }.notify_each();
        waiter.join().unwrap();
    });
}
