//! The order of an ordered queue: every message once, the first one first, whoever dies with it in hand.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested};
use crate::id::Participant;
use crate::shm::bits::Bits;
use crate::shm::event::{Event, Waited};
use crate::shm::hands::{Hands, Held};
use crate::shm::index::Index;
use crate::shm::order::{self, Order, Ordered, Ranks};
use crate::shm::slots;
use crate::shm::words::{Memory, Word};
use crate::time::Deadline;

const SLOTS: usize = 2;

/// An ordered queue with room for two, and no hands.
struct Queue {
    ring: Rc<Tested>,
    order: Word64,
    count: Futex,
    turn: (Futex, Word64),
    heap: [Futex; SLOTS],
    listed: [Word64; 1],
    news: [[Word64; 1]; 2],
    free: [[Word64; 1]; 2],
    ranks: [Word64; SLOTS],
}

impl Deref for Queue {
    type Target = Tested;

    fn deref(&self) -> &Tested {
        &self.ring
    }
}

impl Hands for Queue {
    fn hand_count(&self) -> u32 {
        0
    }
    fn hand_word(&self, _: u32) -> &Word64 {
        unreachable!("there are none")
    }
    fn hand_origin(&self, _: u32) -> &Word64 {
        unreachable!("there are none")
    }
}

impl Ordered for Queue {
    fn order_word(&self) -> &Word64 {
        &self.order
    }
    fn order_count(&self) -> &Futex {
        &self.count
    }
    fn turn_event(&self) -> Event<'_, Checked> {
        Event { word: &self.turn.0, async_groups: &self.turn.1 }
    }
    fn index(&self) -> Index<'_, Checked> {
        let ([news, news_above], [free, free_above]) = (&self.news, &self.free);
        let news = Bits { below: news, above: news_above };
        Index { heap: &self.heap, listed: &self.listed, news, free: Bits { below: free, above: free_above } }
    }
    fn is_discarded(&self) -> bool {
        false
    }
}

/// By what is written beside each message.
struct ByRank<'a>(&'a Queue);

impl Ranks for ByRank<'_> {
    type Key = u64;

    fn key(&self, place: u32) -> u64 {
        self.0.ranks[place as usize].load(Relaxed)
    }
    fn is_before(&self, key: &u64, other: &u64) -> bool {
        key < other
    }
}

impl Queue {
    fn new() -> Rc<Queue> {
        let words = || [[Word64::new(0)], [Word64::new(0)]];
        let queue = Queue {
            ring: Tested::new(SLOTS as u32),
            order: Word64::new(0),
            count: Futex::new(0),
            turn: (Futex::new(0), Word64::new(0)),
            heap: [Futex::new(0), Futex::new(0)],
            listed: [Word64::new(0)],
            news: words(),
            free: words(),
            ranks: [Word64::new(0), Word64::new(0)],
        };
        queue.index().free.fill(SLOTS as u32);
        Rc::new(queue)
    }

    fn with(items: &[Item]) -> Rc<Queue> {
        let queue = Queue::new();
        items.iter().for_each(|item| queue.send(C, *item));
        queue
    }

    /// Sends what is its own rank. There is room.
    fn send(&self, me: Participant, item: Item) {
        let at = order::claim_free(self, me).expect("there is room");
        self.ring.write(at, item);
        self.ranks[at.index() as usize].store(item.into(), Relaxed);
        slots::publish(self, at);
        self.index().news.set(at.index());
        Checked::fence();
        self.ring.items().notify();
    }

    /// Receives what comes first, if there is something by now.
    fn try_recv(&self, me: Participant) -> Option<Item> {
        let held = Order::take(self, me, Deadline::Never)?.claim(&ByRank(self), &|_| false)?;
        let Held::Slot(claim) = held else { unreachable!("there are no hands") };
        let item = self.ring.read(claim.position);
        slots::release(self, claim.position);
        self.index().free.set(claim.position.index());
        Some(item)
    }

