//! The lock: one owner at a time, data that are whole whoever dies, and no wake lost with the dead.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C};
use crate::id::{Participant, ProcessId};
use crate::shm::event::Event;
use crate::shm::lock::{By, Lock, LockWord};
use crate::shm::words::Word;
use crate::time::Deadline;

/// A lock with two copies of its data: a number, written down twice.
struct Tested {
    word: Word64,
    nested: Word64,
    event: (Futex, Word64),
    copies: [[Word64; 2]; 2],
}

const DEAD: ProcessId = ProcessId { participant: A, generation: 9 };

impl Tested {
    fn new() -> Rc<Tested> {
        let word = || Word64::new(0);
        let copies = [[word(), word()], [word(), word()]];
        Rc::new(Tested { word: word(), nested: word(), event: (Futex::new(0), word()), copies })
    }

    fn lock(&self) -> Lock<'_, Checked> {
        let event = Event { word: &self.event.0, async_groups: &self.event.1 };
        Lock { word: &self.word, nested: &self.nested, event }
    }

    fn take(&self, me: Participant) -> LockWord {
        self.lock().take(me, By::Guard, Deadline::Never).expect("there is no deadline")
    }

    /// The data that count, which are whole whoever has written them.
    fn data(&self, word: LockWord) -> u64 {
        let [first, second] = self.copies[word.copy()].each_ref().map(|half| half.load(Relaxed));
        assert_eq!(first, second, "half of what somebody has written");
        first
    }

    /// Takes the lock, adds one as a guard does that is dropped, and says how the lock was.
    fn add(&self, me: Participant) -> LockWord {
        let before = self.take(me);
        let (sum, other) = (self.data(before) + 1, 1 - before.copy());
        self.copies[other].iter().for_each(|half| half.store(sum, Relaxed));
        self.lock().release(before.freed().with_copy(other));
        before
    }

    fn end(&self) -> u64 {
        let word = LockWord(self.word.load(Relaxed));
        assert!(!word.is_held() && word.died().is_none());
        self.data(word)
    }
}

fn adder(tested: &Rc<Tested>, me: Participant) -> JoinHandle<LockWord> {
    let tested = tested.clone();
    spawn(move || tested.add(me))
}

/// One who adds, and is repaired if it dies on the way. `Some`: whether the next one is told.
fn victim(tested: &Rc<Tested>, steps: u32) -> JoinHandle<Option<bool>> {
    let tested = tested.clone();
    spawn(move || mortal(steps, || tested.add(A)).is_none().then(|| tested.lock().recover(DEAD)))
}

#[test]
fn one_at_a_time_has_what_the_one_before_has_written() {
    check(3, || {
        let tested = Tested::new();
        let other = adder(&tested, B);
        tested.add(C);
        other.join().unwrap();
        assert_eq!(tested.end(), 2);
    });
}

/// Dead at any step: what it has written counts from the write that releases the lock, and not before; whoever
/// comes next is told if it had the lock.
#[test]
fn the_data_of_the_dead_are_as_before_or_as_after() {
    check_deaths(2, |steps| {
        let tested = Tested::new();
        let victim = victim(&tested, steps);
        let before = tested.add(B);
        let told = victim.join().unwrap();
        if told == Some(true) && before.died().is_none() {
            // It died with the lock after the other was done.
            let word = tested.take(C);
            assert_eq!((word.died(), tested.data(word)), (Some(DEAD), 1));
            tested.lock().release(word.freed());
        } else if told == Some(true) {
            assert_eq!(before.died(), Some(DEAD));
        }
        let sum = tested.end();
        assert!(if told == Some(true) { sum == 1 } else { sum == 2 || told == Some(false) && sum == 1 }, "{sum}");
        told.is_some()
    });
}

/// Two wait for what is released, and one of them dies wherever it is by then.
#[test]
fn a_dead_waiter_swallows_no_wake() {
    check_deaths(1, |steps| {
        let tested = Tested::new();
        let before = tested.take(C);
        let (victim, waiter) = (victim(&tested, steps), adder(&tested, B));
        tested.lock().release(before.freed());
        waiter.join().unwrap();
        let told = victim.join().unwrap();
        told.is_some()
    });
}

/// One of two who wait is out of time, perhaps just when it is chosen.
#[test]
fn a_waiter_that_is_late_swallows_no_wake() {
    check(2, || {
        let tested = Tested::new();
        let before = tested.take(C);
        let late = {
            let tested = tested.clone();
            spawn(move || {
                let taken = tested.lock().take(A, By::Guard, Deadline::Now);
                taken.into_iter().for_each(|before| tested.lock().release(before));
            })
        };
        let waiter = adder(&tested, B);
        tested.event.0.expire();
        tested.lock().release(before.freed());
        late.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(tested.end(), 1);
    });
}

/// Given back by hand by two threads of its process, it is given back once, and the next one wakes.
#[test]
fn by_hand_it_is_released_once() {
    check(2, || {
        let tested = Tested::new();
        tested.lock().take(C, By::Hand, Deadline::Now).unwrap();
        let waiter = adder(&tested, B);
        let other = {
            let tested = tested.clone();
            spawn(move || tested.lock().release_by_hand(C))
        };
        assert!(tested.lock().release_by_hand(C) != other.join().unwrap());
        waiter.join().unwrap();
        assert_eq!(tested.end(), 1);
    });
}
