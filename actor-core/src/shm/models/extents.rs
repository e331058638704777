//! Extents between senders, receivers and recovery: nobody is ever in one together with another.

use std::rc::Rc;

use loom::cell::Cell;
use loom::thread::spawn;

use super::memory::{Word64, check, check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested, sorted};
use crate::id::Participant;
use crate::shm::extent;
use crate::shm::slots::{self, Ring, SlotWord, State};
use crate::shm::words::Word;
use std::sync::atomic::Ordering::Acquire;

/// A ring of two slots whose messages lie in one extent; a slot's payload is `EXTENT` then.
struct Large {
    ring: Rc<Tested>,
    word: Word64,
    bytes: Cell<Item>,
}

const EXTENT: Item = 99;

impl Large {
    fn new() -> Rc<Large> {
        Rc::new(Large { ring: Tested::new(2), word: Word64::new(0), bytes: Cell::new(0) })
    }

    fn claim(&self, me: Participant) -> bool {
        let claimed = extent::claim(1, |_| &self.word, 0, me, || true);
        if let Some((_, true)) = claimed {
            extent::warm(&self.word, me);
        }
        claimed.is_some()
    }

    /// Sends `item` through the extent, if that is free.
    fn send(&self, me: Participant, item: Item) -> bool {
        if !self.claim(me) {
            return false;
        }
        self.bytes.set(item);
        let at = slots::claim_write(&*self.ring, me).unwrap();
        self.ring.write(at, EXTENT);
        slots::publish(&*self.ring, at);
        true
    }

    /// Receives what lies in the extent, or discards it unread.
    fn recv(&self, me: Participant, is_read: bool) -> Option<Item> {
        let claim = slots::claim_read(&*self.ring, me).ok()?;
        assert_eq!(self.ring.read(claim.position), EXTENT);
        extent::take_over(&self.word, me);
        let item = if is_read { self.bytes.get() } else { 0 };
        slots::release(&*self.ring, claim.position);
        extent::free(&self.word);
        Some(item)
    }

    /// As a window looks for references.
    fn is_referred_to(&self) -> bool {
        (0..self.ring.capacity()).any(|index| {
            let word = SlotWord(self.ring.word(index).load(Acquire));
            matches!(word.state(), State::Ready | State::Claimed | State::Returned)
        })
    }

    fn recover(&self, dead: Participant) {
        self.ring.recover(dead);
        if extent::inherit(&self.word, dead, Participant::NODE) {
            extent::free_cold(&self.word);
        } else {
            extent::recover(&self.word, dead, || self.is_referred_to());
        }
    }

    /// Asserts that the extent can be used again.
    fn assert_whole(&self) {
        assert!(self.send(Participant::NODE, 7));
        assert_eq!(self.recv(Participant::NODE, true), Some(7));
        self.ring.assert_whole();
    }
}

#[test]
fn nobody_is_in_the_extent_of_another() {
    check(3, || {
        let large = Large::new();
        let sender = {
            let large = large.clone();
            spawn(move || large.send(A, 1))
        };
        let received = large.recv(B, true);
        let is_sent = large.send(B, 2);
        let is_sent_there = sender.join().unwrap();
        let rest: Vec<Item> = std::iter::from_fn(|| large.recv(C, true)).collect();
        assert!(is_sent || is_sent_there);
        let sent = [(is_sent_there, 1), (is_sent, 2)];
        let sent = sent.into_iter().filter_map(|(is_sent, item)| is_sent.then_some(item));
        assert_eq!(sorted(received.into_iter().chain(rest)), sorted(sent));
        large.assert_whole();
    });
}

/// A sender that has filled its extent and finds no slot gives it up.
#[test]
fn an_extent_given_up_can_be_claimed() {
    check(3, || {
        let large = Large::new();
        let sender = {
            let large = large.clone();
            spawn(move || {
                if large.claim(A) {
                    large.bytes.set(1);
                    extent::free(&large.word);
                }
            })
        };
        let is_sent = large.send(B, 2);
        sender.join().unwrap();
        assert_eq!(large.recv(C, true), is_sent.then_some(2));
        large.assert_whole();
    });
}

/// The sender dies at every step or ends, a receiver takes over while recovery looks, a third one
/// claims.
fn dead_sender(steps: u32, is_read: bool) -> bool {
    let large = Large::new();
    let has_died = mortal(steps, || large.send(A, 1)).is_none();
    let receiver = {
        let large = large.clone();
        spawn(move || large.recv(B, is_read))
    };
    let next = {
        let large = large.clone();
        spawn(move || large.send(C, 2))
    };
    large.recover(A);
    receiver.join().unwrap();
    next.join().unwrap();
    assert!(!large.is_referred_to() || !large.claim(Participant::NODE), "free, and a message refers to it");
    while large.recv(Participant::NODE, true).is_some() {}
    large.assert_whole();
    has_died
}

#[test]
fn recovery_of_a_dead_sender_while_its_message_is_received() {
    // Three: the receiver ends and another claims while recovery is between its look and its change.
    check_deaths(3, |steps| dead_sender(steps, true));
}

#[test]
fn recovery_of_a_dead_sender_while_its_message_is_discarded() {
    check_deaths(3, |steps| dead_sender(steps, false));
}

/// The receiver dies at every step; what it had not released comes again, with its extent.
#[test]
fn recovery_of_a_dead_receiver() {
    check_deaths(2, |steps| {
        let large = Large::new();
        assert!(large.send(C, 1));
        let victim = {
            let large = large.clone();
            spawn(move || mortal(steps, || large.recv(A, true)))
        };
        let next = {
            let large = large.clone();
            spawn(move || large.recv(B, true))
        };
        let end = victim.join().unwrap();
        if end.is_none() {
            large.recover(A);
        }
        let received = [end.flatten(), next.join().unwrap(), large.recv(C, true)].into_iter().flatten().count();
        assert!(received == 1 || received == 0 && end.is_none(), "{received} times");
        large.assert_whole();
        end.is_none()
    });
}
