//! [`Error`]: any error of this crate, for `main` and other places that only pass errors on.
//!
//! Each operation has an error type of its own, and code that acts on errors matches on those.

use std::error::Error as StdError;
use std::fmt;
use std::iter;

use crate::actor;
use crate::exit::ExitReport;
use crate::{core, link, pipe, pool, process, queue, shared, supervisor, sync, wire};

/// A result whose error is any of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this crate, as its text and its sources.
///
/// `?` makes it from every error of this crate, from the usual ones of the standard library and
/// from boxed ones; [`Error::new`] makes it from any other. [`Error::downcast_ref`] finds the error
/// that it was made from.
///
/// `{}` prints the text, `{:#}` the sources behind it as well, on one line. `{:?}`, which is what a
/// `main` that returns it prints, has a line for each, and what a dead process last wrote to
/// stderr.
///
/// ```
/// fn parse(text: &str) -> actor_core::Result<u16> {
///     Ok(text.trim().parse()?)
/// }
///
/// assert_eq!(parse(" 7 ").unwrap(), 7);
/// assert_eq!(parse("seven").unwrap_err().to_string(), "invalid digit found in string");
/// ```
pub struct Error {
    error: Box<dyn StdError + Send + Sync>,
    /// What the process that this is about has left on stderr, as its report puts it.
    last_words: Option<String>,
}

impl Error {
    /// An error of any type, so that an application can pass its own on in the same way.
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { error: error.into(), last_words: None }
    }

    /// The error from which this one was made, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// What went wrong when a process died; `error` says that it did.
    fn about_process(error: impl StdError + Send + Sync + 'static, last_words: Option<String>) -> Error {
        Error { error: Box::new(error), last_words }
    }

    fn sources(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        iter::successors(self.error.source(), |&error| error.source())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        match f.alternate() {
            true => self.sources().try_for_each(|source| write!(f, ": {source}")),
            false => Ok(()),
        }
    }
}

/// What `main` prints when it returns this: text for people, not the structure.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        self.sources().try_for_each(|source| write!(f, "\n  because: {source}"))?;
        self.last_words.iter().try_for_each(|words| write!(f, "\n{words}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

/// The lines of a report that come after the one which every text of an error has.
fn last_words(report: &ExitReport) -> Option<String> {
    format!("{report:#}").split_once('\n').map(|(_, words)| words.to_owned())
}

impl<E> From<actor::CallError<E>> for Error
where
    actor::CallError<E>: StdError + Send + Sync + 'static,
{
    fn from(error: actor::CallError<E>) -> Error {
        let words = if let actor::CallError::Died(report) = &error { last_words(report) } else { None };
        Error::about_process(error, words)
    }
}

impl From<actor::StreamError> for Error {
    fn from(error: actor::StreamError) -> Error {
        let words = if let actor::StreamError::Died(report) = &error { last_words(report) } else { None };
        Error::about_process(error, words)
    }
}

/// The message that was not sent is dropped: keep the `SendError` to have it back.
impl<M> From<actor::SendError<M>> for Error {
    fn from(error: actor::SendError<M>) -> Error {
        Error::new(error.without_message())
    }
}

/// A lock whose owner has died goes back to the next one: keep the `LockError` to have it.
impl<G> From<sync::LockError<G>> for Error {
    fn from(error: sync::LockError<G>) -> Error {
        let words = if let sync::LockError::OwnerDied(died) = &error { died.report() } else { None };
        Error::about_process(error.without_guard(), words.as_ref().and_then(last_words))
    }
}

/// The mutex is given up: keep the `ConditionError` to have it.
impl<G> From<sync::ConditionError<G>> for Error {
    fn from(error: sync::ConditionError<G>) -> Error {
        match error {
            sync::ConditionError::Lock(error) => error.into(),
            other => Error::new(other.without_guard()),
        }
    }
}

/// The message that will not be sent is dropped: keep the `LaterError` to have it back.
impl<M> From<actor::LaterError<M>> for Error {
    fn from(error: actor::LaterError<M>) -> Error {
        Error::new(error.without_message())
    }
}

/// The error that `init` returned is dropped but for its text: keep the `SpawnError` to have it.
impl<E> From<actor::SpawnError<E>> for Error {
    fn from(error: actor::SpawnError<E>) -> Error {
        let words = if let actor::SpawnError::Died { report, .. } = &error { last_words(report) } else { None };
        Error::about_process(error.without_init_error(), words)
    }
}

/// The item that was not sent is dropped: keep the `SendError` to have it back.
impl<T> From<queue::SendError<T>> for Error {
    fn from(error: queue::SendError<T>) -> Error {
        Error::new(error.map(drop))
    }
}

/// The message that was not sent is dropped, and with it the ends of pipes in it: keep the `SendError` to have them.
impl<T> From<pipe::SendError<T>> for Error {
    fn from(error: pipe::SendError<T>) -> Error {
        let words = if let pipe::SendError::Disconnected { cause, .. } = &error { cause.report() } else { None };
        Error::about_process(error.without_item(), words.as_ref().and_then(last_words))
    }
}

impl From<pipe::RecvError> for Error {
    fn from(error: pipe::RecvError) -> Error {
        let words = if let pipe::RecvError::Disconnected(cause) = &error { cause.report() } else { None };
        Error::about_process(error, words.as_ref().and_then(last_words))
    }
}

impl From<process::SpawnError> for Error {
    fn from(error: process::SpawnError) -> Error {
        let words = if let process::SpawnError::Died { report } = &error { last_words(report) } else { None };
        Error::about_process(error, words)
    }
}

impl From<process::JoinError> for Error {
    fn from(error: process::JoinError) -> Error {
        let words = if let process::JoinError::Died(report) = &error { last_words(report) } else { None };
        Error::about_process(error, words)
    }
}

impl From<pool::TaskError> for Error {
    fn from(error: pool::TaskError) -> Error {
        let words = error.report().and_then(last_words);
        Error::about_process(error, words)
    }
}

/// The values of the other items are dropped: keep the `MapError` to have them.
impl<R> From<pool::MapError<R>> for Error {
    fn from(error: pool::MapError<R>) -> Error {
        let words = error.first().and_then(|(_, first)| first.report()).and_then(last_words);
        Error::about_process(error.without_results(), words)
    }
}

impl From<supervisor::StartError> for Error {
    fn from(error: supervisor::StartError) -> Error {
        let words = if let supervisor::StartError::Child { report, .. } = &error { last_words(report) } else { None };
        Error::about_process(error, words)
    }
}

impl From<ExitReport> for Error {
    fn from(report: ExitReport) -> Error {
        let words = last_words(&report);
        Error::about_process(report, words)
    }
}

/// Errors that say all they know by themselves.
macro_rules! from {
    ($($error:ty,)*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::new(error)
            }
        }
    )*};
}

