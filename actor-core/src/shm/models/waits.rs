//! Those who wait for each other: one goes, never none and never for nothing. Who sleeps for ever is
//! reported by the checker.

use std::rc::Rc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use crate::shm::event::{Event, Waited};
use crate::shm::waits::{WaitLine, Waits, find_ring};
use crate::shm::words::{Memory, Word};
use crate::time::Deadline;

/// An answer is there; what is above changes with each nudge.
const ANSWERED: u32 = 1;
const NUDGE: u32 = 2;
/// Of whom somebody wants room, as in a stamp.
const ROOM_OF: u64 = 100;

/// Those who wait. Each has an answer that it may wait for, and one has a place with room for one.
struct Town<const N: usize> {
    lines: [WaitLine<Word64, 1>; N],
    answers: [Futex; N],
    is_free: Word64,
    room: Futex,
    groups: Word64,
}

impl<const N: usize> Town<N> {
    fn new() -> Rc<Town<N>> {
        let line = |_| WaitLine { sequence: Word64::new(0), words: [Word64::new(0)] };
        let (is_free, room, groups) = (Word64::new(0), Futex::new(0), Word64::new(0));
        let answers = std::array::from_fn(|_| Futex::new(0));
        Rc::new(Town { lines: std::array::from_fn(line), answers, is_free, room, groups })
    }

    fn room(&self) -> Event<'_, Checked> {
        Event { word: &self.room, async_groups: &self.groups }
    }

    /// Waits for an answer of `target`. False: it would have been for ever.
    fn call(&self, me: usize, target: usize) -> bool {
        self.lines[me].stamp([target as u64]);
        let is_answered = loop {
            let seen = self.answers[me].load(Acquire);
            if seen & ANSWERED != 0 {
                break true;
            }
            if find_ring(self, me as u64).is_some() {
                break false;
            }
            Checked::sleep(&self.answers[me], seen, Deadline::Never);
        };
        self.lines[me].clear();
        is_answered
    }

    fn answer(&self, whom: usize) {
        self.answers[whom].fetch_or(ANSWERED, AcqRel);
        Checked::wake(&self.answers[whom], u32::MAX);
    }

    /// Takes the place of `target` when it is free. False: it would have been for ever.
    fn post(&self, me: usize, target: usize) -> bool {
        while self.is_free.compare_exchange(1, 0, AcqRel).is_err() {
            self.lines[me].stamp([ROOM_OF + target as u64]);
            let is_free = || (self.is_free.load(Acquire) == 1).then_some(true);
            let test = || is_free().or_else(|| find_ring(self, me as u64).map(|_| false));
            let waited = self.room().wait(Deadline::Never, test);
            self.lines[me].clear();
            if matches!(waited, Waited::Ready(false) | Waited::Slept(false)) {
                return false;
            }
        }
        true
    }
}

impl<const N: usize> Waits for Town<N> {
    type Memory = Checked;
    type Who = u64;
    /// Who waits, and for what.
    type Wait = (u64, u64);

    fn stamp_of(&self, who: u64) -> Option<(u64, (u64, u64))> {
        let (sequence, [what]) = self.lines[who as usize].read()?;
        Some((sequence, (who, what)))
    }

    fn target((_, what): &(u64, u64)) -> u64 {
        what % ROOM_OF
    }

    fn holds(&self, (who, what): &(u64, u64)) -> bool {
        match *what < ROOM_OF {
            true => self.answers[*who as usize].load(Acquire) & ANSWERED == 0,
            false => self.is_free.load(Acquire) == 0,
        }
    }

    fn age(who: u64, _: &(u64, u64)) -> (u64, u64) {
        (who, 0)
    }

    fn nudge(&self, (who, what): &(u64, u64)) {
        match *what < ROOM_OF {
            true => {
                self.answers[*who as usize].fetch_add(NUDGE, AcqRel);
                Checked::wake(&self.answers[*who as usize], u32::MAX);
            }
            false => self.room().notify_all(),
        }
    }
}

/// Each calls the next, and goes on to answer the one before when it has an answer or goes without.
fn one_of_a_ring_goes<const N: usize>(preemptions: usize) {
    check(preemptions, || {
        let town = Town::<N>::new();
        let lives = |me: usize| {
            let town = town.clone();
            move || {
                let is_answered = town.call(me, (me + 1) % N);
                town.answer((me + N - 1) % N);
                is_answered
            }
        };
        let others: Vec<_> = (1..N).map(|me| spawn(lives(me))).collect();
        let mut answered = vec![lives(0)()];
        answered.extend(others.into_iter().map(|other| other.join().unwrap()));
        assert_eq!(answered.iter().filter(|is_answered| !**is_answered).count(), 1, "{answered:?}");
    });
}

#[test]
fn one_of_two_goes() {
    one_of_a_ring_goes::<2>(3);
}

#[test]
fn one_of_three_goes() {
    one_of_a_ring_goes::<3>(2);
}

/// The one answers and calls back before the other has woken.
#[test]
fn nobody_goes_who_has_its_answer() {
    check(3, || {
        let town = Town::<2>::new();
        let caller = {
            let town = town.clone();
            spawn(move || {
                let is_answered = town.call(0, 1);
                town.answer(1);
                is_answered
            })
        };
        town.answer(0);
        assert!(town.call(1, 0));
        assert!(caller.join().unwrap());
    });
}

/// A thread that says whether it has posted.
fn posts_then_answers(town: &Rc<Town<2>>) -> JoinHandle<bool> {
    let town = town.clone();
    spawn(move || {
        let has_posted = town.post(0, 1);
        town.answer(1);
        has_posted
    })
}

/// The one makes room and calls the other, who posts and then answers.
#[test]
fn nobody_goes_who_has_room() {
    check(3, || {
        let town = Town::<2>::new();
        let sender = posts_then_answers(&town);
        town.is_free.store(1, Release);
        Checked::fence();
        town.room().notify();
        assert!(town.call(1, 0));
        assert!(sender.join().unwrap());
    });
}

/// The wake for room goes to another, and somebody takes the room who wakes nobody.
#[test]
fn one_goes_where_the_room_is_taken_by_others() {
    check(2, || {
        let town = Town::<2>::new();
        let sender = posts_then_answers(&town);
        town.is_free.store(1, Release);
        let thief = {
            let town = town.clone();
            spawn(move || town.is_free.compare_exchange(1, 0, AcqRel).is_ok())
        };
        let is_answered = town.call(1, 0);
        if !is_answered {
            // Its next message is that of the sender.
            town.is_free.store(1, Release);
            Checked::fence();
            town.room().notify();
        }
        let (has_posted, is_stolen) = (sender.join().unwrap(), thief.join().unwrap());
        assert_eq!(has_posted && is_answered, !is_stolen, "one goes if there is no room: {has_posted} {is_answered}");
    });
}

/// One of two dies, with or without a stamp, or in the middle of a nudge.
#[test]
fn the_dead_keep_nobody() {
    check_deaths(2, |steps| {
        let town = Town::<2>::new();
        let victim = {
            let town = town.clone();
            spawn(move || {
                let lived = mortal(steps, || {
                    town.call(0, 1);
                    town.answer(1);
                });
                if lived.is_none() {
                    // As the node does after its proven death.
                    town.lines[0].clear();
                    town.answer(1);
                }
                lived.is_none()
            })
        };
        town.call(1, 0);
        town.answer(0);
        victim.join().unwrap()
    });
}
