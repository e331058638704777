//! The terminal of a node is closed while it is busy: the kernel hangs it up, and nobody may stay behind
//! who writes to nowhere.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use super::aftermath::{Aftermath, adopt_orphans};
use super::victim::Kindred;
use super::{Budget, Fault, Kind, Mode, Plan, Tally, node};
use crate::chance::Chance;
use crate::terminal::Terminal;
use crate::watch::wait_for;

/// A run is a terminal.
pub(super) const MODE: Mode = Mode {
    name: "terminal",
    about: "the terminal of a busy node is closed; a run is a terminal",
    run,
    usual: Budget::Runs(100),
};

/// Makes its standard input its terminal.
const LAUNCHER: &[&str] = &["setsid", "--ctty"];
/// Within which a program ends whose terminal is gone.
const SOON: Duration = Duration::from_secs(1);

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    adopt_orphans();
    let mut chance = Chance::new(plan.seed);
    let mut unguarded = Vec::new();
    while plan.goes_on(tally) {
        let kindred = Kindred::any(&mut chance);
        let aftermath = Aftermath::before();
        let terminal = Terminal::open();
        let mut command = kindred.command(aftermath.directory(), LAUNCHER);
        let child = command.stdin(terminal.line()).stdout(terminal.line()).stderr(terminal.line()).spawn();
        let mut child = child.expect("`setsid` can be started");
        // The command keeps what the child has got.
        drop(command);
        let lived = kindred.lives_until(&mut chance, &terminal.screen);
        drop(terminal);
        let ended = wait_for(SOON, || child.try_wait().expect("it is our child"));
        lived?;
        tally.kills += 1;
        let is_hung_up = ended.is_some_and(|status| !status.success() || status.signal().is_some());
        Kind::Wedged.unless(is_hung_up, || format!("{kindred:?} does not end with its terminal: {ended:?}"))?;
        let took = node::is_clean(&aftermath, kindred, child.id(), &mut unguarded)?;
        tally.recovered_within(took);
        tally.runs += 1;
    }
    node::the_next_finds(&unguarded)
}
