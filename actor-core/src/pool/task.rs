//! One task: [`Pool::apply`], [`Pool::submit`], and the [`TaskHandle`] on one that is under way.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::board::TaskId;
use super::error::{SubmitError, TaskError};
use super::handle::Pool;
use super::hub::Hub;
use super::ledger::{Ledger, Pending};
use super::message::{self, Draft, Head};
use super::part::Part;
use super::run;
use super::tasks::Priority;
use crate::boot::Function;
use crate::time::Deadline;
use crate::wire;

/// What may differ from one task to another.
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::pool::{Pool, TaskError, TaskOptions};
///
/// # fn main() -> actor_core::Result<()> {
/// let pool = Pool::new(1)?;
/// let options = TaskOptions { timeout: Some(Duration::from_millis(20)), ..TaskOptions::default() };
/// let stuck = options.submit(&pool, |()| std::thread::park(), ())?;
/// assert!(matches!(stuck.wait(), Err(TaskError::TimedOut { .. })));
/// assert_eq!(pool.apply(|n: u32| 2 * n, 21)?, 42); // by another worker
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskOptions {
    /// How long it may take from its begin, before its worker is killed; without one as the
    /// [pool](super::Options::task_timeout) says.
    pub timeout: Option<Duration>,
    /// How often it is tried again after the death of its worker; without one as the
    /// [pool](super::Options::retries) says.
    pub retries: Option<u32>,
    /// Before or after what else is pending it begins.
    pub priority: Priority,
}

impl TaskOptions {
    /// [`Pool::submit`] with these.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub fn submit<A, R>(&self, pool: &Pool, f: fn(A) -> R, args: A) -> Result<TaskHandle<R>, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        self.submit_by(pool, f, args, Deadline::Never)
    }

    fn submit_by<A, R>(
        &self,
        pool: &Pool,
        f: fn(A) -> R,
        args: A,
        deadline: Deadline,
    ) -> Result<TaskHandle<R>, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let sending = Sending::new(pool, self, f)?;
        let mut draft = Draft::new(&sending.head);
        draft.push(&args)?;
        let job = pool.hub.open().new_job();
        // Dropped at an error, it takes back the job.
        let mut handle = TaskHandle { hub: pool.hub.clone(), job, id: None, _result: PhantomData };
        handle.id = Some(sending.send(pool, &mut draft, job, 0, deadline)?);
        Ok(handle)
    }
}

/// The same for all tasks of one function.
pub(super) struct Sending {
    pub(super) head: Vec<u8>,
    retries: u32,
    timeout: Option<Duration>,
    priority: Priority,
}

impl Sending {
    /// # Errors
    /// The function cannot be sent.
    pub(super) fn new<A, R>(pool: &Pool, options: &TaskOptions, f: fn(A) -> R) -> Result<Sending, SubmitError>
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let (retries, timeout) = (options.retries.unwrap_or(pool.retries), options.timeout.or(pool.task_timeout));
        let places = Function::of(f).zip(Function::of(run::enter::<A, R> as fn(Box<run::Run>) -> Box<run::Run>));
        let Some((function, entry)) = places else { return Err(SubmitError::NotInExecutable) };
        let head = Head { entry, function: message::raw(function)?, retries, timeout };
        let mut bytes = Vec::with_capacity(64);
        wire::encode_into(&mut bytes, &head)?;
        Ok(Sending { head: bytes, retries, timeout, priority: options.priority })
    }

    /// # Errors
    /// It was not sent.
    pub(super) fn send(
        &self,
        pool: &Pool,
        draft: &mut Draft,
        job: u64,
        first: u64,
        deadline: Deadline,
    ) -> Result<TaskId, SubmitError> {
        let task = Pending::new(job, first, draft.items, self.retries, self.timeout);
        pool.hub.submit(draft, task, self.priority, deadline)
    }
}

impl Pool {
    /// Runs `f(args)` in a worker and waits for what it returns.
    ///
    /// # Errors
    /// See [`TaskError`]: that of the task, whatever has ended it, or why it was not accepted.
    pub fn apply<A, R>(&self, f: fn(A) -> R, args: A) -> Result<R, TaskError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        self.submit(f, args)?.wait()
    }

    /// [`apply`](Pool::apply) for a time, that until it is begun included. Then it is given up: it does not
    /// begin any more, or its worker is killed.
    ///
    /// # Errors
    /// As for `apply`, and [`TaskError::TimedOut`].
    pub fn apply_timeout<A, R>(&self, f: fn(A) -> R, args: A, timeout: Duration) -> Result<R, TaskError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        self.apply_by(f, args, Deadline::after(timeout))
    }

    /// [`apply_timeout`](Pool::apply_timeout) until a point in time.
    ///
    /// # Errors
    /// As for `apply_timeout`.
    pub fn apply_deadline<A, R>(&self, f: fn(A) -> R, args: A, deadline: Instant) -> Result<R, TaskError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        self.apply_by(f, args, deadline.into())
    }

    fn apply_by<A, R>(&self, f: fn(A) -> R, args: A, deadline: Deadline) -> Result<R, TaskError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let mut handle = match TaskOptions::default().submit_by(self, f, args, deadline) {
            Err(SubmitError::Full) => return Err(TaskError::TimedOut { report: None }),
            submitted => submitted?,
        };
        if let Some(result) = handle.wait_by(deadline) {
            return result;
        }
        let timed_out = TaskError::TimedOut { report: None };
        self.hub.abandon(handle.job, &timed_out);
        handle.wait()
    }

    /// Has `f(args)` run in a worker, waiting for room if as many tasks are pending as may be.
    ///
    /// # Errors
    /// See [`SubmitError`]; it will not run then.
    #[doc(alias = "apply_async")]
    pub fn submit<A, R>(&self, f: fn(A) -> R, args: A) -> Result<TaskHandle<R>, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        TaskOptions::default().submit_by(self, f, args, Deadline::Never)
    }

    /// [`submit`](Pool::submit) without waiting.
    ///
    /// # Errors
    /// As for `submit`, and [`SubmitError::Full`].
    pub fn try_submit<A, R>(&self, f: fn(A) -> R, args: A) -> Result<TaskHandle<R>, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        TaskOptions::default().submit_by(self, f, args, Deadline::Now)
    }

    /// [`submit`](Pool::submit) that waits for room for a time.
    ///
    /// # Errors
    /// As for `submit`, and [`SubmitError::Full`].
    pub fn submit_timeout<A, R>(&self, f: fn(A) -> R, args: A, timeout: Duration) -> Result<TaskHandle<R>, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        TaskOptions::default().submit_by(self, f, args, Deadline::after(timeout))
    }

    /// [`submit`](Pool::submit) that waits for room until a point in time.
    ///
    /// # Errors
    /// As for `submit`, and [`SubmitError::Full`].
    pub fn submit_deadline<A, R>(&self, f: fn(A) -> R, args: A, deadline: Instant) -> Result<TaskHandle<R>, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        TaskOptions::default().submit_by(self, f, args, deadline.into())
    }
}

