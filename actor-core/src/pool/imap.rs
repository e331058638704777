//! Results as they come: [`Pool::imap`] and [`Pool::imap_unordered`], iterators, and streams.
//!
//! The input is read by whoever asks for the next result, and no further than the look-ahead: it may be
//! endless, and nothing of it is read while nobody asks.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::board::ITEMS_MAX;
use super::error::{SubmitError, TaskError};
use super::handle::Pool;
use super::ledger::ROOM;
use super::map::MapOptions;
use super::map_handle::news;
use super::message::Draft;
use super::part::Part;
use super::task::Sending;
use crate::time::Deadline;

/// The results of [`Pool::imap`] or [`Pool::imap_unordered`], one for each item of the input.
///
/// An iterator, whose results can be waited for [for a time](Imap::next_timeout) as well; [`stream`](Imap::stream)
/// makes a stream of it. Dropped, it cancels what no worker has begun with.
#[doc(alias("IMapIterator", "IMapUnorderedIterator", "as_completed"))]
#[must_use = "nothing is sent before a result is asked for"]
pub struct Imap<'a, I, R> {
    pool: &'a Pool,
    input: Option<I>,
    sending: Result<Sending, TaskError>,
    job: u64,
    chunk: u64,
    look_ahead: u64,
    is_ordered: bool,
    /// Items that were read, and results that were given.
    read: u64,
    given: u64,
    /// Results that were not given yet.
    ready: BTreeMap<u64, Result<R, TaskError>>,
    /// What was read, and not sent for want of room.
    unsent: Option<(Draft, u64)>,
}

impl Pool {
    /// Runs `f` for each of `items`, which may be endless, and gives the results in order.
    ///
    /// ```
    /// # use actor_core::pool::Pool;
    /// # fn main() -> actor_core::Result<()> {
    /// let pool = Pool::new(2)?;
    /// let squares = pool.imap(|n: u64| n * n, 0..).take(4).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn imap<A, R, I>(&self, f: fn(A) -> R, items: I) -> Imap<'_, I::IntoIter, R>
    where
        I: IntoIterator<Item = A>,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        MapOptions::default().imap(self, f, items)
    }

    /// [`imap`](Pool::imap) that gives each result as soon as it is there.
    pub fn imap_unordered<A, R, I>(&self, f: fn(A) -> R, items: I) -> Imap<'_, I::IntoIter, R>
    where
        I: IntoIterator<Item = A>,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        MapOptions::default().imap_unordered(self, f, items)
    }
}

impl MapOptions<'_> {
    /// [`Pool::imap`] with these; [`progress`](MapOptions::progress) is called by nobody.
    pub fn imap<'p, A, R, I>(&self, pool: &'p Pool, f: fn(A) -> R, items: I) -> Imap<'p, I::IntoIter, R>
    where
        I: IntoIterator<Item = A>,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let sending = Sending::new(pool, &self.task, f).map_err(TaskError::from);
        let chunk = self.chunk_size.unwrap_or(1).clamp(1, ITEMS_MAX - 1) as u64;
        Imap {
            pool,
            input: Some(items.into_iter()),
            sending,
            job: pool.hub.open().new_job(),
            chunk,
            look_ahead: self.look_ahead.map_or(4 * pool.workers as u64 * chunk, |items| items as u64).max(1),
            is_ordered: true,
            read: 0,
            given: 0,
            ready: BTreeMap::new(),
            unsent: None,
        }
    }

    /// [`Pool::imap_unordered`] with these; [`progress`](MapOptions::progress) is called by nobody.
    pub fn imap_unordered<'p, A, R, I>(&self, pool: &'p Pool, f: fn(A) -> R, items: I) -> Imap<'p, I::IntoIter, R>
    where
        I: IntoIterator<Item = A>,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let mut results = self.imap(pool, f, items);
        results.is_ordered = false;
        results
    }
}

