//! What can go wrong with a lock; above all that its owner has died, which gives the lock to the next one.

use std::fmt;

use super::failure::CreateError;
use crate::exit::ExitReport;
use crate::id::{Peer, ProcessId, WindowId};
use crate::node;
use crate::shm::table::MakeError;

/// The most bytes that can be shared as memory.
const BYTES_MAX: usize = 1 << 30;

/// Nothing has so many bytes.
pub(crate) fn too_large(bytes: usize) -> CreateError {
    CreateError::OutOfBounds { asked: bytes, max: BYTES_MAX }
}

impl CreateError {
    pub(crate) fn of(error: MakeError, bytes: usize) -> CreateError {
        if let MakeError::Shape(_) = error { too_large(bytes) } else { error.into() }
    }
}

/// Why a lock was not simply taken.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum LockError<G> {
    /// The owner has died with it. The lock is held now, and can be had from this value.
    #[error(transparent)]
    OwnerDied(OwnerDied<G>),
    /// It did not become free in time.
    #[error("the lock was not free in time")]
    Timeout,
    /// It is not free now.
    #[error("the lock is not free")]
    WouldBlock,
    /// It went with its node or with its last handle, or was never one.
    #[error("the lock is gone")]
    Gone,
}

impl<G> LockError<G> {
    /// The same about another guard.
    pub(crate) fn map<H>(self, change: impl FnOnce(G) -> H) -> LockError<H> {
        match self {
            LockError::OwnerDied(died) => {
                LockError::OwnerDied(OwnerDied { guard: change(died.guard), owner: died.owner, left: died.left })
            }
            LockError::Timeout => LockError::Timeout,
            LockError::WouldBlock => LockError::WouldBlock,
            LockError::Gone => LockError::Gone,
        }
    }

    /// The same without the lock, which goes back to the next one if this was [`OwnerDied`].
    pub(crate) fn without_guard(self) -> LockError<()> {
        self.map(drop)
    }
}

// The guard need not be printable.
impl<G> fmt::Debug for LockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::OwnerDied(died) => write!(f, "OwnerDied({})", Peer::Process(died.owner)),
            LockError::Timeout => f.write_str("Timeout"),
            LockError::WouldBlock => f.write_str("WouldBlock"),
            LockError::Gone => f.write_str("Gone"),
        }
    }
}

/// A lock whose owner has died with it, held by whoever has this value.
///
/// Dropped, it gives the lock back as it was: the next one is told of the same death.
#[must_use = "dropped, it gives the lock back, and the next one gets the same error"]
pub struct OwnerDied<G> {
    guard: G,
    owner: ProcessId,
    left: WindowId,
}

impl<G> OwnerDied<G> {
    pub(crate) fn new(guard: G, owner: ProcessId, left: WindowId) -> OwnerDied<G> {
        OwnerDied { guard, owner, left }
    }

    pub(crate) fn into_inner(self) -> G {
        self.guard
    }

    /// The process that has died.
    pub fn owner(&self) -> ProcessId {
        self.owner
    }

    /// How it ended. The node is asked, for up to 5 s. `None`: it does not answer, or does not know any more:
    /// it keeps 4096 such reports.
    pub fn report(&self) -> Option<ExitReport> {
        node::obituary(self.left, self.owner)
    }
}

/// What a lock gives, and what is to be told that its owner knows of the death before.
pub(crate) trait Accept {
    fn accept(&mut self);
}

#[expect(private_bounds, reason = "guards are ours")]
impl<G: Accept> OwnerDied<G> {
    /// The lock, as if nobody had died: I have looked at what it guards, or am going to repair it.
    ///
    /// If the guard is lost to a panic, the next one is told of the death again.
    pub fn into_guard(mut self) -> G {
        self.guard.accept();
        self.guard
    }
}

impl<G> fmt::Display for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has died as the owner of the lock", Peer::Process(self.owner))
    }
}

impl<G> fmt::Debug for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl<G> std::error::Error for OwnerDied<G> {}

/// Who does not hold a lock cannot release it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lock is not held by who releases it")]
pub struct NotOwner;
