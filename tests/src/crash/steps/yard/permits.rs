//! The permits of a semaphore: who dies with one gives it back, and none is made or lost by a death.

use std::time::Duration;

use actor_core::sync::{AcquireError, Semaphore, SemaphoreOptions};
use serde::{Deserialize, Serialize};

use super::super::aside::Aside;
use super::super::scene::{Note, Notes};
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What is done with a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// Acquired, and given back.
    Acquire,
    /// So, after a wait for one.
    AcquirePatiently,
    /// Given back, while somebody waits for it.
    GiveBack,
    /// One more is made.
    Release,
    /// So, while somebody waits for one.
    ReleaseToSleeper,
    /// One that is held is no more.
    Forget,
}

/// What is tried.
pub(super) struct Permits {
    act: Act,
    semaphore: Semaphore,
    /// How many there are, free or held.
    total: usize,
    waiting: Option<Aside<Result<(), AcquireError>>>,
}

/// How many there are where something is to be had at once.
const USUAL: usize = 2;
const MOST: usize = 4;

impl Permits {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        // Who looks for a permit looks at all that there can be.
        let semaphore = SemaphoreOptions { permits: 0, permits_max: MOST }.create().works()?;
        Ok(Box::new(Permits { act, semaphore, total: 0, waiting: None }))
    }

    /// As many as there are to be before the victim begins. All are free.
    fn set(&mut self, total: usize) -> Result<(), Fault> {
        while self.total < total {
            self.semaphore.release().works()?;
            self.total += 1;
        }
        while total < self.total {
            self.semaphore.try_acquire().works()?.forget();
            self.total -= 1;
        }
        Ok(())
    }
}

impl Thing for Permits {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        self.set(match self.act {
            Act::Acquire | Act::Release | Act::Forget => USUAL,
            Act::GiveBack => 1,
            Act::AcquirePatiently | Act::ReleaseToSleeper => 0,
        })?;
        Victim::start(act, (self.act, self.semaphore.clone(), notes.clone()))
    }

    fn beside(&mut self) -> Result<(), Fault> {
        if matches!(self.act, Act::GiveBack | Act::ReleaseToSleeper) {
            let semaphore = self.semaphore.clone();
            self.waiting = Some(Aside::asleep(move || semaphore.acquire().map(drop))?);
        }
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        self.total += 1;
        self.semaphore.release().works()
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        if let Some(waiting) = self.waiting.take() {
            let is_made = dead.is_over() || self.act == Act::GiveBack || self.semaphore.available() != 0;
            if !is_made && !waiting.is_awake() {
                // As far as is known it has died before it made one, so this is for him.
                self.go_on()?;
            }
            waiting.end()?.works()?;
        }
        let done = usize::from(dead.is_over());
        let (least, most) = match self.act {
            Act::Release | Act::ReleaseToSleeper => (self.total + done, self.total + 1),
            Act::Forget => (self.total - 1, self.total - done),
            _ => (self.total, self.total),
        };
        let found = self.semaphore.available();
        let kind = if found < least { Kind::Lost } else { Kind::Doubled };
        kind.unless((least..=most).contains(&found), || {
            format!("{found} permits are free, and not {least} to {most}")
        })?;
        // Free is what one can have.
        let all: Vec<_> =
            (0..found).map(|_| self.semaphore.acquire_timeout(soon())).collect::<Result<_, _>>().works()?;
        let more = self.semaphore.acquire_timeout(Duration::ZERO).map(drop);
        drop(all);
        self.total = found;
        Kind::Doubled.unless(more == Err(AcquireError::Timeout), || format!("beside {found} permits: {more:?}"))
    }

    fn leave(self: Box<Self>) {
        self.semaphore.close();
    }
}

fn act((act, semaphore, notes): (Act, Semaphore, Notes)) {
    match act {
        Act::Acquire | Act::AcquirePatiently => {
            // What a process does for the first time in its life is not what is tried.
            drop(semaphore.try_acquire());
            stand_still();
            let permit = semaphore.acquire().expect("it is there");
            notes.set(Note::Held, 1);
            drop(permit);
        }
        Act::GiveBack | Act::Forget => {
            let permit = semaphore.acquire().expect("it is there");
            stand_still();
            if act == Act::Forget { permit.forget() } else { drop(permit) }
        }
        Act::Release | Act::ReleaseToSleeper => {
            stand_still();
            semaphore.release().expect("there is room");
        }
    }
    notes.end()
}