/// A task under way, that will give an `R`.
///
/// Its result is given once. Dropped, the task goes on and its result is nobody's; [`cancel`](TaskHandle::cancel)
/// or [`kill`](TaskHandle::kill) it if it is not to. It is a future of its result as well, in every executor.
///
/// ```
/// use actor_core::pool::Pool;
///
/// # fn main() -> actor_core::Result<()> {
/// let pool = Pool::new(2)?;
/// let tasks = ["one", "two", "three"].map(|word| pool.submit(|word: String| word.len(), word.to_owned()));
/// let lengths: Vec<usize> = tasks.into_iter().map(|task| task?.wait().map_err(Into::into)).collect::<actor_core::Result<_>>()?;
/// assert_eq!(lengths, [3, 3, 5]);
/// # Ok(())
/// # }
/// ```
#[doc(alias("AsyncResult", "ApplyResult", "Future"))]
#[must_use = "without its handle nobody has the result of a task"]
pub struct TaskHandle<R> {
    hub: Arc<Hub>,
    job: u64,
    /// `None`: it was not sent.
    id: Option<TaskId>,
    _result: PhantomData<fn() -> R>,
}

impl<R> TaskHandle<R> {
    /// Whether there is a result, or it was given.
    #[doc(alias("ready", "done"))]
    pub fn is_done(&self) -> bool {
        self.hub.open().is_settled(self.job)
    }

    /// Cancels the task if no worker has begun with it: it never will, and is [`TaskError::Cancelled`]. False:
    /// one has, or it is done.
    pub fn cancel(&self) -> bool {
        let mut ledger = self.hub.open();
        self.id.is_some_and(|id| self.hub.cancel(&mut ledger, id))
    }

    /// Cancels the task whatever has become of it, unless it is done: a worker that is at it is killed, and
    /// another takes its place.
    pub fn kill(&self) {
        self.hub.abandon_without_waiting(self.job, &TaskError::Cancelled);
    }
}

impl<R: DeserializeOwned> TaskHandle<R> {
    /// Waits for the result.
    ///
    /// # Errors
    /// See [`TaskError`].
    #[doc(alias("get", "result"))]
    pub fn wait(mut self) -> Result<R, TaskError> {
        self.wait_by(Deadline::Never).unwrap_or(Err(TaskError::Taken))
    }

    /// The result, if it is there.
    pub fn try_wait(&mut self) -> Option<Result<R, TaskError>> {
        self.wait_by(Deadline::Now)
    }

    /// Waits for the result for a time. `None`: it was not there by then; the task goes on.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Option<Result<R, TaskError>> {
        self.wait_by(Deadline::after(timeout))
    }

    /// Waits for the result until a point in time. `None`: it was not there by then; the task goes on.
    pub fn wait_deadline(&mut self, deadline: Instant) -> Option<Result<R, TaskError>> {
        self.wait_by(deadline.into())
    }

    fn wait_by(&mut self, deadline: Deadline) -> Option<Result<R, TaskError>> {
        let job = self.job;
        self.hub.wait(job, deadline, |ledger| take(ledger, job)).map(only)
    }
}

fn take(ledger: &mut Ledger, job: u64) -> Option<Vec<Part>> {
    ledger.is_settled(job).then(|| ledger.take_parts(job))
}

/// The result of the one item.
fn only<R: DeserializeOwned>(parts: Vec<Part>) -> Result<R, TaskError> {
    let mut result = Err(TaskError::Taken);
    for part in parts {
        part.items(|_, item| result = item);
    }
    result
}

/// Polled again after it was ready, it gives [`TaskError::Taken`].
impl<R: DeserializeOwned> Future for TaskHandle<R> {
    type Output = Result<R, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let job = self.job;
        self.hub.poll(job, context, |ledger| take(ledger, job)).map(only)
    }
}

impl<R> Drop for TaskHandle<R> {
    fn drop(&mut self) {
        self.hub.open().drop_job(self.job);
    }
}

impl<R> fmt::Debug for TaskHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("job", &self.job).field("is_done", &self.is_done()).finish()
    }
}
