//! A condition: a wake that was given is somebody's, whoever dies between the choice and the use.

use actor_core::sync::{Condition, ConditionOptions, LockError, Mutex};
use serde::{Deserialize, Serialize};

use super::super::aside::Aside;
use super::super::scene::{Note, Notes};
use super::super::sleeper::at_last;
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// One of two is notified.
    NotifyOne,
    /// Both are.
    NotifyAll,
    /// It waits, and is notified when another one has come to wait, too.
    Wait,
}

/// What is tried.
pub(super) struct Notified {
    act: Act,
    /// The mutex of the victim, and that of the others: who waits does not hold it.
    mutex: Mutex<u64>,
    other: Mutex<u64>,
    condition: Condition,
    was_notified: bool,
    waiting: Vec<Aside<bool>>,
}

/// Two who wait, or the victim and another, and one that is free.
const SEATS: usize = 3;

impl Notified {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        // Who notifies looks at the seats of all.
        let condition = ConditionOptions { waiters: SEATS }.create();
        let (mutex, other, condition) = (Mutex::new(0).works()?, Mutex::new(0).works()?, condition.works()?);
        Ok(Box::new(Notified { act, mutex, other, condition, was_notified: false, waiting: Vec::new() }))
    }

    /// One more who waits.
    fn one_more(&mut self) -> Result<(), Fault> {
        let (mutex, condition) = (self.other.clone(), self.condition.clone());
        let before = condition.waiting();
        self.waiting.push(Aside::asleep(move || {
            let guard = mutex.lock().expect("nobody dies with it");
            condition.wait(guard).is_ok()
        })?);
        let is_there = at_last(|| self.condition.waiting() == before + 1);
        Kind::Wedged.unless(is_there, || "somebody does not come to wait".to_owned())
    }

    /// So many of those who wait were chosen, by now: that is no matter of time. They wake, and the others are
    /// notified.
    fn wake(&mut self, notified: usize) -> Result<(), Fault> {
        let (left, expected) = (self.condition.waiting(), self.waiting.len() - notified);
        let kind = if expected < left { Kind::Lost } else { Kind::Doubled };
        kind.unless(left == expected, || format!("{left} wait, and {notified} of {} were chosen", self.waiting.len()))?;
        let now = self.condition.notify_all();
        Kind::Torn.unless(now == left, || format!("{now} of {left} can be notified"))?;
        for waiting in self.waiting.drain(..) {
            Kind::Wedged.unless(waiting.end()?, || "a wait has failed".to_owned())?;
        }
        Ok(())
    }

    /// Whether the victim had the mutex. It can be taken.
    fn free_mutex(&self, dead: &Dead) -> Result<bool, Fault> {
        match self.mutex.lock_timeout(soon()) {
            Ok(_) => Ok(false),
            Err(LockError::OwnerDied(died)) => {
                dead.is_the_one(Some(died.owner()), died.report().as_ref())?;
                drop(died.into_guard());
                Ok(true)
            }
            Err(error) => Err(Kind::Wedged.fault(format!("the mutex cannot be taken: {error}"))),
        }
    }

    /// How many wakes were given to those who live.
    fn wakes(&self, dead: &Dead, had_mutex: bool) -> usize {
        let chosen = self.waiting.len().saturating_sub(self.condition.waiting());
        match self.act {
            Act::NotifyOne if dead.is_over() => 1,
            Act::NotifyOne => chosen.min(1),
            Act::NotifyAll if dead.is_over() => self.waiting.len(),
            Act::NotifyAll => chosen,
            Act::Wait if dead.has(Note::Held) => 0,
            // Whoever has the mutex again may have used the wake.
            Act::Wait if had_mutex => chosen.min(1),
            Act::Wait => usize::from(self.was_notified),
        }
    }
}

impl Thing for Notified {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        self.was_notified = false;
        Victim::start(act, (self.act, self.mutex.clone(), self.condition.clone(), notes.clone()))
    }

    fn beside(&mut self) -> Result<(), Fault> {
        if self.act != Act::Wait {
            self.one_more()?;
            self.one_more()?;
        }
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        self.one_more()?;
        self.was_notified = true;
        let count = self.condition.notify_one();
        Kind::Lost.unless(count == 1, || "two wait, and none can be notified".to_owned())
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        let had_mutex = self.free_mutex(dead)?;
        let wakes = self.wakes(dead, had_mutex);
        self.wake(wakes)?;
        let left = self.condition.waiting();
        Kind::Orphan.unless(left == 0, || format!("{left} wait, and nobody does"))
    }

    fn leave(self: Box<Self>) {
        self.condition.close();
        self.mutex.close();
        self.other.close();
    }
}

fn act((act, mutex, condition, notes): (Act, Mutex<u64>, Condition, Notes)) {
    // What a process does for the first time in its life is not what is tried.
    condition.notify_one();
    let guard = mutex.lock().expect("nobody has died with it");
    match act {
        Act::NotifyOne | Act::NotifyAll => {
            drop(guard);
            stand_still();
            if act == Act::NotifyOne {
                condition.notify_one()
            } else {
                condition.notify_all()
            };
        }
        Act::Wait => {
            stand_still();
            let guard = condition.wait(guard).expect("it is there");
            notes.set(Note::Held, 1);
            drop(guard);
        }
    }
    notes.end()
}
