//! Many producers, many consumers, nobody dies.

use std::rc::Rc;

use loom::thread::spawn;

use super::memory::check;
use super::ring::{A, B, C, Item, Tested, sorted};
use crate::id::Participant;
use crate::shm::slots::{self, Refused};

fn send_one(ring: &Rc<Tested>, me: Participant, item: Item) -> loom::thread::JoinHandle<()> {
    let ring = ring.clone();
    spawn(move || ring.try_send(me, item).unwrap())
}

fn try_recv_one(ring: &Rc<Tested>, me: Participant) -> loom::thread::JoinHandle<Result<Item, Refused>> {
    let ring = ring.clone();
    spawn(move || ring.try_recv(me))
}

#[test]
fn no_lost_item() {
    check(3, || {
        let ring = Tested::new(2);
        let (a, b) = (send_one(&ring, A, 1), send_one(&ring, B, 2));
        let early = ring.try_recv(C).ok();
        a.join().unwrap();
        b.join().unwrap();
        assert_eq!(sorted(early.into_iter().chain(ring.drain())), [1, 2]);
        ring.assert_whole();
    });
}

#[test]
fn no_doubled_item() {
    check(3, || {
        let ring = Tested::with(2, &[1, 2]);
        let a = try_recv_one(&ring, A);
        let b = try_recv_one(&ring, B);
        let received = [a.join().unwrap(), b.join().unwrap()];
        assert_eq!(sorted(received.into_iter().map(Result::unwrap)), [1, 2]);
        assert_eq!(ring.try_recv(C), Err(Refused::NotNow));
        ring.assert_whole();
    });
}

#[test]
fn no_item_lost_or_doubled_around_a_lap() {
    check(2, || {
        let ring = Tested::with(1, &[1]);
        let consumer = {
            let ring = ring.clone();
            spawn(move || [ring.try_recv(A), ring.try_recv(A)])
        };
        let producer = {
            let ring = ring.clone();
            spawn(move || ring.try_send(B, 2).is_ok())
        };
        let here = ring.try_recv(C);
        let is_sent = producer.join().unwrap();
        let there = consumer.join().unwrap();
        let received = there.into_iter().chain([here]).flatten().chain(ring.drain());
        assert_eq!(sorted(received), if is_sent { vec![1, 2] } else { vec![1] });
        ring.assert_whole();
    });
}

#[test]
fn order_per_producer() {
    check(2, || {
        let ring = Tested::new(3);
        let a = {
            let ring = ring.clone();
            spawn(move || {
                ring.try_send(A, 1).unwrap();
                ring.try_send(A, 2).unwrap();
            })
        };
        let b = send_one(&ring, B, 10);
        let mut received: Vec<Item> = (0..2).filter_map(|_| ring.try_recv(C).ok()).collect();
        a.join().unwrap();
        b.join().unwrap();
        received.extend(ring.drain());
        assert_eq!(sorted(received.clone()), [1, 2, 10]);
        received.retain(|&item| item != 10);
        assert_eq!(received, [1, 2]);
    });
}

/// The slow thread stores its hint a lap after it has claimed.
#[test]
fn stale_hints_lose_and_double_nothing() {
    check(3, || {
        let ring = Tested::with(1, &[1]);
        let slow = {
            let ring = ring.clone();
            spawn(move || {
                let received = ring.try_recv(A).ok();
                let is_sent = ring.try_send(A, 2).is_ok();
                (received, is_sent)
            })
        };
        let mut received: Vec<Item> = ring.try_recv(B).ok().into_iter().collect();
        let is_sent = ring.try_send(B, 3).is_ok();
        received.extend(ring.try_recv(B).ok());
        let (there, is_sent_there) = slow.join().unwrap();
        received.extend(there);
        received.extend(ring.drain());
        let sent = [(true, 1), (is_sent_there, 2), (is_sent, 3)];
        assert_eq!(sorted(received), sorted(sent.into_iter().filter_map(|(is_sent, item)| is_sent.then_some(item))));
        ring.assert_whole();
    });
}

#[test]
fn return_list_before_new_items() {
    check(2, || {
        let ring = Tested::with(3, &[1, 2]);
        let returner = {
            let ring = ring.clone();
            spawn(move || {
                let claim = slots::claim_read(&*ring, A).unwrap();
                let item = ring.read(claim.position);
                slots::give_back(&*ring, claim.position, true);
                item
            })
        };
        let other = try_recv_one(&ring, B);
        let returned = returner.join().unwrap();
        // From here on whoever looks finds the return first, unless the other consumer has it.
        let claim = slots::claim_read(&*ring, C).unwrap();
        let (count, first) = (claim.count, ring.finish(claim));
        let other = other.join().unwrap().unwrap();
        assert_eq!(sorted([first, other]), [1, 2]);
        if other != returned {
            assert_eq!((count, first), (1, returned));
        }
        ring.assert_whole();
    });
}

/// One who looks in vain says up to where he has looked; a return meanwhile is beyond that.
#[test]
fn a_return_during_a_look_is_found() {
    check(3, || {
        let ring = Tested::with(2, &[1]);
        let held = slots::claim_read(&*ring, A).unwrap();
        slots::note_return(&*ring);
        let returner = {
            let ring = ring.clone();
            spawn(move || slots::give_back(&*ring, held.position, true))
        };
        let early = ring.try_recv(B).ok();
        returner.join().unwrap();
        assert_eq!(early.or_else(|| ring.try_recv(B).ok()), Some(1));
        ring.assert_whole();
    });
}

#[test]
fn seal_races_with_claim_write() {
    check(3, || {
        let ring = Tested::with(1, &[1]);
        let producers = [A, B].map(|me| {
            let ring = ring.clone();
            spawn(move || ring.try_send(me, u32::from(me.0)))
        });
        let mut received = vec![ring.try_recv(C).unwrap()];
        let is_sealed = slots::seal(&*ring);
        let ends = producers.map(|producer| producer.join().unwrap());
        received.extend(ring.drain());
        let accepted = ends.iter().filter(|end| end.is_ok()).count();
        assert_eq!(received.len(), 1 + accepted, "an accepted message is never behind the seal");
        if is_sealed {
            assert_eq!(accepted, 0, "sealed means that nothing was there or under way");
            assert_eq!(ring.try_send(A, 1), Err(Refused::Sealed));
            slots::unseal(&*ring);
        }
        ring.assert_whole();
    });
}
