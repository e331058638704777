//! [`MapHandle`]: a map under way.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::error::{MapError, TaskError};
use super::handle::Pool;
use super::hub::Hub;
use super::ledger::Ledger;
use super::map::Progress;
use super::part::Part;
use crate::time::Deadline;

/// A map under way: all of its items, or those that have failed.
///
/// Its results are given once. Dropped, the items go on and their results are nobody's;
/// [`cancel`](MapHandle::cancel) or [`kill`](MapHandle::kill) them if they are not to. It is a future of the
/// results as well.
///
/// ```
/// # use actor_core::pool::Pool;
/// #[actor_core::main]
/// async fn main() -> actor_core::Result<()> {
///     let pool = Pool::new(2)?;
///     assert_eq!(pool.map_async(|n: u32| n + 1, 0..3).await?, [1, 2, 3]);
///     Ok(())
/// }
/// ```
#[doc(alias = "MapResult")]
#[must_use = "without its handle nobody has the results of a map"]
pub struct MapHandle<R> {
    pub(super) hub: Arc<Hub>,
    pub(super) job: u64,
    /// By number; `None`: not yet.
    results: Vec<Option<Result<R, TaskError>>>,
    progress: Progress,
    /// False while the input is read, which may panic.
    is_sent: bool,
    _result: PhantomData<fn() -> R>,
}

impl<R> MapHandle<R> {
    /// Cancels all chunks that no worker has begun with.
    pub fn cancel(&self) {
        self.hub.cancel_all(self.job);
    }

    /// Cancels all that is not done: workers that are at it are killed, and others take their place.
    pub fn kill(&self) {
        self.hub.abandon_without_waiting(self.job, &TaskError::Cancelled);
    }

    /// Whether all results are there, or were given.
    #[doc(alias = "ready")]
    pub fn is_done(&self) -> bool {
        self.hub.open().is_settled(self.job)
    }

    pub(super) fn started(pool: &Pool) -> MapHandle<R> {
        MapHandle {
            hub: pool.hub.clone(),
            job: pool.hub.open().new_job(),
            results: Vec::new(),
            progress: Progress { done: 0, failed: 0, total: 0 },
            is_sent: false,
            _result: PhantomData,
        }
    }

    /// All items are on their way.
    pub(super) fn sent(mut self) -> MapHandle<R> {
        self.is_sent = true;
        self
    }

    pub(super) fn reserve(&mut self, items: usize) {
        self.results.reserve_exact(items);
    }

    /// The number of the next item.
    pub(super) fn one_more(&mut self) -> usize {
        self.results.push(None);
        self.progress.total = self.results.len();
        self.results.len() - 1
    }

    /// All items from this one on that have no result get this one.
    pub(super) fn put_rest(&mut self, first: usize, error: &TaskError) {
        (first..self.results.len()).for_each(|number| self.put(number, Err(error.clone())));
    }

    pub(super) fn put(&mut self, number: usize, result: Result<R, TaskError>) {
        let Some(place) = self.results.get_mut(number).filter(|place| place.is_none()) else { return };
        self.progress.done += 1;
        self.progress.failed += usize::from(result.is_err());
        *place = Some(result);
    }

    pub(super) fn finish(&mut self) -> Result<Vec<R>, MapError<R>> {
        let results = std::mem::take(&mut self.results);
        let has_failed = results.iter().any(|result| !matches!(result, Some(Ok(_))));
        let results = results.into_iter().map(|result| result.unwrap_or(Err(TaskError::Taken)));
        match has_failed {
            false => Ok(results.filter_map(Result::ok).collect()),
            true => Err(MapError { results: results.collect() }),
        }
    }
}

impl<R: DeserializeOwned> MapHandle<R> {
    /// Waits for all results.
    ///
    /// # Errors
    /// As for [`Pool::map`].
    #[doc(alias = "get")]
    pub fn wait(mut self) -> Result<Vec<R>, MapError<R>> {
        self.collect_by(Deadline::Never, None);
        self.finish()
    }

    /// The results, if all are there.
    pub fn try_wait(&mut self) -> Option<Result<Vec<R>, MapError<R>>> {
        self.collect_by(Deadline::Now, None).then(|| self.finish())
    }

    /// Waits for all results for a time. `None`: not all were there by then; the map goes on.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Option<Result<Vec<R>, MapError<R>>> {
        self.collect_by(Deadline::after(timeout), None).then(|| self.finish())
    }

    /// Waits for all results until a point in time. `None`: not all were there by then; the map goes on.
    pub fn wait_deadline(&mut self, deadline: Instant) -> Option<Result<Vec<R>, MapError<R>>> {
        self.collect_by(deadline.into(), None).then(|| self.finish())
    }

    /// How far it is.
    pub fn progress(&mut self) -> Progress {
        self.collect_by(Deadline::Now, None);
        self.progress
    }

    /// Waits for results and decodes them as they come. False: some are missing.
    pub(super) fn collect_by(&mut self, deadline: Deadline, progress: Option<&dyn Fn(Progress)>) -> bool {
        let job = self.job;
        loop {
            let Some((parts, is_all)) = self.hub.wait(job, deadline, |ledger| news(ledger, job)) else { return false };
            self.enter(parts);
            if let Some(progress) = progress {
                progress(self.progress);
            }
            if is_all {
                return true;
            }
        }
    }

    fn enter(&mut self, parts: Vec<Part>) {
        for part in parts {
            part.items(|number, result| self.put(number as usize, result));
        }
    }
}

/// What has come of a job, and whether that was all.
pub(super) fn news(ledger: &mut Ledger, job: u64) -> Option<(Vec<Part>, bool)> {
    let is_all = ledger.is_settled(job);
    let parts = ledger.take_parts(job);
    (is_all || !parts.is_empty()).then_some((parts, is_all))
}

impl<R> Unpin for MapHandle<R> {}

/// Polled again after it was ready, it gives nothing.
impl<R: DeserializeOwned> Future for MapHandle<R> {
    type Output = Result<Vec<R>, MapError<R>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let job = self.job;
        loop {
            let hub = self.hub.clone();
            let (parts, is_all) = std::task::ready!(hub.poll(job, context, |ledger| news(ledger, job)));
            self.enter(parts);
            if is_all {
                return Poll::Ready(self.finish());
            }
        }
    }
}

impl<R> Drop for MapHandle<R> {
    fn drop(&mut self) {
        if !self.is_sent {
            // The input has panicked, so nobody will have the results.
            self.hub.cancel_all(self.job);
        }
        self.hub.open().drop_job(self.job);
    }
}

impl<R> fmt::Debug for MapHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapHandle").field("progress", &self.progress).finish_non_exhaustive()
    }
}
