//! What can go wrong: one type per operation.

use std::fmt;
use std::io;

use super::error::LockError;
use crate::exit::ExitReport;
use crate::id::{ProcessId, WindowId};
use crate::node;
use crate::shm::table::MakeError;

/// Why something to synchronise by could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A number is zero where that makes no sense, or larger than there can be.
    #[error("{asked} is out of bounds: there can be up to {max}")]
    OutOfBounds {
        /// What was asked for.
        asked: usize,
        /// The most that there can be.
        max: usize,
    },
    /// The node's table of such things is full.
    #[error("the node has no room for another one of this size")]
    Exhausted,
    /// The system refuses memory, or lacks what a node needs.
    #[error("there is no memory for it")]
    Memory(#[source] io::Error),
}

impl From<MakeError> for CreateError {
    fn from(error: MakeError) -> CreateError {
        match error {
            MakeError::Shape(shape) => CreateError::OutOfBounds { asked: shape.capacity as usize, max: 0 },
            MakeError::Exhausted => CreateError::Exhausted,
            MakeError::Memory(error) => CreateError::Memory(error),
        }
    }
}

/// Why a wait for an [`Event`](super::Event) ended without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// It was not set in time.
    #[error("the event was not set in time")]
    Timeout,
    /// It was closed, or has gone with its node.
    #[error("the event is gone")]
    Gone,
}

/// Why no permit of a [`Semaphore`](super::Semaphore) was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// None is free now.
    #[error("no permit is free")]
    WouldBlock,
    /// None was free in time.
    #[error("no permit became free in time")]
    Timeout,
    /// It was closed, or has gone with its node.
    #[error("the semaphore is gone")]
    Gone,
}

/// Why a [`Semaphore`](super::Semaphore) has no permit more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// It has as many permits as it can have, free or held.
    #[error("the semaphore has all of its {max} permits: one was released too often")]
    Overflow {
        /// As many as it can have.
        max: usize,
    },
    /// It was closed, or has gone with its node.
    #[error("the semaphore is gone")]
    Gone,
}

/// Why a [`Barrier`](super::Barrier) let nobody pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenBarrier {
    /// A party has died.
    #[error("the barrier is broken: {0}")]
    Died(DeadParty),
    /// The time of one who waited was up, this one's or another's; or the time was up before there was a
    /// place for this one, and then it is not broken.
    #[error("not all came to the barrier in time")]
    Timeout,
    /// Somebody called [`abort`](super::Barrier::abort).
    #[error("the barrier was aborted")]
    Aborted,
    /// Somebody called [`reset`](super::Barrier::reset) while this one waited.
    #[error("the barrier was reset")]
    Reset,
    /// The action of the party that ran it has panicked.
    #[error("the action at the barrier panicked")]
    ActionFailed,
    /// One who waited has dropped its future.
    #[error("one who waited at the barrier has given up")]
    GivenUp,
    /// It was closed, or has gone with its node.
    #[error("the barrier is gone")]
    Gone,
}

/// The process whose death has broken a [`Barrier`](super::Barrier).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadParty {
    pub(super) process: ProcessId,
    pub(super) left: WindowId,
}

impl DeadParty {
    /// Who it was.
    pub fn process(self) -> ProcessId {
        self.process
    }

    /// How it ended, if the node still knows: it keeps the last 4096 such reports. Asks the node.
    pub fn report(self) -> Option<ExitReport> {
        node::obituary(self.left, self.process)
    }
}

impl fmt::Display for DeadParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} has died", self.process)
    }
}

/// Why a wait at a [`Condition`](super::Condition) did not simply give the guard.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError<G> {
    /// As many wait as can. The mutex is held as before.
    #[error("too many wait at the condition")]
    Full(G),
    /// It was closed, or has gone with its node. The mutex is held.
    #[error("the condition is gone")]
    Gone(G),
    /// What came of taking the mutex again: an owner that has died, for instance, which is the lock in other
    /// words.
    #[error("{0}")]
    Lock(LockError<G>),
}

impl<G> ConditionError<G> {
    /// The same without the lock.
    pub(crate) fn without_guard(self) -> ConditionError<()> {
        match self {
            ConditionError::Full(_) => ConditionError::Full(()),
            ConditionError::Gone(_) => ConditionError::Gone(()),
            ConditionError::Lock(error) => ConditionError::Lock(error.without_guard()),
        }
    }
}

// The guard need not be printable.
impl<G> fmt::Debug for ConditionError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConditionError::Full(_) => f.write_str("Full(..)"),
            ConditionError::Gone(_) => f.write_str("Gone(..)"),
            ConditionError::Lock(error) => write!(f, "Lock({error:?})"),
        }
    }
}
