//! [`Lock`]: a mutex without data, for those who take it in one place and release it in another.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::{LockError, NotOwner, OwnerDied};
use super::failure::CreateError;
use super::future::LockFuture;
use super::mutex::{Mutex, MutexGuard};
use super::raw::{Held, NotHeld};
use crate::shm::lock::By;
use crate::time::Deadline;

/// A lock that guards what its users agree on; see the [module](super).
///
/// [`lock`](Lock::lock) and its like give a guard. [`acquire`](Lock::acquire) gives none: the lock then is
/// the process's, and whichever of its threads calls [`release`](Lock::release) gives it back.
///
/// ```
/// use actor_core::sync::{Lock, NotOwner};
///
/// # fn main() -> actor_core::Result<()> {
/// let lock = Lock::new()?;
/// lock.acquire()?;
/// assert!(lock.try_acquire().is_err());
/// assert_eq!(lock.release(), Ok(()));
/// assert_eq!(lock.release(), Err(NotOwner));
/// let guard = lock.lock()?;
/// assert_eq!(lock.release(), Err(NotOwner), "it is the guard's");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    mutex: Mutex<()>,
}

type Guard<'a> = MutexGuard<'a, ()>;

impl Lock {
    /// Makes a lock, free.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn new() -> Result<Lock, CreateError> {
        Ok(Lock { mutex: Mutex::new(())? })
    }

    /// Takes the lock, waiting for it.
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], which is the lock in other words; [`LockError::Gone`].
    pub fn lock(&self) -> Result<Guard<'_>, LockError<Guard<'_>>> {
        self.mutex.lock()
    }

    /// [`lock`](Lock::lock) without waiting.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::WouldBlock`].
    pub fn try_lock(&self) -> Result<Guard<'_>, LockError<Guard<'_>>> {
        self.mutex.try_lock()
    }

    /// [`lock`](Lock::lock) for a time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<Guard<'_>, LockError<Guard<'_>>> {
        self.mutex.lock_timeout(timeout)
    }

    /// [`lock`](Lock::lock) until a point in time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_deadline(&self, deadline: Instant) -> Result<Guard<'_>, LockError<Guard<'_>>> {
        self.mutex.lock_deadline(deadline)
    }

    /// [`lock`](Lock::lock), async. A dropped future has taken nothing.
    pub fn lock_async(&self) -> LockFuture<'_, Guard<'_>> {
        self.mutex.lock_async()
    }

    /// Takes the lock for this process, waiting for it, until [`release`](Lock::release).
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], from which it can be had by [`OwnerDied::acquire`]; [`LockError::Gone`].
    pub fn acquire(&self) -> Result<(), LockError<Acquired<'_>>> {
        self.acquire_until(Deadline::Never)
    }

    /// [`acquire`](Lock::acquire) without waiting.
    ///
    /// # Errors
    /// As `acquire`, and [`LockError::WouldBlock`].
    pub fn try_acquire(&self) -> Result<(), LockError<Acquired<'_>>> {
        self.acquire_until(Deadline::Now)
    }

    /// [`acquire`](Lock::acquire) for a time.
    ///
    /// # Errors
    /// As `acquire`, and [`LockError::Timeout`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<(), LockError<Acquired<'_>>> {
        self.acquire_until(Deadline::after(timeout))
    }

    /// [`acquire`](Lock::acquire) until a point in time.
    ///
    /// # Errors
    /// As `acquire`, and [`LockError::Timeout`].
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<(), LockError<Acquired<'_>>> {
        self.acquire_until(deadline.into())
    }

    fn acquire_until(&self, deadline: Deadline) -> Result<(), LockError<Acquired<'_>>> {
        let held = self.mutex.raw.take(By::Hand, deadline).map_err(|error: NotHeld| error.at(deadline))?;
        match held.died() {
            None => Ok(()),
            Some(owner) => {
                let acquired = Acquired { lock: self, held: Some(held) };
                Err(LockError::OwnerDied(OwnerDied::new(acquired, owner, held.id())))
            }
        }
    }

    /// Gives back what this process has acquired; any of its threads may.
    ///
    /// # Errors
    /// [`NotOwner`]: nobody has it, another process has it, or a guard has it.
    pub fn release(&self) -> Result<(), NotOwner> {
        let (Some(line), Some(window)) = (self.mutex.raw.line(), self.mutex.raw.window()) else {
            return Err(NotOwner);
        };
        if line.lock().release_by_hand(window.segment.me()) { Ok(()) } else { Err(NotOwner) }
    }

    /// Whether somebody holds it, which may have changed when this returns.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }

    /// Says that no handle is on its way to a process any more: the lock is freed with its last handle. Those
    /// who have one use it as before.
    pub fn close(&self) {
        self.mutex.close();
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lock({:?})", self.mutex)
    }
}

/// A lock that was acquired from one who has died with it, within an [`OwnerDied`].
pub struct Acquired<'a> {
    lock: &'a Lock,
    /// `None`: it was kept.
    held: Option<Held>,
}

impl OwnerDied<Acquired<'_>> {
    /// Keeps the lock, until [`Lock::release`]: I have looked at what it guards, or am going to repair it.
    pub fn acquire(self) {
        self.into_inner().held = None;
    }
}

impl Drop for Acquired<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.lock.mutex.raw.release(held.untouched());
        }
    }
}