from! {
    actor::StopError,
    actor::TickError,
    core::SpecError,
    link::LinkError,
    link::MonitorError,
    pool::StartError,
    pool::SubmitError,
    process::StopError,
    queue::CreateError,
    queue::RecvError,
    queue::TooManyDone,
    shared::Gone,
    shared::NameError,
    shared::OpenError,
    supervisor::SupervisorError,
    sync::AcquireError,
    sync::BrokenBarrier,
    sync::CreateError,
    sync::NotOwner,
    sync::ReleaseError,
    sync::WaitError,
    wire::DecodeError,
    wire::EncodeError,
    // What a `main` meets besides.
    &'static str,
    String,
    Box<dyn StdError + Send + Sync>,
    std::env::VarError,
    std::fmt::Error,
    std::io::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::ExitReason;

    #[test]
    fn smoke() {
        fn fails() -> Result<()> {
            Err(process::JoinError::Timeout { name: "x".into() })?
        }
        let error = fails().unwrap_err();
        assert_eq!(error.to_string(), "process `x` has not ended yet");
        assert!(error.downcast_ref::<process::JoinError>().is_some());
        assert!(error.downcast_ref::<process::StopError>().is_none());
    }

    #[test]
    fn sources_are_told_on_one_line_or_on_many() {
        let source = wire::EncodeError::Refused("a key must be a text".into());
        let error = Error::from(process::SpawnError::Encode { name: "x".into(), source });
        let text = "the arguments of process `x` cannot be sent";
        assert_eq!(error.to_string(), text);
        assert_eq!(format!("{error:#}"), format!("{text}: a key must be a text"));
        assert_eq!(format!("{error:?}"), format!("{text}\n  because: a key must be a text"));
    }

    #[test]
    fn messages_that_were_not_sent_are_left_behind() {
        // Not 'static, and not to be sent to another thread.
        let message = &std::cell::Cell::new(1);
        let error = Error::from(pipe::SendError::TooLarge { item: message, size: 9, max: 8 });
        assert_eq!(error.to_string(), "the encoded message has 9 bytes, the pipe takes 8");
        assert!(matches!(error.downcast_ref(), Some(pipe::SendError::TooLarge { item: (), size: 9, max: 8 })));
        let error = Error::from(pipe::RecvError::Eof);
        assert_eq!(error.downcast_ref(), Some(&pipe::RecvError::Eof));
    }

    #[test]
    fn main_prints_the_last_words_of_the_dead() {
        let mut report = ExitReport::no_proc("x", None);
        report.reason = ExitReason::ExitCode(3);
        report.stderr = "disk full\n".into();
        let error = Error::from(process::JoinError::Died(Box::new(report)));
        assert_eq!(format!("{error}"), "process `x` exited with code 3");
        assert_eq!(format!("{error:?}"), "process `x` exited with code 3\nlast words on stderr:\ndisk full");
    }
}
