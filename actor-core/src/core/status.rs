//! What a supervisor tells about itself and its children, as plain data that travels.

use serde::{Deserialize, Serialize};

use super::supervision::ChildState;
use crate::exit::ExitReport;
use crate::id::ActorId;

/// A child as its supervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStatus {
    /// The child's id within its supervisor.
    pub id: String,
    /// The actor that the child is. It stays the same over restarts.
    pub actor: ActorId,
    /// Where the child is in its life.
    pub phase: ChildPhase,
    /// The operating system's number of its process, while it has one.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
}

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChildPhase {
    /// It has not been started yet.
    New,
    /// It is being started, for the first time or again.
    Starting,
    /// It is up.
    Up,
    /// It did not come up and is tried again soon.
    Waiting,
    /// It was asked to stop, or killed, and has not ended yet.
    Stopping,
    /// It has ended and is not started again.
    Ended,
}

/// How a supervisor ended that had been up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SupervisorEnd {
    /// It was asked to stop.
    Stopped,
    /// A child would have had to be restarted once more than the intensity allows.
    GaveUp {
        /// The child's id.
        child: String,
        /// How the child ended the last time.
        report: Box<ExitReport>,
    },
    /// The significant children had ended.
    AutoShutdown {
        /// The id of the child that was the last one.
        child: String,
    },
}

impl From<ChildState> for ChildPhase {
    fn from(state: ChildState) -> ChildPhase {
        match state {
            ChildState::New => ChildPhase::New,
            ChildState::Starting => ChildPhase::Starting,
            ChildState::Up { .. } => ChildPhase::Up,
            ChildState::Waiting { .. } => ChildPhase::Waiting,
            ChildState::Stopping { .. } => ChildPhase::Stopping,
            ChildState::Ended => ChildPhase::Ended,
        }
    }
}
