//! Those who wait at a condition: a wake that was given to the dead goes to another.

use std::rc::Rc;

use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C};
use crate::id::Participant;
use crate::shm::event::Event;
use crate::shm::waiters::{self, Waiters};
use crate::shm::words::Memory;
use crate::time::Deadline;

/// Seats for two.
struct Row {
    seats: [Word64; 2],
    tickets: Word64,
    events: [(Futex, Word64); 2],
}

impl Waiters for Row {
    type Memory = Checked;

    fn seats(&self) -> &[Word64] {
        &self.seats
    }
    fn tickets(&self) -> &Word64 {
        &self.tickets
    }
    fn event(&self, seat: u32) -> Event<'_, Checked> {
        let (word, async_groups) = &self.events[seat as usize];
        Event { word, async_groups }
    }
}

impl Row {
    /// With these in their seats, the first one for the longest.
    fn with(waiting: &[Participant]) -> Rc<Row> {
        let events = std::array::from_fn(|_| (Futex::new(0), Word64::new(0)));
        let row = Row { seats: std::array::from_fn(|_| Word64::new(0)), tickets: Word64::new(0), events };
        for (seat, who) in waiting.iter().enumerate() {
            assert_eq!(waiters::sit(&row, *who), Some(seat as u32));
        }
        Rc::new(row)
    }

    /// Sleeps until it is chosen, and uses the wake.
    fn wait(&self, seat: u32) {
        self.event(seat).wait(Deadline::Never, || waiters::is_woken(self, seat).then_some(()));
        waiters::rise(self, seat);
    }
}

fn waiter(row: &Rc<Row>, seat: u32) -> JoinHandle<()> {
    let row = row.clone();
    spawn(move || row.wait(seat))
}

#[test]
fn each_wake_wakes_one() {
    check(2, || {
        let row = Row::with(&[A, B]);
        let waiting = [0, 1].map(|seat| waiter(&row, seat));
        assert_eq!(waiters::notify(&*row, 1) + waiters::notify_all(&*row), 2);
        waiting.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(waiters::notify(&*row, 1), 0);
    });
}

/// The first one dies: before it is chosen, chosen and asleep, awake and without the mutex, or not at all.
#[test]
fn the_wake_of_a_dead_waiter_is_passed_on() {
    check_deaths(2, |steps| {
        let row = Row::with(&[A, B]);
        let victim = {
            let row = row.clone();
            spawn(move || {
                let has_died = mortal(steps, || row.wait(0)).is_none();
                if has_died {
                    waiters::recover(&*row, A);
                }
                has_died
            })
        };
        let other = waiter(&row, 1);
        assert_eq!(waiters::notify(&*row, 1), 1);
        let has_died = victim.join().unwrap();
        if !has_died {
            assert_eq!(waiters::notify(&*row, 1), 1, "the other one was not woken for nothing");
        }
        other.join().unwrap();
        has_died
    });
}

/// One who notifies dies between the choice and the wake, or before.
#[test]
fn a_dead_notifier_leaves_nobody_asleep() {
    check_deaths(2, |steps| {
        let row = Row::with(&[A]);
        let waiter = waiter(&row, 0);
        let has_died = mortal(steps, || waiters::notify(&*row, 1)).is_none();
        if has_died {
            waiters::recover(&*row, C);
            // It may have died before it has chosen anybody.
            waiters::notify(&*row, 1);
        }
        waiter.join().unwrap();
        has_died
    });
}

/// One whose time is up just when it is chosen either takes the wake or leaves it to the other.
#[test]
fn a_wake_is_not_lost_to_one_that_gives_up() {
    check(3, || {
        let row = Row::with(&[A, B]);
        let other = waiter(&row, 1);
        let late = {
            let row = row.clone();
            spawn(move || waiters::leave(&*row, 0))
        };
        Checked::fence();
        assert_eq!(waiters::notify(&*row, 1), 1);
        late.join().unwrap();
        other.join().unwrap();
    });
}