/// What an [`Imap`] waits for.
enum Want {
    /// Results.
    Results,
    /// Room for another task; it has none under way.
    Room,
}

impl<A: Serialize, R: DeserializeOwned, I: Iterator<Item = A>> Imap<'_, I, R> {
    /// [`next`](Iterator::next) without waiting. `None`: there is no result yet.
    pub fn try_next(&mut self) -> Option<Option<Result<R, TaskError>>> {
        self.next_by(Deadline::Now)
    }

    /// [`next`](Iterator::next) for a time. `None`: there was no result by then, and it can be waited for again.
    ///
    /// ```
    /// # use actor_core::pool::Pool;
    /// use std::time::Duration;
    ///
    /// # fn main() -> actor_core::Result<()> {
    /// let pool = Pool::new(1)?;
    /// let mut results = pool.imap(|time: Duration| std::thread::park_timeout(time), [Duration::from_millis(100)]);
    /// while results.next_timeout(Duration::from_millis(10)).is_none() {
    ///     // Do something else for a moment.
    /// }
    /// assert_eq!(results.next(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Option<Result<R, TaskError>>> {
        self.next_by(Deadline::after(timeout))
    }

    /// [`next`](Iterator::next) until a point in time. `None`: there was no result by then.
    pub fn next_deadline(&mut self, deadline: Instant) -> Option<Option<Result<R, TaskError>>> {
        self.next_by(deadline.into())
    }

    fn next_by(&mut self, deadline: Deadline) -> Option<Option<Result<R, TaskError>>> {
        loop {
            let (job, hub) = (self.job, &self.pool.hub);
            match self.advance() {
                Ok(next) => return Some(next),
                Err(Want::Results) => {
                    let (parts, _) = hub.wait(job, deadline, |ledger| news(ledger, job))?;
                    self.enter(parts);
                }
                Err(Want::Room) => {
                    hub.wait(ROOM, deadline, |ledger| {
                        (ledger.has_room() || ledger.check_open().is_err()).then_some(())
                    })?;
                }
            }
        }
    }

    /// The next result, if it is there. Before that, sends as much as may be under way.
    fn advance(&mut self) -> Result<Option<Result<R, TaskError>>, Want> {
        loop {
            let has_room = self.refill();
            if let Some(result) = self.take_ready() {
                return Ok(Some(result));
            }
            let (parts, is_all) =
                self.pool.hub.wait(self.job, Deadline::Now, |ledger| news(ledger, self.job)).unwrap_or_default();
            if parts.is_empty() {
                return match (is_all, has_room) {
                    (true, true) if self.input.is_none() => Ok(None),
                    (true, false) => Err(Want::Room),
                    _ => Err(Want::Results),
                };
            }
            self.enter(parts);
        }
    }

    fn take_ready(&mut self) -> Option<Result<R, TaskError>> {
        let number = if self.is_ordered { self.given } else { *self.ready.first_key_value()?.0 };
        let result = self.ready.remove(&number)?;
        self.given += 1;
        Some(result)
    }

    fn enter(&mut self, parts: Vec<Part>) {
        for part in parts {
            part.items(|number, result| drop(self.ready.insert(number, result)));
        }
    }

    /// Reads and sends until enough is under way. False: the pool has no room.
    fn refill(&mut self) -> bool {
        loop {
            if let Some((draft, first)) = self.unsent.take()
                && !self.send(draft, first)
            {
                return false;
            }
            if self.input.is_none() || self.look_ahead <= self.read - self.given {
                return true;
            }
            self.read_chunk();
        }
    }

    /// Reads a chunk of the input. An item that cannot be encoded is one without a value, and the chunk ends
    /// before it.
    fn read_chunk(&mut self) {
        let head = self.sending.as_ref().map_or(&[][..], |sending| &sending.head);
        let (mut draft, first) = (Draft::new(head), self.read);
        let most = self.chunk.min(self.look_ahead - (self.read - self.given));
        while u64::from(draft.items) < most {
            // Taken out meanwhile: an input that panics is not asked again.
            let Some(mut input) = self.input.take() else { break };
            let Some(args) = input.next() else { break };
            self.input = Some(input);
            let number = self.read;
            self.read += 1;
            let pushed = match &self.sending {
                Ok(_) => draft.push(&args).map_err(TaskError::from),
                Err(error) => Err(error.clone()),
            };
            if let Err(error) = pushed {
                self.ready.insert(number, Err(error));
                break;
            }
        }
        if draft.items != 0 {
            self.unsent = Some((draft, first));
        }
    }

    /// Sends a chunk. False: the pool has no room.
    fn send(&mut self, mut draft: Draft, first: u64) -> bool {
        let Ok(sending) = &self.sending else { return true };
        match sending.send(self.pool, &mut draft, self.job, first, Deadline::Now) {
            Ok(_) => true,
            Err(SubmitError::Full) => {
                self.unsent = Some((draft, first));
                false
            }
            Err(error) => {
                let error = TaskError::from(error);
                let numbers = first..first + u64::from(draft.items);
                self.ready.extend(numbers.map(|number| (number, Err(error.clone()))));
                if !matches!(error, TaskError::NotSubmitted(SubmitError::TooLarge { .. } | SubmitError::NoMemory)) {
                    // Nothing will be accepted any more.
                    self.input = None;
                }
                true
            }
        }
    }
}

