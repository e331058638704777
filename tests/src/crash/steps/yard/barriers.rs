//! A barrier: who waits for one that has died is told so at once, and by whom it was broken.

use actor_core::sync::{Barrier, BarrierWait, BrokenBarrier};
use serde::{Deserialize, Serialize};

use super::super::aside::Aside;
use super::super::scene::Notes;
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// Who the victim is, of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// It waits for the other one.
    First,
    /// The other one waits for it.
    Last,
}

/// What is tried.
pub(super) struct Meeting {
    act: Act,
    barrier: Barrier,
    waiting: Option<Aside<Result<BarrierWait, BrokenBarrier>>>,
}

impl Meeting {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        Ok(Box::new(Meeting { act, barrier: Barrier::new(2).works()?, waiting: None }))
    }

    fn wait(&self) -> Result<Aside<Result<BarrierWait, BrokenBarrier>>, Fault> {
        let barrier = self.barrier.clone();
        Aside::asleep(move || barrier.wait())
    }
}

impl Thing for Meeting {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        Victim::start(act, (self.barrier.clone(), notes.clone()))
    }

    fn beside(&mut self) -> Result<(), Fault> {
        if self.act == Act::Last {
            self.waiting = Some(self.wait()?);
        }
        Ok(())
    }

    /// The victim waits: this is the last one.
    fn go_on(&mut self) -> Result<(), Fault> {
        self.barrier.wait_timeout(soon()).works().map(drop)
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        if let Some(waiting) = self.waiting.take() {
            match waiting.end()? {
                Ok(_) => {}
                Err(BrokenBarrier::Died(party)) => {
                    dead.is_the_one(Some(party.process()), party.report().as_ref())?;
                    Kind::Lost.unless(!dead.is_over(), || "both have come, and one was told of a death".to_owned())?;
                }
                Err(error) => return Err(Kind::Torn.fault(format!("nobody has done this: {error}"))),
            }
        }
        // A party is gone for good, wherever it was.
        let broken = self.barrier.wait_timeout(soon());
        match &broken {
            Err(BrokenBarrier::Died(party)) => dead.is_the_one(Some(party.process()), party.report().as_ref())?,
            other => return Err(Kind::Wedged.fault(format!("a party has died, and the others get {other:?}"))),
        }
        self.barrier.reset();
        let waiting = self.wait()?;
        self.barrier.wait_timeout(soon()).works()?;
        waiting.end()?.works().map(drop)
    }

    fn leave(self: Box<Self>) {
        self.barrier.close();
    }
}

fn act((barrier, notes): (Barrier, Notes)) {
    // What a process does for the first time in its life is not what is tried.
    let _ = barrier.waiting();
    stand_still();
    barrier.wait().expect("nobody has died");
    notes.end()
}
