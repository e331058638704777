//! What can go wrong with a supervisor: one type per operation.

use crate::core::SpecError;
use crate::exit::ExitReport;

/// Why a supervisor was not started. None of its children is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The supervisor cannot be as it is described; no child was started.
    #[error("the supervisor cannot work: {0}")]
    Spec(#[from] SpecError),
    /// A child did not come up. Those before it were stopped again, those after it not started.
    #[error("the child `{id}` did not come up: {report}")]
    Child {
        /// The child's id.
        id: String,
        /// How its process ended.
        report: Box<ExitReport>,
    },
    /// The node could not do it.
    #[error("the supervisor cannot be started: {text}")]
    System {
        /// What was in the way.
        text: String,
    },
}

/// Why a supervisor could not be stopped, joined or asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// It had not ended in time. What was asked of it goes on.
    #[error("the supervisor has not ended yet")]
    Timeout,
    /// There is no such supervisor any more.
    #[error("the supervisor has ended")]
    NoProc,
    /// The node could not do it.
    #[error("the supervisor cannot be reached: {text}")]
    System {
        /// What was in the way.
        text: String,
    },
}
