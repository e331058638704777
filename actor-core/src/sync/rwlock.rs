//! [`RwLock`]: data that many processes read at once, or one changes.
//!
//! The guards are in `rw_guard.rs`, and how one waits in `rw_raw.rs`. The data lie twice, as those of a
//! [`Mutex`](super::Mutex) do.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{LockError, OwnerDied};
use super::failure::CreateError;
use super::future::{Grab, LockFuture};
use super::raw::{Held, NotHeld, RawLock};
use super::rw_future::WriteFuture;
use super::rw_guard::{ReadGuard, WriteGuard};
use super::rw_raw::RawRw;
use crate::shm::cells;
use crate::shm::handle::Handle;
use crate::shm::rwlock::{DATA_AT, Reading};
use crate::shm::window::Kind;
use crate::time::Deadline;

/// Data that many read at once, or one changes; see the [module](super).
///
/// A writer that waits keeps new readers out, so it waits for those only that read already. So a thread that
/// reads and wants to read once more can wait for a writer that waits for it. 256 processes can read at the
/// same time, with any number of threads each; more wait.
///
/// A reader that dies is gone, and nobody is told. A writer that dies leaves the data as they were, and
/// whoever comes next gets [`LockError::OwnerDied`], reader or writer, until a writer has accepted it.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::sync::RwLock;
///
/// # fn main() -> actor_core::Result<()> {
/// let range = RwLock::new([0_u32, 10])?;
/// let reader = range.read()?;
/// let other = Process::spawn(|range: RwLock<[u32; 2]>| range.read().unwrap()[1], range.clone())?;
/// assert_eq!(other.join()?, 10);
/// assert!(range.try_write().is_err());
/// drop(reader);
/// range.write()?[0] = 5;
/// assert_eq!(*range.read()?, [5, 10]);
/// range.close();
/// # Ok(())
/// # }
/// ```
///
/// | | waits | not at all | for a time | until a time | async |
/// |---|---|---|---|---|---|
/// | read | [`read`](RwLock::read) | [`try_read`](RwLock::try_read) | [`read_timeout`](RwLock::read_timeout) | [`read_deadline`](RwLock::read_deadline) | [`read_async`](RwLock::read_async) |
/// | write | [`write`](RwLock::write) | [`try_write`](RwLock::try_write) | [`write_timeout`](RwLock::write_timeout) | [`write_deadline`](RwLock::write_deadline) | [`write_async`](RwLock::write_async) |
pub struct RwLock<T> {
    pub(super) raw: RawRw,
    copies: [&'static [AtomicU64]; 2],
    _data: PhantomData<fn(T) -> T>,
}

/// A lock that is read, or why not.
type Read<'a, T> = Result<ReadGuard<'a, T>, LockError<ReadGuard<'a, T>>>;
/// A lock that is written, or why not.
pub(super) type Write<'a, T> = Result<WriteGuard<'a, T>, LockError<WriteGuard<'a, T>>>;

impl<T: Pod> RwLock<T> {
    /// Makes a lock with these data, free.
    ///
    /// # Errors
    /// See [`CreateError`]: data of more than half a GiB, too many locks, no memory.
    pub fn new(value: T) -> Result<RwLock<T>, CreateError> {
        let lock = RwLock::of_raw(RawLock::make(Kind::RwLock, RwLock::<T>::needs())?);
        cells::store(lock.copies[0], bytemuck::bytes_of(&value));
        Ok(lock)
    }

    fn place(copy: usize) -> u64 {
        DATA_AT + copy as u64 * (cells::words(size_of::<T>()) as u64 * 8)
    }

    fn needs() -> usize {
        RwLock::<T>::place(2) as usize
    }

    fn of_raw(raw: RawLock) -> RwLock<T> {
        let copies = [0, 1].map(|copy| raw.words(RwLock::<T>::place(copy), size_of::<T>()));
        RwLock { raw: RawRw::new(raw), copies, _data: PhantomData }
    }

