//! What can go wrong with a pool: one type per operation.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReport;
use crate::queue::CreateError;
use crate::wire::{DecodeError, EncodeError};

/// Why a pool was not started. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Workers or pending tasks are none, or more than there can be.
    #[error("a pool of {workers} workers with {max_pending} pending tasks is out of bounds")]
    OutOfBounds {
        /// [`Options::workers`](super::Options::workers).
        workers: usize,
        /// [`Options::max_pending`](super::Options::max_pending).
        max_pending: usize,
    },
    /// There is no shared memory for its queues.
    #[error("the queues of the pool cannot be made")]
    Queues(#[from] CreateError),
    /// A worker could not be started; those before it were stopped.
    #[error("a worker of the pool cannot be started")]
    Worker(#[from] crate::process::SpawnError),
    /// The system has no thread for the pool.
    #[error("the thread of the pool cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Why a task was not accepted. Nothing of it will run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many tasks as there may be are pending, and were so for the time that was given.
    #[error("the pool has as many pending tasks as it takes")]
    Full,
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
    /// The pool was terminated.
    #[error("the pool was terminated")]
    Terminated,
    /// The pool has ended since its workers do not start.
    #[error("the workers of the pool do not start: {0}")]
    Broken(Arc<ExitReport>),
    /// The arguments cannot be encoded.
    #[error("the arguments cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    /// The encoded arguments are larger than the pool takes.
    #[error("the encoded task has {size} bytes, the pool takes {max}")]
    TooLarge {
        /// Bytes of the task.
        size: usize,
        /// [`Options::bytes_max`](super::Options::bytes_max).
        max: usize,
    },
    /// The function belongs to a library that was loaded at run time; the workers do not have it.
    #[error("the function is not part of the executable")]
    NotInExecutable,
    /// The system has no memory for the task.
    #[error("there is no memory for the task")]
    NoMemory,
}

/// Why there is no result of a task, or of one item of many.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The function panicked. The worker lives on.
    #[error("the task panicked at {location}: {message}")]
    Failed {
        /// What the panic said, the first 16 KiB of it.
        message: String,
        /// Where, as `file:line:column`.
        location: String,
    },
    /// The worker died at it, and it was not to be tried again.
    #[error("the worker of the task {report}")]
    Died {
        /// How the worker ended.
        report: Arc<ExitReport>,
    },
    /// Each worker that has tried it died at it: it is not tried any more.
    #[error("{attempts} workers died at the task, the last of them {report}")]
    Poisoned {
        /// How the last worker ended.
        report: Arc<ExitReport>,
        /// How often it was tried.
        attempts: u32,
    },
    /// It took longer than it may. Where it was running its worker was killed.
    #[error("the task was not done in time")]
    TimedOut {
        /// How the worker ended; `None`: it had not begun, or the worker is not dead yet.
        report: Option<Arc<ExitReport>>,
    },
    /// It was cancelled before it was done.
    #[error("the task was cancelled")]
    Cancelled,
    /// What the function returned cannot be sent. The worker lives on.
    #[error("the result of the task cannot be sent: {0}")]
    Encode(String),
    /// The arguments or the result cannot be read.
    #[error("the task cannot be read: {0}")]
    Decode(String),
    /// The pool was terminated before it was done.
    #[error("the pool was terminated before the task was done")]
    Terminated,
    /// The pool has ended since its workers do not start: this is how the last one ended.
    #[error("the workers of the pool do not start: {0}")]
    Broken(Arc<ExitReport>),
    /// It was not accepted.
    #[error(transparent)]
    NotSubmitted(#[from] SubmitError),
    /// The result was given before.
    #[error("the result of the task was taken before")]
    Taken,
}

impl From<EncodeError> for TaskError {
    fn from(error: EncodeError) -> TaskError {
        SubmitError::Encode(error).into()
    }
}

impl From<DecodeError> for TaskError {
    fn from(error: DecodeError) -> TaskError {
        TaskError::Decode(error.to_string())
    }
}

impl TaskError {
    /// How the process ended that had the task, if it was its end.
    pub fn report(&self) -> Option<&ExitReport> {
        match self {
            TaskError::Died { report } | TaskError::Poisoned { report, .. } | TaskError::Broken(report) => Some(report),
            TaskError::TimedOut { report } => report.as_deref(),
            _ => None,
        }
    }
}

/// Some items of a map have no result. All others were done all the same.
pub struct MapError<R> {
    /// What became of each item, in order.
    pub results: Vec<Result<R, TaskError>>,
}

impl<R> MapError<R> {
    /// The first item without a result, and why.
    pub fn first(&self) -> Option<(usize, &TaskError)> {
        let mut results = self.results.iter().enumerate();
        results.find_map(|(at, result)| Some((at, result.as_ref().err()?)))
    }
}

impl<R> MapError<R> {
    /// The same without the values.
    pub(crate) fn without_results(self) -> MapError<()> {
        MapError { results: self.results.into_iter().map(|result| result.map(drop)).collect() }
    }
}

impl<R> fmt::Display for MapError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.results.iter().filter(|result| result.is_err()).count();
        write!(f, "{failed} of {} items failed", self.results.len())?;
        self.first().map_or(Ok(()), |(at, error)| write!(f, "; item {at}: {error}"))
    }
}

impl<R> fmt::Debug for MapError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.results.iter().enumerate().filter_map(|(at, result)| Some((at, result.as_ref().err()?)));
        f.debug_map().entries(errors).finish()
    }
}

impl<R> std::error::Error for MapError<R> {}