impl<A: Serialize, R: DeserializeOwned, I: Iterator<Item = A>> Iterator for Imap<'_, I, R> {
    type Item = Result<R, TaskError>;

    /// Waits for the next result. Ends when the input has, and at a pool that takes no more tasks after the
    /// first that it has refused.
    fn next(&mut self) -> Option<Result<R, TaskError>> {
        self.next_by(Deadline::Never).flatten()
    }
}

/// An [`Imap`] as a stream, in every executor: the value of [`Imap::stream`].
///
/// The input is read by the task that polls, and is not to block. Dropped, it cancels what no worker has
/// begun with.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ImapStream<'a, I, R>(Imap<'a, I, R>);

impl<'a, I, R> Imap<'a, I, R> {
    /// The same results as a stream.
    ///
    /// ```
    /// # use actor_core::pool::Pool;
    /// use futures::StreamExt;
    ///
    /// # fn main() -> actor_core::Result<()> {
    /// let pool = Pool::new(2)?;
    /// let squares = pool.imap(|n: u64| n * n, 0..).stream().take(3).collect::<Vec<_>>();
    /// assert_eq!(futures::executor::block_on(squares), [Ok(0), Ok(1), Ok(4)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(self) -> ImapStream<'a, I, R> {
        ImapStream(self)
    }
}

impl<I, R> Unpin for ImapStream<'_, I, R> {}

impl<A: Serialize, R: DeserializeOwned, I: Iterator<Item = A>> Stream for ImapStream<'_, I, R> {
    type Item = Result<R, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut self.0;
        loop {
            let (job, hub) = (this.job, &this.pool.hub);
            match this.advance() {
                Ok(next) => return Poll::Ready(next),
                Err(Want::Results) => {
                    let (parts, _) = std::task::ready!(hub.poll(job, context, |ledger| news(ledger, job)));
                    this.enter(parts);
                }
                Err(Want::Room) => {
                    let has_room = hub.poll(ROOM, context, |ledger| {
                        (ledger.has_room() || ledger.check_open().is_err()).then_some(())
                    });
                    std::task::ready!(has_room);
                }
            }
        }
    }
}

impl<I, R> Drop for Imap<'_, I, R> {
    fn drop(&mut self) {
        self.pool.hub.cancel_all(self.job);
        self.pool.hub.open().drop_job(self.job);
    }
}

impl<I, R> fmt::Debug for Imap<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("read", &self.read).field("given", &self.given).finish_non_exhaustive()
    }
}