    /// Waits until nobody writes, and reads.
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], which is the lock in other words; [`LockError::Gone`].
    pub fn read(&self) -> Read<'_, T> {
        self.read_until(Deadline::Never)
    }

    /// [`read`](RwLock::read) without waiting.
    ///
    /// # Errors
    /// As `read`, and [`LockError::WouldBlock`].
    pub fn try_read(&self) -> Read<'_, T> {
        self.read_until(Deadline::Now)
    }

    /// [`read`](RwLock::read) for a time.
    ///
    /// # Errors
    /// As `read`, and [`LockError::Timeout`].
    pub fn read_timeout(&self, timeout: Duration) -> Read<'_, T> {
        self.read_until(Deadline::after(timeout))
    }

    /// [`read`](RwLock::read) until a point in time.
    ///
    /// # Errors
    /// As `read`, and [`LockError::Timeout`].
    pub fn read_deadline(&self, deadline: Instant) -> Read<'_, T> {
        self.read_until(deadline.into())
    }

    /// [`read`](RwLock::read), async. A dropped future has taken nothing.
    pub fn read_async(&self) -> LockFuture<'_, ReadGuard<'_, T>> {
        LockFuture::new(self)
    }

    /// Waits until nobody reads or writes, and writes.
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], which is the lock in other words; [`LockError::Gone`].
    pub fn write(&self) -> Write<'_, T> {
        self.write_until(Deadline::Never)
    }

    /// [`write`](RwLock::write) without waiting.
    ///
    /// # Errors
    /// As `write`, and [`LockError::WouldBlock`].
    pub fn try_write(&self) -> Write<'_, T> {
        self.write_until(Deadline::Now)
    }

    /// [`write`](RwLock::write) for a time.
    ///
    /// # Errors
    /// As `write`, and [`LockError::Timeout`].
    pub fn write_timeout(&self, timeout: Duration) -> Write<'_, T> {
        self.write_until(Deadline::after(timeout))
    }

    /// [`write`](RwLock::write) until a point in time.
    ///
    /// # Errors
    /// As `write`, and [`LockError::Timeout`].
    pub fn write_deadline(&self, deadline: Instant) -> Write<'_, T> {
        self.write_until(deadline.into())
    }

    /// [`write`](RwLock::write), async. A dropped future has taken nothing; until then it keeps new readers
    /// out as any writer that waits.
    pub fn write_async(&self) -> WriteFuture<'_, T> {
        WriteFuture::new(self)
    }

    fn read_until(&self, deadline: Deadline) -> Read<'_, T> {
        self.raw.read(deadline).map_err(|error| error.at(deadline)).and_then(|reading| self.reading(reading))
    }

    fn reading(&self, reading: Reading) -> Read<'_, T> {
        let guard = ReadGuard::new(self, self.load(reading.word.copy()), reading);
        match reading.word.died() {
            None => Ok(guard),
            Some(owner) => Err(LockError::OwnerDied(OwnerDied::new(guard, owner, self.raw.lock.id()))),
        }
    }

    fn write_until(&self, deadline: Deadline) -> Write<'_, T> {
        self.raw.write(deadline).map_err(|error| error.at(deadline)).and_then(|held| self.writing(held))
    }

    pub(super) fn writing(&self, held: Held) -> Write<'_, T> {
        let guard = WriteGuard::new(self, self.load(held.copy()), held);
        match held.died() {
            None => Ok(guard),
            Some(owner) => Err(LockError::OwnerDied(OwnerDied::new(guard, owner, held.id()))),
        }
    }

    fn load(&self, copy: usize) -> T {
        let mut value = T::zeroed();
        cells::load(self.copies[copy], bytemuck::bytes_of_mut(&mut value));
        value
    }

    pub(super) fn store(&self, copy: usize, value: &T) {
        cells::store(self.copies[copy], bytemuck::bytes_of(value));
    }
}

impl<T> RwLock<T> {
    /// Says that no handle is on its way to a process any more: the lock is freed with its last handle. Those
    /// who have one use it as before.
    pub fn close(&self) {
        self.raw.lock.close();
    }
}

impl<'a, T: Pod> Grab<'a, ReadGuard<'a, T>> for RwLock<T> {
    fn grab(&'a self) -> Option<Read<'a, T>> {
        let taken = self.raw.try_read()?;
        Some(taken.map_err(|_: NotHeld| LockError::Gone).and_then(|reading| self.reading(reading)))
    }

    fn raw(&self) -> &RawLock {
        &self.raw.lock
    }
}

impl<T> Clone for RwLock<T> {
    fn clone(&self) -> RwLock<T> {
        RwLock { raw: RawRw::new(self.raw.lock.clone()), copies: self.copies, _data: PhantomData }
    }
}

/// Two handles are equal when they are on the same lock.
impl<T> PartialEq for RwLock<T> {
    fn eq(&self, other: &RwLock<T>) -> bool {
        self.raw.lock.id() == other.raw.lock.id()
    }
}

impl<T> Eq for RwLock<T> {}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.raw.lock.id();
        let state = if self.raw.lock.is_held() { "written" } else { "not written" };
        write!(f, "RwLock({}.{}, {state})", id.index, id.generation)
    }
}

impl<T> Serialize for RwLock<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.lock.handle().send(serializer)
    }
}

impl<'de, T: Pod> Deserialize<'de> for RwLock<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RwLock<T>, D::Error> {
        let handle = Handle::receive(deserializer, Kind::RwLock)?;
        Ok(RwLock::of_raw(RawLock::of_handle(handle, RwLock::<T>::needs())))
    }
}
