//! One function for many items: [`Pool::map`], and what can be wished for it.
//!
//! Items travel in chunks, each of them a task. An item that fails is one without a value and nothing else:
//! the others of its chunk have theirs, and so they do when a worker dies of it.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::chunks::send_all;
use super::error::{MapError, TaskError};
use super::handle::Pool;
use super::map_handle::MapHandle;
use super::task::TaskOptions;
use crate::time::Deadline;

/// What may differ from one map to another.
///
/// ```
/// use std::cell::Cell;
///
/// use actor_core::pool::{MapOptions, Pool};
///
/// # fn main() -> actor_core::Result<()> {
/// let pool = Pool::new(2)?;
/// let done = Cell::new(0);
/// let note = |progress: actor_core::pool::Progress| done.set(progress.done);
/// let options = MapOptions { chunk_size: Some(10), progress: Some(&note), ..MapOptions::default() };
/// let squares = options.map(&pool, |n: u64| n * n, 0..100)?;
/// assert_eq!((squares[9], done.get()), (81, 100));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Default)]
pub struct MapOptions<'a> {
    /// Items that travel together. Without one as many as make four chunks per worker, and one for `imap`.
    #[doc(alias = "chunksize")]
    pub chunk_size: Option<usize>,
    /// Items of an `imap` that are taken from the input before their results are asked for. Without one it
    /// is four chunks per worker.
    #[doc(alias = "buffersize")]
    pub look_ahead: Option<usize>,
    /// How long an item may take, and how often it is tried again.
    pub task: TaskOptions,
    /// Called by whoever waits for the map, whenever there are further results.
    pub progress: Option<&'a dyn Fn(Progress)>,
}

/// How far a map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Items that have ended, in whatever way.
    pub done: usize,
    /// Of those, how many without a value.
    pub failed: usize,
    /// All items.
    pub total: usize,
}

impl fmt::Debug for MapOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MapOptions { chunk_size, look_ahead, task, .. } = self;
        let mut debug = f.debug_struct("MapOptions");
        debug.field("chunk_size", chunk_size).field("look_ahead", look_ahead).field("task", task);
        debug.finish_non_exhaustive()
    }
}

impl Pool {
    /// Runs `f` for each of `items` and waits for what all of them return, in order. For a function of several
    /// arguments the items are tuples.
    ///
    /// An iterator that does not know its length is read to its end first, and one that panics ends the map:
    /// the pool can be used as before.
    ///
    /// ```
    /// # use actor_core::pool::Pool;
    /// # fn main() -> actor_core::Result<()> {
    /// let pool = Pool::new(2)?;
    /// assert_eq!(pool.map(|n: u32| n * n, 1..=4)?, [1, 4, 9, 16]);
    /// assert_eq!(pool.map(|(a, b): (u32, u32)| a + b, [(1, 2), (3, 4)])?, [3, 7]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`MapError`] when an item has no value; it has the values of all others.
    #[doc(alias = "starmap")]
    pub fn map<A, R>(&self, f: fn(A) -> R, items: impl IntoIterator<Item = A>) -> Result<Vec<R>, MapError<R>>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        MapOptions::default().map(self, f, items)
    }

    /// [`map`](Pool::map) for a time. What is not done by then is given up: it does not begin any more, or its
    /// worker is killed.
    ///
    /// # Errors
    /// As for `map`; the items that were not done are [`TaskError::TimedOut`].
    pub fn map_timeout<A, R>(
        &self,
        f: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
        timeout: Duration,
    ) -> Result<Vec<R>, MapError<R>>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        MapOptions::default().map_by(self, f, items, Deadline::after(timeout))
    }

    /// [`map_timeout`](Pool::map_timeout) until a point in time.
    ///
    /// # Errors
    /// As for `map_timeout`.
    pub fn map_deadline<A, R>(
        &self,
        f: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
        deadline: Instant,
    ) -> Result<Vec<R>, MapError<R>>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        MapOptions::default().map_by(self, f, items, deadline.into())
    }

    /// Has `f` run for each of `items` meanwhile, and returns when all of them were sent: with more chunks than may be
    /// pending, it waits for room.
    #[doc(alias("starmap_async", "callback"))]
    pub fn map_async<A, R>(&self, f: fn(A) -> R, items: impl IntoIterator<Item = A>) -> MapHandle<R>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        MapOptions::default().map_async(self, f, items)
    }
}

impl MapOptions<'_> {
    /// [`Pool::map`] with these.
    ///
    /// # Errors
    /// As for `map`.
    pub fn map<A, R>(
        &self,
        pool: &Pool,
        f: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Vec<R>, MapError<R>>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        self.map_by(pool, f, items, Deadline::Never)
    }

    fn map_by<A, R>(
        &self,
        pool: &Pool,
        f: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
        deadline: Deadline,
    ) -> Result<Vec<R>, MapError<R>>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let mut handle = self.send(pool, f, items, deadline);
        if !handle.collect_by(deadline, self.progress) {
            handle.hub.abandon(handle.job, &TaskError::TimedOut { report: None });
            handle.collect_by(Deadline::Never, self.progress);
        }
        handle.finish()
    }

    /// [`Pool::map_async`] with these; [`progress`](MapOptions::progress) is called by nobody.
    pub fn map_async<A, R>(&self, pool: &Pool, f: fn(A) -> R, items: impl IntoIterator<Item = A>) -> MapHandle<R>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        self.send(pool, f, items, Deadline::Never)
    }

    fn send<A, R>(
        &self,
        pool: &Pool,
        f: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
        deadline: Deadline,
    ) -> MapHandle<R>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let items = items.into_iter();
        let mut handle = MapHandle::started(pool);
        match items.size_hint() {
            (length, Some(most)) if length == most => send_all(pool, self, f, items, length, deadline, &mut handle),
            _ => {
                let items: Vec<A> = items.collect();
                let length = items.len();
                send_all(pool, self, f, items.into_iter(), length, deadline, &mut handle);
            }
        }
        handle.sent()
    }
}
