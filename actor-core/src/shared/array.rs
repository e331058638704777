//! [`SharedArray`]: many values, and one lock for all of them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bytes::Bytes;
use super::guard::{ArrayGuard, ArrayLockError};
use super::slice::SharedSlice;
use crate::shm::handle::Handle;
use crate::shm::lock::LockLine;
use crate::shm::window::Kind;
use crate::sync::{CreateError, Grab, Held, LockError, LockFuture, OwnerDied, RawLock, too_large};
use crate::time::Deadline;

/// Values that one process at a time reads or changes, in place.
///
/// Each verb takes the lock for as long as it runs; [`lock`](SharedArray::lock) keeps it for several. What a
/// guard writes is there at once, so an owner that dies leaves what it has written until then, and whoever
/// comes next gets [`LockError::OwnerDied`] and can repair it.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::shared::SharedArray;
///
/// # fn main() -> actor_core::Result<()> {
/// let array = SharedArray::from_slice(&[1_i32, 2, 3])?;
/// let negate = |array: SharedArray<i32>| array.lock().unwrap().for_each(|_, value| *value = -*value);
/// Process::spawn(negate, array.clone())?.join()?;
/// assert_eq!(array.read(0..3)?, [-1, -2, -3]);
/// array.close();
/// # Ok(())
/// # }
/// ```
#[doc(alias("Array", "SynchronizedArray"))]
pub struct SharedArray<T> {
    pub(super) raw: RawLock,
    pub(super) bytes: Bytes,
    _data: PhantomData<fn(T) -> T>,
}

/// Where the elements begin.
const DATA_AT: usize = size_of::<LockLine>();

/// What the lock is the reason for, or why it was not to be had.
type Locked<'a, T, R> = Result<R, ArrayLockError<'a, T>>;

impl<T: Pod> SharedArray<T> {
    /// So many values, all of zeroes.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn zeroed(len: usize) -> Result<SharedArray<T>, CreateError> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or(too_large(usize::MAX))?;
        Ok(SharedArray::of_bytes(Bytes::make(Kind::Lock, DATA_AT, bytes)?))
    }

    /// Shares these values.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn from_slice(values: &[T]) -> Result<SharedArray<T>, CreateError> {
        let array = SharedArray::zeroed(values.len())?;
        // It was made just now, so it is there, and nobody else has it.
        let _ = array.bytes.store(0, values);
        Ok(array)
    }

    /// So many values of zeroes, without a lock.
    ///
    /// # Errors
    /// See [`CreateError`].
    #[doc(alias = "RawArray")]
    pub fn unlocked(len: usize) -> Result<SharedSlice<T>, CreateError> {
        SharedSlice::zeroed(len)
    }

    /// How many there are; 0 if they are gone.
    pub fn len(&self) -> usize {
        self.bytes.length().checked_div(size_of::<T>()).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of the values.
    ///
    /// # Errors
    /// As [`lock`](SharedArray::lock).
    ///
    /// # Panics
    /// There are not so many, as with any slice.
    pub fn get(&self, index: usize) -> Locked<'_, T, T> {
        self.lock().map(|guard| guard.get(index))
    }

    /// Replaces one of the values.
    ///
    /// # Errors
    /// As [`lock`](SharedArray::lock).
    ///
    /// # Panics
    /// As for [`get`](SharedArray::get).
    pub fn set(&self, index: usize, value: T) -> Locked<'_, T, ()> {
        self.lock().map(|mut guard| guard.set(index, value))
    }

    /// A copy of some, all of one moment.
    ///
    /// # Errors
    /// As [`lock`](SharedArray::lock).
    ///
    /// # Panics
    /// As for [`get`](SharedArray::get).
    pub fn read(&self, range: Range<usize>) -> Locked<'_, T, Vec<T>> {
        self.lock().map(|guard| guard.read(range))
    }

    /// Replaces those from `index` on, all at one moment.
    ///
    /// # Errors
    /// As [`lock`](SharedArray::lock).
    ///
    /// # Panics
    /// As for [`get`](SharedArray::get).
    pub fn write(&self, index: usize, values: &[T]) -> Locked<'_, T, ()> {
        self.lock().map(|mut guard| guard.write(index, values))
    }

    /// Has the values alone until the guard is dropped.
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], which is the lock in other words; [`LockError::Gone`].
    #[doc(alias = "get_lock")]
    pub fn lock(&self) -> Locked<'_, T, ArrayGuard<'_, T>> {
        self.lock_until(Deadline::Never)
    }

    /// [`lock`](SharedArray::lock) without waiting.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::WouldBlock`].
    pub fn try_lock(&self) -> Locked<'_, T, ArrayGuard<'_, T>> {
        self.lock_until(Deadline::Now)
    }

    /// [`lock`](SharedArray::lock) for a time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> Locked<'_, T, ArrayGuard<'_, T>> {
        self.lock_until(Deadline::after(timeout))
    }

    /// [`lock`](SharedArray::lock) until a point in time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_deadline(&self, deadline: Instant) -> Locked<'_, T, ArrayGuard<'_, T>> {
        self.lock_until(deadline.into())
    }

    /// [`lock`](SharedArray::lock), async. A dropped future has taken nothing.
    pub fn lock_async(&self) -> LockFuture<'_, ArrayGuard<'_, T>> {
        LockFuture::new(self)
    }

    fn lock_until(&self, deadline: Deadline) -> Locked<'_, T, ArrayGuard<'_, T>> {
        self.raw.take_by_guard(deadline).and_then(|held| self.guard(held))
    }

    fn guard(&self, held: Held) -> Locked<'_, T, ArrayGuard<'_, T>> {
        let guard = ArrayGuard::new(self, held);
        match held.died() {
            None => Ok(guard),
            Some(owner) => Err(LockError::OwnerDied(OwnerDied::new(guard, owner, held.id()))),
        }
    }
}

impl<T> SharedArray<T> {
    fn of_bytes(bytes: Bytes) -> SharedArray<T> {
        let raw = RawLock::of_handle(bytes.handle().clone(), DATA_AT);
        SharedArray { raw, bytes, _data: PhantomData }
    }

    /// Says that no handle is on its way to a process any more: the values are freed with the last handle.
    pub fn close(&self) {
        self.bytes.close();
    }
}

impl<'a, T: Pod> Grab<'a, ArrayGuard<'a, T>> for SharedArray<T> {
    fn grab(&'a self) -> Option<Locked<'a, T, ArrayGuard<'a, T>>> {
        Some(self.raw.try_take_by_guard()?.and_then(|held| self.guard(held)))
    }

    fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl<T> Clone for SharedArray<T> {
    fn clone(&self) -> SharedArray<T> {
        SharedArray::of_bytes(self.bytes.clone())
    }
}

/// Two handles are equal when they are on the same memory.
impl<T> PartialEq for SharedArray<T> {
    fn eq(&self, other: &SharedArray<T>) -> bool {
        self.raw.id() == other.raw.id()
    }
}

impl<T> Eq for SharedArray<T> {}

impl<T> fmt::Debug for SharedArray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.raw.id();
        write!(f, "SharedArray({}.{}, {} bytes)", id.index, id.generation, self.bytes.length())
    }
}

impl<T> Serialize for SharedArray<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.handle().send(serializer)
    }
}

impl<'de, T> Deserialize<'de> for SharedArray<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SharedArray<T>, D::Error> {
        Ok(SharedArray::of_bytes(Bytes::of_handle(Handle::receive(deserializer, Kind::Lock)?, DATA_AT)))
    }
}
