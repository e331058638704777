//! What is lost, doubled, torn, wedged or left behind when processes die? The modes of the program `crash`.
//!
//! Each mode kills in a way of its own and checks afterwards, with books that the crate under test does
//! not keep. What it has found goes into a [`Tally`], and each thing that is wrong is a [`Fault`] which
//! says how to see it again. A mode has no opinion about how long it runs: that is the [`Plan`]'s.
//!
//! A mode must not count what it has not looked at, and must not go on after a fault that would make
//! others look like faults of their own.

mod aftermath;
pub mod controls;
mod fault;
pub mod kills;
mod logs;
mod middle;
mod node;
mod numbers;
mod sharing;
mod signals;
mod simulate;
pub mod steps;
mod tally;
mod terminal;
mod victim;
mod zygote;

use std::path::PathBuf;
use std::time::Duration;

pub use fault::{Fault, Kind};
pub use tally::Tally;

/// As the first argument of `crash`, before kind, number and end: a busy node to be killed.
pub const BUSY: &str = "busy";

/// One way to kill and to look.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is killed, and what a run is.
    pub about: &'static str,
    /// Carries out a plan. What was found before a fault stays in the tally.
    pub run: fn(&Plan, &mut Tally) -> Result<(), Fault>,
    /// The budget of who names none.
    pub usual: Budget,
}

/// All of them, in the order in which `crash all` runs them.
pub const MODES: &[Mode] = &[
    kills::MODE,
    sharing::MODE,
    steps::MODE,
    steps::images::MODE,
    node::MODE,
    zygote::MODE,
    terminal::MODE,
    middle::MODE,
    numbers::MODE,
    simulate::MODE,
    // The last one: from then on somebody listens.
    logs::MODE,
];

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How much of it.
    pub budget: Budget,
    /// Decides what is left to chance.
    pub seed: u64,
    /// Only this part of the mode, in the words of a [`Fault`] of that mode.
    pub only: Option<String>,
    /// Where it is kept what was covered, for the next run of a mode that may be made in slices.
    pub covered: Option<PathBuf>,
    /// After so many faults a mode that could look for more does not.
    pub faults_max: usize,
}

/// More faults than these say nothing new.
const FAULTS_MAX: usize = 20;

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// So many runs; what a run is, the mode says.
    Runs(u64),
    /// As many as can be begun within this time.
    Time(Duration),
}

impl Plan {
    /// All of a mode, and nothing kept of it.
    pub fn new(budget: Budget, seed: u64) -> Plan {
        Plan { budget, seed, only: None, covered: None, faults_max: FAULTS_MAX }
    }

    /// Whether there is another run after those of the tally.
    pub fn goes_on(&self, tally: &Tally) -> bool {
        let may_look_further = tally.faults().len() < self.faults_max;
        may_look_further
            && match self.budget {
                Budget::Runs(runs) => tally.runs < runs,
                Budget::Time(time) => tally.elapsed() < time,
            }
    }

    /// The command line that carries out this plan again, after the program's name.
    pub fn again(&self, mode: &str, only: Option<&str>) -> String {
        let budget = match self.budget {
            Budget::Runs(runs) => format!("--runs {runs}"),
            Budget::Time(time) => format!("--seconds {}", time.as_secs_f64()),
        };
        let only = only.or(self.only.as_deref()).map_or(String::new(), |only| format!(" --only {only}"));
        format!("crash {mode} {budget} --seed {}{only}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let plan = Plan::new(Budget::Runs(2), 7);
        let mut tally = Tally::new("nothing");
        assert!(plan.goes_on(&tally));
        tally.runs = 2;
        assert!(!plan.goes_on(&tally));
        assert_eq!(plan.again("steps", None), "crash steps --runs 2 --seed 7");
        assert_eq!(plan.again("steps", Some("send:3")), "crash steps --runs 2 --seed 7 --only send:3");
        let none = Plan { budget: Budget::Time(Duration::ZERO), ..plan };
        assert!(!none.goes_on(&tally));
    }

    #[test]
    fn nothing_goes_on_after_as_many_faults_as_are_wanted() {
        let plan = Plan { faults_max: 2, ..Plan::new(Budget::Runs(1), 7) };
        let mut tally = Tally::new("nothing");
        tally.note(Kind::Torn.fault("x"));
        assert!(plan.goes_on(&tally));
        tally.note(Kind::Torn.fault("y"));
        assert!(!plan.goes_on(&tally));
    }

    #[test]
    fn names_are_not_used_twice() {
        let names: std::collections::BTreeSet<&str> = MODES.iter().map(|mode| mode.name).collect();
        assert_eq!(names.len(), MODES.len());
    }
}
