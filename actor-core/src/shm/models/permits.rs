//! Permits of a semaphore: never more at once than there are, none is lost with the dead, and no wake.

use std::rc::Rc;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C};
use crate::id::Participant;
use crate::shm::event::{Event, Waited};
use crate::shm::permits::Permits;
use crate::time::Deadline;

/// One permit, and what only who has it touches.
struct Tested {
    words: [Word64; 1],
    hint: Futex,
    freed: Futex,
    groups: Word64,
    inside: loom::cell::Cell<u32>,
}

impl Tested {
    fn new() -> Rc<Tested> {
        let (hint, freed, groups) = (Futex::new(0), Futex::new(0), Word64::new(0));
        let tested = Tested { words: [Word64::new(0)], hint, freed, groups, inside: loom::cell::Cell::new(0) };
        assert!(tested.permits().add());
        Rc::new(tested)
    }

    fn permits(&self) -> Permits<'_, Checked> {
        let freed = Event { word: &self.freed, async_groups: &self.groups };
        Permits { words: &self.words, hint: &self.hint, freed }
    }

    fn acquire(&self, me: Participant) -> u32 {
        let permits = self.permits();
        match permits.freed.wait(Deadline::Never, || permits.claim(me)) {
            Waited::Ready(at) => at,
            Waited::Slept(at) => {
                permits.freed.chain();
                at
            }
            Waited::TimedOut => unreachable!("there is no deadline"),
        }
    }

    /// Takes the permit, does something that nobody else may do at the same time, and gives it back.
    fn work(&self, me: Participant) {
        let at = self.acquire(me);
        self.inside.set(self.inside.get() + 1);
        assert!(self.permits().give_back(at, me));
    }
}

/// A thread that works, and is repaired if it dies on the way. True: it did.
fn victim(tested: &Rc<Tested>, steps: u32, me: Participant) -> JoinHandle<bool> {
    let tested = tested.clone();
    spawn(move || {
        let has_died = mortal(steps, || tested.work(me)).is_none();
        if has_died {
            tested.permits().recover(me);
        }
        has_died
    })
}

fn worker(tested: &Rc<Tested>, me: Participant) -> JoinHandle<()> {
    let tested = tested.clone();
    spawn(move || tested.work(me))
}

#[test]
fn one_at_a_time() {
    check(3, || {
        let tested = Tested::new();
        let other = worker(&tested, A);
        tested.work(C);
        other.join().unwrap();
        assert_eq!((tested.inside.get(), tested.permits().free()), (2, 1));
    });
}

#[test]
fn the_permit_of_the_dead_comes_back() {
    check_deaths(2, |steps| {
        let tested = Tested::new();
        let victim = victim(&tested, steps, A);
        tested.work(B);
        let has_died = victim.join().unwrap();
        assert_eq!(tested.permits().free(), 1);
        has_died
    });
}

/// Two wait for what is given back, and one of them dies wherever it is by then.
#[test]
fn a_dead_waiter_swallows_no_wake() {
    check_deaths(1, |steps| {
        let tested = Tested::new();
        let at = tested.acquire(C);
        let victim = victim(&tested, steps, A);
        let waiter = worker(&tested, B);
        assert!(tested.permits().give_back(at, C));
        waiter.join().unwrap();
        let has_died = victim.join().unwrap();
        assert_eq!(tested.permits().free(), 1);
        has_died
    });
}

/// Dead between the permit and the wake, it has its wake made good.
#[test]
fn a_dead_releaser_leaves_nobody_asleep() {
    check_deaths(1, |steps| {
        let tested = Tested::new();
        let at = tested.acquire(A);
        let waiter = worker(&tested, B);
        let has_died = mortal(steps, || tested.permits().give_back(at, A)).is_none();
        if has_died {
            tested.permits().recover(A);
        }
        waiter.join().unwrap();
        assert_eq!(tested.permits().free(), 1);
        has_died
    });
}
