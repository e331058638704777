//! [`Yard`]: where the operations are tried on everything that processes share beside queues and mailboxes.
//!
//! What that is, and what has to hold of it, each kind of thing says itself, in a file of its own; a row of
//! the [`table`] is one of its operations. Here a victim is led to its place and killed, and the node repairs.
//! A thing is used for one trial after the other, so damage that is not seen at once has many chances to be
//! seen later; after a fault it is made anew.

mod barriers;
mod conditions;
mod events;
mod locks;
mod moves;
mod permits;
mod pipes;
mod pools;
mod readers;
pub(super) mod table;
mod thing;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Release;
use std::time::{Duration, Instant};

use actor_core::ExitReason;
use actor_core::process::{JoinError, Process};

use self::table::{Meanwhile, ROWS};
use self::thing::{Dead, Thing, Victim};
use super::known::{Known, Moment};
use super::office::kill_led;
use super::scene::{Notes, WORDS};
use crate::board::Board;
use crate::chance::Chance;
use crate::crash::{Fault, Kind};
use crate::steps::Stepped;
use crate::watch::bound;

/// All the things.
pub(super) struct Yard {
    board: Board,
    things: BTreeMap<usize, Box<dyn Thing>>,
    pub(super) known: BTreeMap<usize, Known>,
    chance: Chance,
    trials: u32,
    pub(super) kills: u64,
    pub(super) recovery_max: Duration,
}

/// How long the node may take to tell of a death.
const REPAIR: Duration = Duration::from_secs(5);

impl Yard {
    pub(super) fn new(chance: Chance) -> Yard {
        let (things, known) = (BTreeMap::new(), BTreeMap::new());
        Yard { board: Board::new(WORDS), things, known, chance, trials: 0, kills: 0, recovery_max: Duration::ZERO }
    }

    /// As [`explore`](super::field::Field::explore) of a field.
    pub(super) fn explore(&mut self, row: usize) -> Result<usize, Fault> {
        let moment = match ROWS[row].meanwhile {
            Meanwhile::Nothing => Moment::Never,
            Meanwhile::GoesOn => match self.explore_with(row, Moment::Never)? {
                Known { sleeps: true, way, .. } => Moment::Asleep(way.len() - 1),
                Known { way, .. } => Moment::Before(self.chance.below(way.len() as u64) as usize),
            },
        };
        let known = self.explore_with(row, moment)?;
        let steps = known.steps();
        self.known.insert(row, known);
        Ok(steps)
    }

    fn explore_with(&mut self, row: usize, moment: Moment) -> Result<Known, Fault> {
        let mut known = Known::new(moment);
        self.run_led(row, |thing, stepped, notes| {
            known.explore(stepped, || notes.is_over(), || thing.go_on()).map(|()| true)
        })?;
        Ok(known)
    }

    /// As [`run`](super::field::Field::run) of a field.
    pub(super) fn run(&mut self, row: usize, steps: usize) -> Result<bool, Fault> {
        let known = std::mem::take(&mut self.known);
        let result = self.run_led(row, |thing, stepped, _| known[&row].lead(stepped, steps, || thing.go_on()));
        self.known = known;
        result
    }

    /// As [`is_near`](super::field::Field::is_near) of a field.
    pub(super) fn is_near(&self, row: usize, steps: usize) -> bool {
        self.known.get(&row).is_some_and(|known| known.is_near(steps))
    }

    /// Gives everything back.
    pub(super) fn leave(self) {
        self.things.into_values().for_each(|thing| thing.leave());
    }

    fn run_led(
        &mut self,
        row: usize,
        lead: impl FnOnce(&mut dyn Thing, &Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let mut thing = match self.things.remove(&row) {
            Some(thing) => thing,
            None => (ROWS[row].make)()?,
        };
        let result = self.try_run(thing.as_mut(), lead);
        match &result {
            Ok(_) => drop(self.things.insert(row, thing)),
            Err(_) => thing.leave(),
        }
        result
    }

    fn try_run(
        &mut self,
        thing: &mut dyn Thing,
        lead: impl FnOnce(&mut dyn Thing, &Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        self.trials += 1;
        self.board.iter().for_each(|word| word.store(0, Release));
        let notes = Notes { board: self.board.clone(), trial: self.trials, seat: 0 };
        let victim = thing.begin(&notes)?;
        let pid = victim.pid();
        let stepped =
            Stepped::take_over(pid).map_err(|error| Kind::Wedged.fault(format!("a victim does not begin: {error}")))?;
        thing.beside()?;
        let is_there = lead(thing, &stepped, &notes)?;
        let begin = Instant::now();
        kill_led(pid)?;
        self.kills += 1;
        let process = match &victim {
            Victim::Worker(_) => None,
            Victim::Ours(process) => {
                join(process)?;
                self.recovery_max = self.recovery_max.max(begin.elapsed());
                Some(process.id())
            }
        };
        thing.check(&Dead { notes, pid, process })?;
        Ok(is_there)
    }
}

/// Waits until the node has repaired what the dead has left.
fn join(victim: &Process<()>) -> Result<(), Fault> {
    match victim.join_timeout(bound(REPAIR)) {
        Err(JoinError::Died(report)) if matches!(report.reason, ExitReason::Signaled { signal: 9, .. }) => Ok(()),
        other => Err(Kind::Wedged.fault(format!("a victim was killed, and its end is {other:?}"))),
    }
}
