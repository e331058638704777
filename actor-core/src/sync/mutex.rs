//! [`Mutex`]: data that one process at a time has, and its guard.
//!
//! The data lie twice in the shared memory. A guard has a private copy; what has changed in it is written
//! over the copy that does not count, and the write that releases the lock makes that count. So a death
//! leaves the data whole, and nobody ever refers to memory that others can write.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{Accept, LockError, OwnerDied};
use super::failure::CreateError;
use super::future::{Grab, LockFuture};
use super::raw::{Held, RawLock};
use crate::planted::planted;
use crate::shm::cells;
use crate::shm::handle::Handle;
use crate::shm::lock::{By, DATA_AT, DATA_HERE};
use crate::shm::window::Kind;
use crate::time::Deadline;

/// Data that one process at a time has; see the [module](super).
///
/// The guard has a copy of the data, which is written back when it is dropped, so that the next one finds
/// either all of what was done or nothing of it: nothing if the owner has died, or has dropped the guard by
/// a panic. `T` is copied at each lock and unlock; for large data there is
/// [`SharedArray`](crate::shared::SharedArray).
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::sync::{LockError, Mutex};
///
/// # fn main() -> actor_core::Result<()> {
/// let total = Mutex::new(0_u64)?;
/// let add = |total: Mutex<u64>| {
///     for _ in 0..100 {
///         *total.lock().unwrap() += 1;
///     }
/// };
/// let other = Process::spawn(add, total.clone())?;
/// add(total.clone());
/// other.join()?;
/// assert_eq!(*total.lock()?, 200);
///
/// // Whoever comes after one that has died with it is told so, and has the lock.
/// let victim = Process::spawn(|total: Mutex<u64>| -> () {
///     let mut guard = total.lock().unwrap();
///     *guard += 1;
///     std::process::abort();
/// }, total.clone())?;
/// victim.join().unwrap_err();
/// match total.lock() {
///     Err(LockError::OwnerDied(died)) => {
///         assert_eq!(died.owner(), victim.id());
///         assert!(died.report().is_some_and(|report| report.pid == victim.pid()));
///         assert_eq!(*died.into_guard(), 200, "what it was about to write is not there");
///     }
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(*total.lock()?, 200);
/// total.close();
/// # Ok(())
/// # }
/// ```
///
/// | | waits | not at all | for a time | until a time | async |
/// |---|---|---|---|---|---|
/// | take it | [`lock`](Mutex::lock) | [`try_lock`](Mutex::try_lock) | [`lock_timeout`](Mutex::lock_timeout) | [`lock_deadline`](Mutex::lock_deadline) | [`lock_async`](Mutex::lock_async) |
pub struct Mutex<T> {
    pub(super) raw: RawLock,
    /// The two copies; empty where the lock is gone.
    copies: [&'static [AtomicU64]; 2],
    _data: PhantomData<fn(T) -> T>,
}

/// Where a copy of so many bytes lies: with the lock in its line if it fits there.
fn place(copy: usize, bytes: usize) -> u64 {
    let copy = copy as u64;
    match cells::words(bytes) as u64 * 8 {
        few if 2 * few <= DATA_HERE => DATA_AT + copy * few,
        many => (DATA_AT + DATA_HERE) + copy * many.next_multiple_of(64),
    }
}

impl<T: Pod> Mutex<T> {
    const BYTES: usize = size_of::<T>();

    /// Makes a mutex with these data, free.
    ///
    /// # Errors
    /// See [`CreateError`]: data of more than half a GiB, too many locks, no memory.
    #[doc(alias("Lock", "Value"))]
    pub fn new(value: T) -> Result<Mutex<T>, CreateError> {
        let mutex = Mutex::of_raw(RawLock::make(Kind::Lock, Mutex::<T>::needs())?);
        cells::store(mutex.copies[0], bytemuck::bytes_of(&value));
        Ok(mutex)
    }

    fn needs() -> usize {
        place(2, Mutex::<T>::BYTES) as usize
    }

    fn of_raw(raw: RawLock) -> Mutex<T> {
        let copies = [0, 1].map(|copy| raw.words(place(copy, Mutex::<T>::BYTES), Mutex::<T>::BYTES));
        Mutex { raw, copies, _data: PhantomData }
    }