    fn recv(&self, me: Participant) -> Item {
        match self.ring.items().wait(Deadline::Never, || self.try_recv(me)) {
            Waited::Ready(item) => item,
            Waited::Slept(item) => {
                self.ring.items().chain();
                item
            }
            Waited::TimedOut => unreachable!("there is no deadline"),
        }
    }

    /// What the node does after a proven death.
    fn recover(&self, dead: Participant) {
        self.ring.recover(dead);
        order::repair(self, dead);
        self.turn_event().notify_all();
        self.ring.items().notify_all();
    }
}

/// One who lives like this, and is repaired if it dies on the way. `None`: it did.
fn victim<T: 'static>(
    queue: &Rc<Queue>,
    steps: u32,
    life: impl FnOnce(&Queue) -> T + 'static,
) -> JoinHandle<Option<T>> {
    let queue = queue.clone();
    spawn(move || {
        let end = mortal(steps, || life(&queue));
        if end.is_none() {
            queue.recover(A);
        }
        end
    })
}

#[test]
fn each_message_comes_once_and_the_first_one_first() {
    check(2, || {
        let queue = Queue::with(&[2]);
        let sender = {
            let queue = queue.clone();
            spawn(move || queue.send(A, 1))
        };
        let early = queue.recv(B);
        sender.join().unwrap();
        assert_eq!((early + queue.recv(B), queue.try_recv(B)), (3, None));
        queue.send(B, 9);
        queue.send(B, 8);
        assert_eq!([queue.recv(C), queue.recv(C)], [8, 9]);
    });
}

#[test]
fn of_two_receivers_each_gets_one() {
    check(2, || {
        let queue = Queue::with(&[2, 1]);
        let other = {
            let queue = queue.clone();
            spawn(move || queue.recv(A))
        };
        let mine = queue.recv(B);
        assert_eq!((mine + other.join().unwrap(), queue.try_recv(C)), (3, None));
    });
}

/// Dead with the order or a message in its hands: the others get what it has not finished, in order.
#[test]
fn the_order_is_made_again_when_a_receiver_dies() {
    check_deaths(1, |steps| {
        let queue = Queue::with(&[2, 1]);
        let victim = victim(&queue, steps, |queue| queue.recv(A));
        let early = queue.try_recv(B);
        let end = victim.join().unwrap();
        let rest: Vec<Item> = early.into_iter().chain(std::iter::from_fn(|| queue.try_recv(B))).collect();
        let mut all: Vec<Item> = rest.iter().copied().chain(end).collect();
        all.sort_unstable();
        // What the dead had released was received, whether it could say so or not.
        assert!(all == [1, 2] || end.is_none() && (rest == [2] || rest == [1]), "{rest:?}, {end:?}");
        (0..2).for_each(|item| queue.send(C, item));
        assert_eq!([queue.try_recv(C), queue.try_recv(C), queue.try_recv(C)], [Some(0), Some(1), None]);
        end.is_none()
    });
}

/// Dead with its message published and not among the news yet, or before: one who sleeps gets what there is.
#[test]
fn a_dead_sender_leaves_nobody_asleep_and_no_slot_behind() {
    check_deaths(1, |steps| {
        let queue = Queue::new();
        let victim = victim(&queue, steps, |queue| queue.send(A, 1));
        let receiver = {
            let queue = queue.clone();
            spawn(move || queue.recv(B))
        };
        let end = victim.join().unwrap();
        if end.is_none() {
            queue.send(C, 2);
        }
        let first = receiver.join().unwrap();
        let rest: Vec<Item> = std::iter::from_fn(|| queue.try_recv(C)).collect();
        assert!(end.is_none() || first == 1 && rest.is_empty());
        assert!(rest.is_empty() && first != 0 || first + rest[0] == 3, "{first}, {rest:?}");
        (0..2).for_each(|item| queue.send(C, item));
        assert_eq!([queue.try_recv(C), queue.try_recv(C)], [Some(0), Some(1)]);
        end.is_none()
    });
}
