//! What can go wrong with a process: one type per operation. Texts name the process.

use std::time::Duration;

use crate::exit::ExitReport;
use crate::node::{AskError, SpawnFailure};
use crate::wire::{DecodeError, EncodeError};

/// Why a process was not spawned. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The process ended before it came to the function. Where the arguments could not be decoded,
    /// the reason is `Failed` and says so.
    #[error("process {report}, before it had begun")]
    Died {
        /// How it ended.
        report: Box<ExitReport>,
    },
    /// The process had not come to the function in time, and was killed.
    #[error("process `{name}` had not begun within {after:?}")]
    Timeout {
        /// The name of the process.
        name: String,
        /// The time it was given.
        after: Duration,
    },
    /// The arguments could not be encoded; no process was made.
    #[error("the arguments of process `{name}` cannot be sent")]
    Encode {
        /// The name of the process.
        name: String,
        /// What serde said.
        source: EncodeError,
    },
    /// The function belongs to a library that was loaded at run time. The new process, which runs
    /// the same executable, does not have it.
    #[error("the function of process `{name}` is not part of the executable")]
    NotInExecutable {
        /// The name of the process.
        name: String,
    },
    /// The system has no room for another process, or lacks what this crate needs; or the node has
    /// 16 000 processes already, about as many as it can have at once.
    #[error("process `{name}` cannot be spawned: {text}")]
    System {
        /// The name of the process.
        name: String,
        /// What was in the way.
        text: String,
    },
}

impl SpawnError {
    pub(super) fn new(name: String, start_timeout: Duration, failure: SpawnFailure) -> SpawnError {
        match failure {
            SpawnFailure::Died(report, _) => SpawnError::Died { report },
            SpawnFailure::TimedOut => SpawnError::Timeout { name, after: start_timeout },
            SpawnFailure::System(text) => SpawnError::System { name, text },
        }
    }
}

/// Why there is no result of a process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The process ended without a result; the report says how.
    #[error("process {0}")]
    Died(Box<ExitReport>),
    /// It had not ended in time. It goes on, and can be joined later.
    #[error("process `{name}` has not ended yet")]
    Timeout {
        /// The name of the process.
        name: String,
    },
    /// The result could not be decoded.
    #[error("the result of process `{name}` cannot be read")]
    Decode {
        /// The name of the process.
        name: String,
        /// What serde said.
        source: DecodeError,
    },
    /// The node could not tell.
    #[error("process `{name}` cannot be joined: {text}")]
    System {
        /// The name of the process.
        name: String,
        /// What was in the way.
        text: String,
    },
}

/// Why a process could not be stopped or signalled. That it has ended is no such reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The node could not do it.
    #[error("process `{name}` cannot be stopped: {text}")]
    System {
        /// The name of the process.
        name: String,
        /// What was in the way.
        text: String,
    },
}

impl StopError {
    pub(super) fn new(name: &str, error: &AskError) -> StopError {
        StopError::System { name: name.to_owned(), text: error.to_string() }
    }
}
