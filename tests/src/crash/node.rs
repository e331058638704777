//! The node is killed while it is busy: with processes that hang in foreign code, do not hear signals, are
//! stopped, have started programs of their own or are just being made, and sometimes before it is up.
//!
//! Nobody is there any more who could tidy up. Within a second no process, file, shared memory or control
//! group of it may be left. (Before it is up, nobody guards its control group yet: that one is left to the
//! next node.)

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use super::aftermath::{Aftermath, adopt_orphans, has_no_groups};
use super::signals::signal_if;
use super::victim::{Kindred, Victim};
use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::chance::Chance;
use crate::watch::{self, Seen, has_state, wait_for};

/// A run is a node.
pub(super) const MODE: Mode = Mode {
    name: "node",
    about: "the node while its processes are busy; a run is a node",
    run,
    usual: Budget::Runs(200),
};

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    adopt_orphans();
    let mut chance = Chance::new(plan.seed);
    let mut unguarded = Vec::new();
    while plan.goes_on(tally) {
        let kindred = Kindred::any(&mut chance);
        let aftermath = Aftermath::before();
        let mut victim = Victim::start(kindred, aftermath.directory(), &mut chance)?;
        let node = victim.pid();
        let mut ended = || victim.child.try_wait().expect("it is our child");
        let ended = if chance.once_in(4) { interrupt(node, &mut chance, ended) } else { ended() };
        Kind::Wedged.unless(ended.is_none(), || format!("{kindred:?} has ended by itself: {ended:?}"))?;
        victim.child.kill().expect("it was not waited for");
        victim.child.wait().expect("it is our child");
        tally.kills += 1;
        let took = is_clean(&aftermath, kindred, node, &mut unguarded)?;
        tally.recovered_within(took);
        tally.runs += 1;
    }
    the_next_finds(&unguarded)
}

/// Within which a signal has reached all threads.
const REACHES: Duration = Duration::from_secs(1);
/// Within which a thread that was interrupted sleeps again, or its process has ended for it. A panic that
/// shows where it comes from takes seconds.
const GOES_ON: Duration = Duration::from_secs(20);

/// Stops a node for a moment, so that what its threads wait for in the kernel is interrupted. Tells how it
/// has ended, if it has.
fn interrupt(node: u32, chance: &mut Chance, mut ended: impl FnMut() -> Option<ExitStatus>) -> Option<ExitStatus> {
    let is_it = |seen: &Seen| seen.pid == node;
    signal_if(node, Signal::STOP, is_it);
    // Who goes on before it has reached a thread has not interrupted that one.
    let _ = wait_for(REACHES, || watch::all_have_state(node, 'T').then_some(()));
    let waits = watch::node_thread(node);
    chance.pause(Duration::from_millis(2));
    signal_if(node, Signal::CONT, is_it);
    // One that is not up yet has no thread that waits.
    let thread = waits?;
    let sleeps = || has_state(node, thread, 'S');
    wait_for(GOES_ON, || ended().map(Some).or_else(|| sleeps().then_some(None))).flatten()
}

/// Looks until nothing is left of a node. What nobody guarded goes on the list.
pub(super) fn is_clean(
    aftermath: &Aftermath,
    kindred: Kindred,
    node: u32,
    unguarded: &mut Vec<u32>,
) -> Result<Duration, Fault> {
    let groups = |took| match kindred.is_guarded() {
        true => has_no_groups(node).map(|()| took),
        false => {
            unguarded.push(node);
            Ok(took)
        }
    };
    let is_clean = aftermath.is_clean().and_then(groups);
    is_clean.map_err(|fault| Fault { text: format!("{kindred:?}: {}", fault.text), ..fault })
}

/// What a node leaves that dies before anybody guards it, a later one takes away.
pub(super) fn the_next_finds(unguarded: &[u32]) -> Result<(), Fault> {
    let aftermath = Aftermath::before();
    let status = Kindred::ORDERLY.command(aftermath.directory(), &[]).status();
    let is_well = status.as_ref().is_ok_and(ExitStatus::success);
    Kind::Wedged.unless(is_well, || format!("a node that nobody kills: {status:?}"))?;
    aftermath.is_clean()?;
    unguarded.iter().try_for_each(|node| has_no_groups(*node))
}
