//! Our pool: a call that comes back, and a map of many small tasks.

use std::time::Instant;

use actor_core::pool::{Initializer, MapOptions, Options, Pool, TaskError};

use crate::Result;
use crate::call::middle_and_bad;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::cpu::{self, Seats};

/// A pool, whose maps have the chunks that it takes by default.
pub(crate) const BY_DEFAULT: Map = Map { who: "actor-core: pool, default chunks", chunk_size: None };
/// The same with a task for each item.
pub(crate) const ONE_BY_ONE: Map = Map { who: "actor-core: pool, chunks of 1", chunk_size: Some(1) };

/// Items of a map, each of 64 bytes.
const ITEMS: usize = 10_000;

/// One way to map.
pub(crate) struct Map {
    who: &'static str,
    chunk_size: Option<usize>,
}

impl Contestant for Map {
    fn who(&self) -> &'static str {
        self.who
    }

    fn place(&self) -> Place {
        Place::Ours
    }

    fn takes(&self, case: Case) -> bool {
        case == Case::PoolMap
    }

    fn measure(&self, _: Case, effort: Effort) -> Result<Outcome> {
        let pool = Pool::new(2)?;
        let options = MapOptions { chunk_size: self.chunk_size, ..MapOptions::default() };
        let items: Vec<String> = (0..ITEMS).map(|n| format!("{n:064}")).collect();
        let mut samples = Vec::new();
        // The first one is for who wakes up.
        for _ in 0..1 + effort.pick(10, 1) {
            // A map takes its items: who has them at hand before has them so again.
            let taken = items.clone();
            let start = Instant::now();
            let lengths = options.map(&pool, length, taken)?;
            samples.push(start.elapsed());
            if lengths.len() != ITEMS || lengths.iter().any(|length| *length != 64) {
                return Err("a map has lost something".into());
            }
        }
        let mut samples = samples.split_off(1);
        samples.sort_unstable();
        Outcome::of([samples[samples.len() / 2].as_secs_f64() * 1e3])
    }
}

/// The least that reads its argument.
fn length(text: String) -> u64 {
    text.len() as u64
}

/// A call by way of a pool of one.
pub(crate) struct Apply;

impl Contestant for Apply {
    fn who(&self) -> &'static str {
        "actor-core: Pool::apply"
    }

    fn place(&self) -> Place {
        Place::Ours
    }

    fn takes(&self, case: Case) -> bool {
        case == Case::CallHot
    }

    /// The bad ones with two CPUs, then the middle with one.
    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let seats = Seats::apart()?;
        let apart = applied(seats.here, seats.there, effort.calls(case))?;
        let together = applied(seats.here, seats.here, effort.calls(case))?;
        Outcome::of([apart[0], apart[1], together[0]])
    }
}

fn applied(here: usize, there: usize, count: usize) -> Result<Vec<f64>> {
    let options =
        Options { workers: 1, initializer: Some(Initializer::new(cpu::stay_on, there)?), ..Options::default() };
    let pool = options.start()?;
    cpu::stay_on(here)?;
    let mut samples = Vec::with_capacity(count);
    for round in 0..count / 4 + count {
        let start = Instant::now();
        let answer: std::result::Result<u64, TaskError> = pool.apply(|n: u64| n + 1, round as u64);
        if round >= count / 4 {
            samples.push(start.elapsed());
        }
        if answer? != round as u64 + 1 {
            return Err("a call has come back wrong".into());
        }
    }
    Ok(middle_and_bad(samples).into_iter().collect())
}
