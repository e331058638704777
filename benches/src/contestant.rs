//! [`Contestant`]: one who takes part, and how much is asked of it.

use std::time::Duration;

use crate::Result;
use crate::case::{Case, Flow};
use crate::worker::Part;

/// One who takes part in some of the cases.
pub(crate) trait Contestant: Sync {
    fn who(&self) -> &'static str;

    fn place(&self) -> Place;

    fn takes(&self, case: Case) -> bool;

    /// Measures once, in a process that does nothing else. Called for cases that it takes only.
    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome>;

    /// Removes what a measurement in the process `pid` may have left behind; that has ended by now.
    fn clear(&self, _pid: u32) {}

    /// The part of the other process, which [`Worker::start`](crate::worker::Worker::start) makes.
    fn work(&self, _part: Part) -> Result<()> {
        Err(format!("{} works in one process", self.who()).into())
    }
}

/// Where the two sides are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In processes of their own, and ours.
    Ours,
    /// In processes of their own.
    Across,
    /// Threads or tasks of one process, so that nothing of what a process is for is had.
    Inside,
    /// Nobody: what the machine and the kernel take for the least that has to be done.
    Limit,
}

pub(crate) enum Outcome {
    /// As many as the case has, in their order. `None`: it has not got this one.
    Figures(Vec<Option<f64>>),
    /// It cannot take part on this machine, and why.
    Skipped(String),
}

impl Outcome {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Result<Outcome> {
        Ok(Outcome::Figures(figures.into_iter().map(Some).collect()))
    }
}

/// How much is done for one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough for a figure.
    Full,
    /// Enough to see that it works.
    Quick,
}

impl Effort {
    /// Messages of a flow, where about `pace` of them are expected in a second: the same number from
    /// each producer.
    pub(crate) fn messages(self, flow: Flow, pace: f64) -> usize {
        let count = (pace * self.pick(0.2, 0.01)) as usize;
        (count / flow.producers).max(32) * flow.producers
    }

    /// Casts, where about `pace` of them are expected in a second.
    pub(crate) fn casts(self, pace: f64) -> usize {
        (pace * self.pick(0.2, 0.01)) as usize
    }

    /// Calls one after the other.
    pub(crate) fn calls(self, case: Case) -> usize {
        match case {
            Case::CallHot => self.pick(10_000, 200),
            _ => self.pick(150, 10),
        }
    }

    /// Processes that are started one after the other.
    pub(crate) fn spawns(self) -> usize {
        self.pick(50, 3)
    }

    /// What stands for a thousand: all of them, or a part whose time is multiplied.
    pub(crate) fn thousand(self) -> usize {
        self.pick(1000, 50)
    }

    /// Processes that wait.
    pub(crate) fn idle(self) -> usize {
        self.pick(200, 10)
    }

    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Effort::Full => full,
            Effort::Quick => quick,
        }
    }
}

/// Milliseconds for a thousand, if `count` of them took this long.
pub(crate) fn for_a_thousand(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e3 * 1000.0 / count as f64
}
