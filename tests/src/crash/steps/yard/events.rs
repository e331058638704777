//! An event: who waits is awake when it was set, whoever has set it and died.

use std::time::Duration;

use actor_core::sync::{Event, WaitError};
use serde::{Deserialize, Serialize};

use super::super::aside::Aside;
use super::super::scene::{Note, Notes};
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// Set, while two wait.
    Set,
    /// Set and cleared, while two wait.
    Pulse,
    /// Waited for.
    Wait,
}

/// What is tried.
pub(super) struct Happening {
    act: Act,
    event: Event,
    was_set: bool,
    waiting: Vec<Aside<Result<(), WaitError>>>,
}

impl Happening {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        Ok(Box::new(Happening { act, event: Event::new().works()?, was_set: false, waiting: Vec::new() }))
    }
}

impl Thing for Happening {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        self.was_set = false;
        Victim::start(act, (self.act, self.event.clone(), notes.clone()))
    }

    fn beside(&mut self) -> Result<(), Fault> {
        for _ in 0..if self.act == Act::Wait { 0 } else { 2 } {
            let event = self.event.clone();
            self.waiting.push(Aside::asleep(move || event.wait())?);
        }
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        self.was_set = true;
        self.event.set();
        Ok(())
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        let is_set = self.event.is_set();
        match self.act {
            Act::Set => Kind::Lost.unless(is_set || !dead.is_over(), || "it was set, and is not".to_owned())?,
            Act::Pulse => Kind::Torn.unless(!is_set || !dead.is_over(), || "it was cleared, and is set".to_owned())?,
            Act::Wait => Kind::Torn.unless(is_set == self.was_set, || format!("set: {is_set}"))?,
        }
        if !is_set && !dead.is_over() && !dead.has(Note::Sent) {
            // It was not set: this is for those who wait. Otherwise they need nothing more.
            self.event.set();
        }
        for waiting in self.waiting.drain(..) {
            waiting.end()?.works()?;
        }
        self.event.set();
        self.event.wait_timeout(soon()).works()?;
        self.event.clear();
        let late = self.event.wait_timeout(Duration::ZERO);
        Kind::Torn.unless(late == Err(WaitError::Timeout), || format!("cleared, and still {late:?}"))
    }

    fn leave(self: Box<Self>) {
        self.event.close();
    }
}

fn act((act, event, notes): (Act, Event, Notes)) {
    // What a process does for the first time in its life is not what is tried.
    let _ = event.is_set();
    stand_still();
    match act {
        Act::Set => event.set(),
        Act::Pulse => {
            event.set();
            notes.set(Note::Sent, 1);
            event.clear();
        }
        Act::Wait => event.wait().expect("it is there"),
    }
    notes.end()
}
