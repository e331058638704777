//! Locks, permits, conditions, barriers, pipes and a pool in full use, and somebody who kills at random moments.
//!
//! Nobody of the crew depends on one place only: whoever dies has just taken a lock, holds it, gives it back,
//! waits for it or is being woken, and the others go on with what he has left. What each has done is written
//! down on memory that the crate under test does not know, and whoever has something looks whether another,
//! who lives, has it as well. When the crew rests it is counted:
//!
//! * What is guarded is as it was before a change or after it, no change that was made is lost, and whoever
//!   comes after a death is told of it, by a report that says how.
//! * No more than may be are inside at once, and all places are free again in the end.
//! * A wake that somebody was killed with reaches another, and nobody who is dead is waited for.
//! * What was sent into a pipe arrives, whole and in order, and then the death of the one who sent it.
//! * A map over a pool gives each result, whatever becomes of the workers.
//! * Everybody goes on within a second after the last death, and memory and processes are as before.

mod campaign;
mod commons;
mod crew;
mod maps;
mod notes;
mod talk;

use actor_core::node;
use actor_core::testing::Snapshot;

use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::memory;
use crate::watch::wait_for;
use campaign::{Campaign, SOON};

/// What more may be in use when all is over: records of the processes that there were at once. Far less than a
/// page for each of a hundred deaths.
const SLACK: u64 = 256 << 10;

/// A run is a kill.
pub(super) const MODE: Mode = Mode {
    name: "sharing",
    about: "processes that share locks, permits, pipes and a pool; a run is a kill",
    run,
    usual: Budget::Runs(5_000),
};

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    // The node itself is there before.
    node::counters().expect("the node answers");
    let (before, in_use) = (Snapshot::take(), memory::shared());
    Campaign::start(plan)?.run(plan, tally)?;
    let is_back = wait_for(SOON, || (memory::shared() <= in_use + SLACK).then_some(()));
    Kind::Orphan.unless(is_back.is_some(), || format!("{} bytes are in use, not {in_use}", memory::shared()))?;
    let leaks = before.leaks();
    Kind::Orphan.unless(leaks.is_empty(), || leaks.join(", "))
}
