//! [`Shared`]: one value, and its lock.

use std::fmt;
use std::time::Duration;

use bytemuck::Pod;
use serde::{Deserialize, Serialize};

use super::cell::SharedCell;
use crate::sync::{CreateError, LockError, Mutex, MutexGuard};

/// A value that one process at a time reads or changes: a [`Mutex`] with the verbs of a value.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::shared::Shared;
///
/// # fn main() -> actor_core::Result<()> {
/// let total = Shared::new(0_u64)?;
/// let add = |total: Shared<u64>| (0..100).for_each(|_| _ = total.update(|n| *n += 1).unwrap());
/// let others = [Process::spawn(add, total.clone())?, Process::spawn(add, total.clone())?];
/// others.iter().try_for_each(Process::join)?;
/// assert_eq!(total.get()?, 200);
/// total.close();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Pod"))]
#[doc(alias("Value", "Synchronized"))]
pub struct Shared<T> {
    mutex: Mutex<T>,
}

/// What a lock is the reason for, or why it was not to be had.
type Locked<'a, T, R> = Result<R, LockError<MutexGuard<'a, T>>>;

impl<T: Pod> Shared<T> {
    /// Shares this value.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn new(value: T) -> Result<Shared<T>, CreateError> {
        Ok(Shared { mutex: Mutex::new(value)? })
    }

    /// Shares this value without a lock.
    ///
    /// # Errors
    /// See [`CreateError`].
    #[doc(alias = "RawValue")]
    pub fn unlocked(value: T) -> Result<SharedCell<T>, CreateError> {
        SharedCell::new(value)
    }

    /// The value.
    ///
    /// # Errors
    /// As [`Mutex::lock`].
    pub fn get(&self) -> Locked<'_, T, T> {
        self.mutex.lock().map(|guard| *guard)
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// As [`Mutex::lock`].
    pub fn set(&self, value: T) -> Locked<'_, T, ()> {
        self.update(|old| *old = value)
    }

    /// Changes the value; nobody else reads or changes it meanwhile. If `change` panics, it is as before.
    ///
    /// # Errors
    /// As [`Mutex::lock`].
    #[inline]
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Locked<'_, T, R> {
        self.mutex.lock().map(|mut guard| change(&mut guard))
    }

    /// Has the value alone until the guard is dropped.
    ///
    /// # Errors
    /// As [`Mutex::lock`].
    #[doc(alias = "get_lock")]
    pub fn lock(&self) -> Locked<'_, T, MutexGuard<'_, T>> {
        self.mutex.lock()
    }

    /// [`lock`](Shared::lock) for a time.
    ///
    /// # Errors
    /// As [`Mutex::lock_timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> Locked<'_, T, MutexGuard<'_, T>> {
        self.mutex.lock_timeout(timeout)
    }

    /// The lock with the value, which has all forms of waiting.
    pub fn mutex(&self) -> &Mutex<T> {
        &self.mutex
    }
}

impl<T> Shared<T> {
    /// Says that no handle is on its way to a process any more: the value is freed with its last handle.
    pub fn close(&self) {
        self.mutex.close();
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({:?})", self.mutex)
    }
}
