//! Many producers, one consumer that keeps the head on what it has in hand.

use std::cell::RefCell;
use std::rc::Rc;

use loom::thread::spawn;

use super::memory::{check, check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested};
use crate::id::Participant;
use crate::shm::event::Waited;
use crate::shm::slots::{self, Refused, Settled};
use crate::time::Deadline;

fn handle_one(ring: &Tested, me: Participant) -> Result<(u8, Item), Refused> {
    handle_and_note(ring, me, |_| {})
}

/// Takes, handles and acknowledges one message, and notes it at once.
fn handle_and_note(ring: &Tested, me: Participant, note: impl FnOnce(Item)) -> Result<(u8, Item), Refused> {
    let claim = slots::take_next(ring, me)?;
    let item = ring.read(claim.position);
    slots::release(ring, claim.position);
    note(item);
    slots::pass(ring, claim.position);
    ring.room().notify();
    Ok((claim.count, item))
}

#[test]
fn order_and_completeness_from_two_producers() {
    check(2, || {
        let ring = Tested::new(2);
        let producers = [A, B].map(|me| {
            let ring = ring.clone();
            spawn(move || ring.send(me, u32::from(me.0)))
        });
        let early = [handle_one(&ring, C), handle_one(&ring, C)];
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        let late = std::iter::from_fn(|| handle_one(&ring, C).ok());
        let mut items: Vec<Item> = early.into_iter().flatten().chain(late).map(|(_, item)| item).collect();
        items.sort_unstable();
        assert_eq!(items, [11, 12]);
        ring.assert_whole();
    });
}

/// The life after a death gets first what the dead had in hand, then the rest, in order.
#[test]
fn the_message_in_hand_comes_first_again() {
    check_deaths(2, |steps| {
        let ring = Tested::with(2, &[1, 2]);
        let done = Rc::new(RefCell::new(Vec::new()));
        let first_life = {
            let (ring, done) = (ring.clone(), done.clone());
            spawn(move || {
                let note = |item| done.borrow_mut().push(item);
                mortal(steps, || while handle_and_note(&ring, A, note).is_ok() {}).is_none()
            })
        };
        let producer = {
            let ring = ring.clone();
            spawn(move || ring.try_send(B, 3).is_ok())
        };
        let has_died = first_life.join().unwrap();
        ring.recover(A);
        let is_sent = producer.join().unwrap();
        let mut handled = done.take();
        while let Ok((count, item)) = handle_one(&ring, C) {
            assert!(count == 0 || has_died && item == handled.last().map_or(1, |last| last + 1), "{item} had {count}");
            handled.push(item);
        }
        assert_eq!(handled, if is_sent { vec![1, 2, 3] } else { vec![1, 2] });
        ring.assert_whole();
        has_died
    });
}

/// What the dead had in hand is answered for and freed in its place.
#[test]
fn a_settled_message_does_not_come_again() {
    check_deaths(2, |steps| {
        let ring = Tested::with(2, &[1, 2]);
        let done = Rc::new(RefCell::new(Vec::new()));
        let first_life = {
            let (ring, done) = (ring.clone(), done.clone());
            spawn(move || {
                let note = |item| done.borrow_mut().push(item);
                mortal(steps, || handle_and_note(&ring, A, note).unwrap()).is_none()
            })
        };
        let has_died = first_life.join().unwrap();
        slots::recover(&*ring, A, |claim| {
            done.borrow_mut().push(ring.read(claim.position));
            Settled::Released
        });
        done.borrow_mut().extend(std::iter::from_fn(|| handle_one(&ring, C).ok()).map(|(_, item)| item));
        assert_eq!(done.take(), [1, 2]);
        ring.assert_whole();
        has_died
    });
}

/// A mailbox that stops after all messages: what was accepted is handled, the rest is refused.
#[test]
fn an_accepted_message_is_never_behind_the_seal() {
    check(2, || {
        let ring = Tested::with(2, &[1]);
        let producers = [A, B].map(|me| {
            let ring = ring.clone();
            spawn(move || ring.try_send(me, u32::from(me.0)))
        });
        let mut handled = 0;
        let end = || match handle_one(&ring, C) {
            Ok(_) => {
                handled += 1;
                None
            }
            Err(Refused::Sealed) => Some(()),
            Err(Refused::NotNow) => slots::seal(&*ring).then_some(()),
        };
        assert_ne!(ring.items().wait(Deadline::Never, again(end)), Waited::TimedOut);
        let ends = producers.map(|producer| producer.join().unwrap());
        assert_eq!(handled, 1 + ends.iter().filter(|end| end.is_ok()).count());
        assert_eq!(handle_one(&ring, C), Err(Refused::Sealed));
    });
}

/// Repeats `test` while it makes progress: the ring has at most three messages here.
fn again(mut test: impl FnMut() -> Option<()>) -> impl FnMut() -> Option<()> {
    move || (0..4).find_map(|_| test())
}
