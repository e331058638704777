//! [`Thing`]: what processes share, one operation on it, and what has to hold of it after a death.

use std::fmt::Debug;
use std::time::Duration;

use actor_core::ExitReport;
use actor_core::ProcessId;
use actor_core::process::Process;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::scene::{Note, Notes};
use crate::crash::{Fault, Kind};
use crate::watch::bound;

/// Whatever is tried. Between two trials it is as it was before the first one.
pub(super) trait Thing {
    /// Brings it to where a victim is to find it, and starts one, which stands still where the operation begins.
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault>;

    /// The victim stands there: whoever is to wait beside it comes now.
    fn beside(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// What somebody else does in the midst of the operation, when the victim sleeps if it does.
    fn go_on(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// All that has to hold when the victim is dead and the node has repaired. Others can use it as before.
    fn check(&mut self, dead: &Dead) -> Result<(), Fault>;

    /// Gives it back: nobody uses it any more.
    fn leave(self: Box<Self>);
}

/// Who is led.
pub(super) enum Victim {
    Ours(Process<()>),
    /// A process of somebody else's, by its number: it is for the thing to wait for the repair.
    Worker(u32),
}

impl Victim {
    /// Somebody on his way to the beginning of what he does.
    pub(super) fn start<A>(act: fn(A), given: A) -> Result<Victim, Fault>
    where
        A: Serialize + DeserializeOwned,
    {
        Process::spawn(act, given).map(Victim::Ours).map_err(|error| Kind::Orphan.fault(error))
    }

    pub(super) fn pid(&self) -> u32 {
        match self {
            Victim::Ours(process) => process.pid(),
            Victim::Worker(pid) => *pid,
        }
    }
}

/// One that was killed, and what it had noted until then.
pub(super) struct Dead {
    pub(super) notes: Notes,
    pub(super) pid: u32,
    pub(super) process: Option<ProcessId>,
}

/// How long whoever lives may take to go on after a death.
const GO_ON: Duration = Duration::from_secs(1);

/// As a limit of an operation that nobody hinders.
pub(super) fn soon() -> Duration {
    bound(GO_ON)
}

impl Dead {
    pub(super) fn has(&self, note: Note) -> bool {
        self.notes.get(note) != 0
    }

    /// It came to the end of what it did.
    pub(super) fn is_over(&self) -> bool {
        self.notes.is_over()
    }

    /// Somebody was told of this death as it was.
    pub(super) fn is_the_one(&self, told: Option<ProcessId>, report: Option<&ExitReport>) -> Result<(), Fault> {
        let is_it = told == self.process && report.is_some_and(|report| report.pid == self.pid);
        let what = || format!("{told:?} is told to have died, with {report:?}, and it was {:?}", self.process);
        Kind::Torn.unless(is_it, what)
    }
}

/// What the harness does here works, or something is wrong.
pub(super) trait Works<T> {
    fn works(self) -> Result<T, Fault>;
}

impl<T, E: Debug> Works<T> for Result<T, E> {
    fn works(self) -> Result<T, Fault> {
        self.map_err(|error| Kind::Wedged.fault(format!("it cannot be used: {error:?}")))
    }
}