    /// Takes the lock, waiting for it.
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], which is the lock in other words; [`LockError::Gone`].
    #[doc(alias = "acquire")]
    #[inline]
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, LockError<MutexGuard<'_, T>>> {
        self.lock_until(Deadline::Never)
    }

    /// [`lock`](Mutex::lock) without waiting.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::WouldBlock`].
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, LockError<MutexGuard<'_, T>>> {
        self.lock_until(Deadline::Now)
    }

    /// [`lock`](Mutex::lock) for a time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T>, LockError<MutexGuard<'_, T>>> {
        self.lock_until(Deadline::after(timeout))
    }

    /// [`lock`](Mutex::lock) until a point in time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_deadline(&self, deadline: Instant) -> Result<MutexGuard<'_, T>, LockError<MutexGuard<'_, T>>> {
        self.lock_until(deadline.into())
    }

    /// [`lock`](Mutex::lock), async. A dropped future has taken nothing.
    pub fn lock_async(&self) -> LockFuture<'_, MutexGuard<'_, T>> {
        LockFuture::new(self)
    }

    #[inline]
    pub(crate) fn lock_until(&self, deadline: Deadline) -> Result<MutexGuard<'_, T>, LockError<MutexGuard<'_, T>>> {
        match self.raw.take(By::Guard, deadline) {
            Ok(held) => self.guard(held),
            Err(error) => Err(error.at(deadline)),
        }
    }

    #[inline]
    fn guard(&self, held: Held) -> Result<MutexGuard<'_, T>, LockError<MutexGuard<'_, T>>> {
        let mut value = T::zeroed();
        cells::load(self.copies[held.copy()], bytemuck::bytes_of_mut(&mut value));
        let guard = MutexGuard { mutex: self, value, held, is_changed: false };
        match held.died() {
            None => Ok(guard),
            Some(owner) => Err(LockError::OwnerDied(OwnerDied::new(guard, owner, held.id()))),
        }
    }
}

impl<T> Mutex<T> {
    /// Whether somebody holds it, which may have changed when this returns.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.raw.is_held()
    }

    /// Says that no handle is on its way to a process any more: the lock is freed with its last handle. Those
    /// who have one use it as before.
    pub fn close(&self) {
        self.raw.close();
    }
}

impl<'a, T: Pod> Grab<'a, MutexGuard<'a, T>> for Mutex<T> {
    fn grab(&'a self) -> Option<Result<MutexGuard<'a, T>, LockError<MutexGuard<'a, T>>>> {
        Some(self.raw.try_take_by_guard()?.and_then(|held| self.guard(held)))
    }

    fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl<T> Clone for Mutex<T> {
    fn clone(&self) -> Mutex<T> {
        Mutex { raw: self.raw.clone(), copies: self.copies, _data: PhantomData }
    }
}

/// Two handles are equal when they are on the same lock.
impl<T> PartialEq for Mutex<T> {
    fn eq(&self, other: &Mutex<T>) -> bool {
        self.raw.id() == other.raw.id()
    }
}

impl<T> Eq for Mutex<T> {}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.raw.id();
        let state = if self.is_locked() { "locked" } else { "free" };
        write!(f, "Mutex({}.{}, {state})", id.index, id.generation)
    }
}

impl<T> Serialize for Mutex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.handle().send(serializer)
    }
}

impl<'de, T: Pod> Deserialize<'de> for Mutex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mutex<T>, D::Error> {
        let handle = Handle::receive(deserializer, Kind::Lock)?;
        Ok(Mutex::of_raw(RawLock::of_handle(handle, Mutex::<T>::needs())))
    }
}

/// A mutex that is held, and a copy of its data.
///
/// Dropped, it writes back what has changed and releases the lock. Dropped by a panic it releases the lock
/// and leaves the data as they were before. Forgotten, it leaves the lock held until its process ends, and
/// then the next one gets [`LockError::OwnerDied`].
#[must_use = "dropped, it releases the lock"]
pub struct MutexGuard<'a, T: Pod> {
    mutex: &'a Mutex<T>,
    value: T,
    held: Held,
    is_changed: bool,
}

impl<'a, T: Pod> MutexGuard<'a, T> {
    /// Writes back what has changed and releases the lock, as dropping the guard does.
    #[doc(alias = "release")]
    pub fn unlock(guard: MutexGuard<'a, T>) {
        drop(guard);
    }

    /// The mutex that is held.
    pub fn mutex(guard: &MutexGuard<'a, T>) -> &'a Mutex<T> {
        guard.mutex
    }
}

impl<T: Pod> Accept for MutexGuard<'_, T> {
    fn accept(&mut self) {
        self.held.accept();
    }
}

impl<T: Pod> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Pod> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.is_changed = true;
        &mut self.value
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Pod> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let mut next = self.held.untouched();
        if self.is_changed && !self.held.is_cut_short() {
            let other = 1 - self.held.copy();
            if planted!(CountBeforeWrite) {
                self.mutex.raw.line().into_iter().for_each(|line| line.lock().count_copy(other));
            }
            // Dead here, the copy from before counts.
            cells::store(self.mutex.copies[other], bytemuck::bytes_of(&self.value));
            next = next.with_copy(other);
        }
        self.mutex.raw.release(next);
    }
}
