//! [`Error`]: any error of this crate, for `main` and other places that only pass errors on.
//!
//! Each operation has an error type of its own, and code that acts on errors matches on those.

use std::error::Error as StdError;
use std::fmt;

use crate::actor::{CallError, SendError, SpawnError, StopError};
use crate::{process, queue};

/// A result whose error is any of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this crate, as its text and its sources.
///
/// `{}` prints the text, `{:#}` the sources behind it as well. [`Error::downcast_ref`] finds the
/// error that it was made from.
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// An error of any type, so that an application can pass its own on in the same way.
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error(error.into())
    }

    /// The error from which this one was made, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        if f.alternate() {
            let mut source = self.0.source();
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source();
            }
        }
        Ok(())
    }
}

/// What `main` prints when it returns this: the text, not the structure.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl<E> From<CallError<E>> for Error
where
    CallError<E>: StdError + Send + Sync + 'static,
{
    fn from(error: CallError<E>) -> Error {
        Error::new(error)
    }
}

/// The message that was not sent is dropped: keep the `SendError` to have it back.
impl<M> From<SendError<M>> for Error {
    fn from(error: SendError<M>) -> Error {
        Error::new(error.without_message())
    }
}

/// The item that was not sent is dropped: keep the `SendError` to have it back.
impl<T> From<queue::SendError<T>> for Error {
    fn from(error: queue::SendError<T>) -> Error {
        Error::new(error.to_string())
    }
}

macro_rules! from {
    ($($error:ty,)*) => {
        $(
            impl From<$error> for Error {
                fn from(error: $error) -> Error {
                    Error::new(error)
                }
            }
        )*
    };
}

from! {
    SpawnError,
    StopError,
    process::SpawnError,
    process::JoinError,
    process::StopError,
    queue::CreateError,
    queue::RecvError,
    std::io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let error = Error::from(queue::RecvError::Closed);
        assert_eq!(error.to_string(), queue::RecvError::Closed.to_string());
        assert!(error.downcast_ref::<queue::RecvError>().is_some());
        assert!(error.downcast_ref::<SpawnError>().is_none());
    }

    #[test]
    fn the_long_form_names_the_sources() {
        let inner = std::io::Error::other("no paper");
        let error = Error::from(queue::CreateError::Memory(inner));
        assert_eq!(error.to_string(), "there is no memory for the queue");
        assert_eq!(format!("{error:#}"), "there is no memory for the queue: no paper");
        assert_eq!(format!("{error:?}"), format!("{error:#}"), "what `main` prints");
    }
}
