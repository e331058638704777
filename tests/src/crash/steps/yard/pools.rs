//! The worker of a pool: led from the end of one task over its results to the next task, and to its end.
//!
//! Whenever it dies, each task is done and has its result once. One that was begun is begun again at most as
//! often as workers have died, and one whose results were sent is not. Afterwards the pool has its size.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::time::Duration;

use actor_core::pool::{MapHandle, MapOptions, Options, Pool, TaskHandle};
use serde::{Deserialize, Serialize};

use super::super::scene::Notes;
use super::super::sleeper::at_last;
use super::thing::{Dead, Thing, Victim, Works};
use crate::board::Board;
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;
use crate::watch::{bound, has_state};

/// What it is given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Two tasks, one after the other.
    Tasks,
    /// So, and their results are large.
    LargeTasks,
    /// One task of three items.
    Chunk,
}

/// What is tried.
pub(super) struct Pooled {
    act: Act,
    pool: Option<Pool>,
    board: Board,
    submitted: Submitted,
}

enum Submitted {
    Nothing,
    Tasks(Vec<TaskHandle<Vec<u64>>>),
    Map(MapHandle<Vec<u64>>),
}

/// A task: what it notes its begin on, which one it is, and how long its result is to be.
#[derive(Clone, Serialize, Deserialize)]
struct Work {
    board: Board,
    number: usize,
    length: usize,
}

/// Words of the board: the process that stands in the first task, and how often each was begun.
const STANDS: usize = 0;
const BEGUN: usize = 1;
const ITEMS: usize = 3;
/// A result that lies in its slot, and one that does not.
const SHORT: usize = 2;
const LONG: usize = 300;
/// How long it may take until another worker has the place of the dead and has done what is left.
const DONE: Duration = Duration::from_secs(8);

impl Pooled {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        let pool = Options { workers: 1, retries: 3, max_pending: 8, bytes_max: 100_000, ..Options::default() };
        let (pool, board) = (Some(pool.start().works()?), Board::new(BEGUN + ITEMS));
        Ok(Box::new(Pooled { act, pool, board, submitted: Submitted::Nothing }))
    }

    fn work(&self, number: usize) -> Work {
        let length = if self.act == Act::LargeTasks { LONG } else { SHORT };
        Work { board: self.board.clone(), number, length }
    }

    fn items(&self) -> usize {
        if self.act == Act::Chunk { ITEMS } else { 2 }
    }

    fn pool(&self) -> Result<&Pool, Fault> {
        self.pool.as_ref().ok_or_else(|| Kind::Wedged.fault("there is no pool"))
    }

    /// The one who stands in the first task, once there is one.
    fn stands(&self) -> Option<u32> {
        Some(self.board[STANDS].load(Acquire) as u32).filter(|pid| *pid != 0)
    }

    /// What has come of all, in order.
    fn results(&mut self) -> Result<Vec<Vec<u64>>, Fault> {
        let time = bound(DONE);
        match std::mem::replace(&mut self.submitted, Submitted::Nothing) {
            Submitted::Nothing => Ok(Vec::new()),
            Submitted::Tasks(tasks) => {
                tasks.into_iter().map(|mut task| task.wait_timeout(time).ok_or_else(late)?.map_err(untold)).collect()
            }
            Submitted::Map(mut map) => map.wait_timeout(time).ok_or_else(late)?.map_err(untold),
        }
    }
}

fn late() -> Fault {
    Kind::Wedged.fault("a task is never done")
}

fn untold(error: impl std::fmt::Display) -> Fault {
    Kind::Lost.fault(format!("a task may be tried again, and has ended with: {error}"))
}

impl Thing for Pooled {
    fn begin(&mut self, _: &Notes) -> Result<Victim, Fault> {
        // What a worker does for the first time in its life is not what is tried.
        let mut warm = self.work(0);
        warm.number = usize::MAX;
        self.pool()?.apply(work, warm).works()?;
        self.board.iter().for_each(|word| word.store(0, Release));
        let works: Vec<Work> = (0..self.items()).map(|number| self.work(number)).collect();
        let pool = self.pool()?;
        self.submitted = match self.act {
            Act::Chunk => {
                let options = MapOptions { chunk_size: Some(ITEMS), ..MapOptions::default() };
                Submitted::Map(options.map_async(pool, work, works))
            }
            _ => Submitted::Tasks(
                works.into_iter().map(|task| pool.submit(work, task)).collect::<Result<_, _>>().works()?,
            ),
        };
        let stands = || self.stands().is_some_and(|pid| has_state(pid, pid, 'T'));
        Kind::Wedged.unless(at_last(stands), || "the worker does not begin".to_owned())?;
        Ok(Victim::Worker(self.stands().unwrap_or(0)))
    }

    fn check(&mut self, _: &Dead) -> Result<(), Fault> {
        for (number, result) in self.results()?.iter().enumerate() {
            let expected = answer(number, self.work(number).length);
            Kind::Torn.unless(*result == expected, || format!("the result of task {number} is {result:?}"))?;
        }
        let begun = (0..self.items()).map(|number| self.board[BEGUN + number].load(Acquire));
        let begun: Vec<u64> = begun.collect();
        Kind::Lost.unless(!begun.contains(&0), || format!("tasks were begun {begun:?} times"))?;
        // One death costs one item one attempt.
        let again: u64 = begun.iter().map(|times| times - 1).sum();
        Kind::Doubled.unless(again <= 1, || format!("one worker has died, and tasks were begun {begun:?} times"))
    }

    fn leave(mut self: Box<Self>) {
        drop(self.pool.take());
    }
}

fn answer(number: usize, length: usize) -> Vec<u64> {
    vec![number as u64; length]
}

fn work(work: Work) -> Vec<u64> {
    let Work { board, number, length } = work;
    if number < ITEMS {
        board[BEGUN + number].fetch_add(1, AcqRel);
    }
    let me = std::process::id().into();
    if number == 0 && board[STANDS].compare_exchange(0, me, AcqRel, Acquire).is_ok() {
        stand_still();
    }
    answer(number, length)
}
