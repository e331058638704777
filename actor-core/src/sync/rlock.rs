//! [`RLock`]: a lock that its owner, one thread of one process, may take again.
//!
//! How a thread knows that it is the owner stands in [`lock`](crate::shm::lock).

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{Accept, LockError, NotOwner, OwnerDied};
use super::failure::CreateError;
use super::future::{Grab, LockFuture};
use super::raw::{Held, RawLock};
use crate::id::Participant;
use crate::shm::handle::Handle;
use crate::shm::lock::{By, LockLine, LockWord};
use crate::shm::window::Kind;
use crate::time::Deadline;

/// A lock that the thread which has it may take again; see the [module](super).
///
/// It is free when it was released as often as it was taken. To async code it is the lock of the thread that polls:
/// all tasks that run there are one owner.
///
/// ```
/// use actor_core::sync::{NotOwner, RLock};
///
/// # fn main() -> actor_core::Result<()> {
/// let lock = RLock::new()?;
/// let outer = lock.lock()?;
/// let inner = lock.lock()?;
/// assert_eq!(lock.count(), 2);
/// drop(outer);
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         assert!(lock.try_lock().is_err());
///         assert_eq!(lock.release(), Err(NotOwner));
///     });
/// });
/// drop(inner);
/// assert_eq!(lock.count(), 0);
/// # Ok(())
/// # }
/// ```
pub struct RLock {
    raw: RawLock,
}

/// Who has a lock, and how often: `count:20 | thread:30 | participant:14`, low bits first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Nested(u64);

impl Nested {
    const COUNT_BITS: u32 = 20;
    const THREAD_BITS: u32 = 64 - Participant::BITS - Nested::COUNT_BITS;
    const COUNT: u64 = (1 << Nested::COUNT_BITS) - 1;

    /// This thread, not at all.
    fn me(me: Participant) -> Nested {
        let who = u64::from(me.0) << Nested::THREAD_BITS | thread() & ((1 << Nested::THREAD_BITS) - 1);
        Nested(who << Nested::COUNT_BITS)
    }

    fn count(self) -> u64 {
        self.0 & Nested::COUNT
    }

    fn is_same(self, other: Nested) -> bool {
        self.0 & !Nested::COUNT == other.0 & !Nested::COUNT
    }
}

/// The number of this thread in its process, from 1.
fn thread() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static MINE: Cell<u64> = const { Cell::new(0) };
    }
    MINE.with(|mine| {
        if mine.get() == 0 {
            mine.set(LAST.fetch_add(1, Relaxed) + 1);
        }
        mine.get()
    })
}

type Taken<'a> = Result<RLockGuard<'a>, LockError<RLockGuard<'a>>>;

impl RLock {
    /// Makes a lock, free.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn new() -> Result<RLock, CreateError> {
        Ok(RLock { raw: RawLock::make(Kind::Lock, size_of::<LockLine>())? })
    }

    /// Takes the lock, waiting for it unless this thread has it.
    ///
    /// # Errors
    /// [`LockError::OwnerDied`], which is the lock in other words; [`LockError::Gone`].
    ///
    /// # Panics
    /// This thread has taken it a million times.
    pub fn lock(&self) -> Taken<'_> {
        self.lock_until(Deadline::Never)
    }

    /// [`lock`](RLock::lock) without waiting.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::WouldBlock`].
    pub fn try_lock(&self) -> Taken<'_> {
        self.lock_until(Deadline::Now)
    }

    /// [`lock`](RLock::lock) for a time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> Taken<'_> {
        self.lock_until(Deadline::after(timeout))
    }

    /// [`lock`](RLock::lock) until a point in time.
    ///
    /// # Errors
    /// As `lock`, and [`LockError::Timeout`].
    pub fn lock_deadline(&self, deadline: Instant) -> Taken<'_> {
        self.lock_until(deadline.into())
    }

    /// [`lock`](RLock::lock), async: keeps other threads and processes out, and not other tasks of this thread. The
    /// guard stays on the thread that has polled last, so no executor moves a task that keeps it.
    ///
    /// # Panics
    /// Polled as [`lock`](RLock::lock) does.
    pub fn lock_async(&self) -> LockFuture<'_, RLockGuard<'_>> {
        LockFuture::new(self)
    }

    /// Takes the lock as [`lock`](RLock::lock) does, until [`release`](RLock::release).
    ///
    /// # Errors
    /// As `lock`; what is in an [`LockError::OwnerDied`] is a guard.
    pub fn acquire(&self) -> Result<(), LockError<RLockGuard<'_>>> {
        self.lock().map(std::mem::forget)
    }

    /// [`acquire`](RLock::acquire) without waiting.
    ///
    /// # Errors
    /// As `acquire`, and [`LockError::WouldBlock`].
    pub fn try_acquire(&self) -> Result<(), LockError<RLockGuard<'_>>> {
        self.try_lock().map(std::mem::forget)
    }

    /// [`acquire`](RLock::acquire) for a time.
    ///
    /// # Errors
    /// As `acquire`, and [`LockError::Timeout`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<(), LockError<RLockGuard<'_>>> {
        self.lock_timeout(timeout).map(std::mem::forget)
    }

    /// [`acquire`](RLock::acquire) until a point in time.
    ///
    /// # Errors
    /// As `acquire`, and [`LockError::Timeout`].
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<(), LockError<RLockGuard<'_>>> {
        self.lock_deadline(deadline).map(std::mem::forget)
    }

    /// Takes one back of the times that this thread has taken it.
    ///
    /// # Errors
    /// [`NotOwner`]: this thread does not have it.
    pub fn release(&self) -> Result<(), NotOwner> {
        self.release_to(LockWord::freed)
    }

    /// How often this thread has taken it; 0 if it has not.
    pub fn count(&self) -> usize {
        self.mine().map_or(0, |(_, nested)| nested.count() as usize)
    }

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

    /// The lock, if it is this thread's.
    fn mine(&self) -> Option<(&'static LockLine, Nested)> {
        let me = self.raw.window()?.segment.me();
        let line = self.raw.line()?;
        // In this order, see the module of the protocol.
        if !LockWord(line.word.load(Acquire)).is_held_by(me) {
            return None;
        }
        let nested = Nested(line.nested.load(Acquire));
        nested.is_same(Nested::me(me)).then_some((line, nested))
    }

    fn lock_until(&self, deadline: Deadline) -> Taken<'_> {
        let guard = |held| RLockGuard { lock: self, held, _of_this_thread: PhantomData };
        if let Some((line, nested)) = self.mine() {
            assert!(nested.count() < Nested::COUNT, "a thread has taken a lock {} times", nested.count());
            line.nested.store(nested.0 + 1, Relaxed);
            return Ok(guard(None));
        }
        let held = self.raw.take(By::Guard, deadline).map_err(|error| error.at(deadline))?;
        if let (Some(line), Some(window)) = (self.raw.line(), self.raw.window()) {
            line.nested.store(Nested::me(window.segment.me()).0 + 1, Relaxed);
        }
        match held.died() {
            None => Ok(guard(None)),
            Some(owner) => Err(LockError::OwnerDied(OwnerDied::new(guard(Some(held)), owner, held.id()))),
        }
    }

    /// The last one makes of the word what `next` says.
    fn release_to(&self, next: impl FnOnce(LockWord) -> LockWord) -> Result<(), NotOwner> {
        let (line, nested) = self.mine().ok_or(NotOwner)?;
        if 1 < nested.count() {
            line.nested.store(nested.0 - 1, Relaxed);
        } else {
            // Before the release, so that the next owner finds nobody's name.
            line.nested.store(0, Relaxed);
            self.raw.release(next(LockWord(line.word.load(Relaxed))));
        }
        Ok(())
    }
}

impl<'a> Grab<'a, RLockGuard<'a>> for RLock {
    fn grab(&'a self) -> Option<Taken<'a>> {
        match self.try_lock() {
            Err(LockError::WouldBlock) => None,
            taken => Some(taken),
        }
    }

    fn raw(&self) -> &RawLock {
        &self.raw
    }
}

impl Clone for RLock {
    fn clone(&self) -> RLock {
        RLock { raw: self.raw.clone() }
    }
}

/// Two handles are equal when they are on the same lock.
impl PartialEq for RLock {
    fn eq(&self, other: &RLock) -> bool {
        self.raw.id() == other.raw.id()
    }
}

impl Eq for RLock {}

impl fmt::Debug for RLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.raw.id();
        let state = if self.is_locked() { "locked" } else { "free" };
        write!(f, "RLock({}.{}, {state})", id.index, id.generation)
    }
}

impl Serialize for RLock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.handle().send(serializer)
    }
}

impl<'de> Deserialize<'de> for RLock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RLock, D::Error> {
        let handle = Handle::receive(deserializer, Kind::Lock)?;
        Ok(RLock { raw: RawLock::of_handle(handle, size_of::<LockLine>()) })
    }
}

/// One of the times that a thread has taken an [`RLock`]. Guards may be dropped in any order.
#[must_use = "dropped, it releases the lock"]
pub struct RLockGuard<'a> {
    lock: &'a RLock,
    /// How it was, if somebody has died with it.
    held: Option<Held>,
    /// It stays in the thread that owns the lock.
    _of_this_thread: PhantomData<*const ()>,
}

impl RLockGuard<'_> {
    /// Releases the lock once, as dropping the guard does.
    pub fn unlock(guard: Self) {
        drop(guard);
    }
}

impl Accept for RLockGuard<'_> {
    fn accept(&mut self) {
        if let Some(held) = &mut self.held {
            held.accept();
        }
    }
}

impl fmt::Debug for RLockGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RLockGuard({})", self.lock.count())
    }
}

impl Drop for RLockGuard<'_> {
    fn drop(&mut self) {
        let held = self.held.take();
        // Released by hand in between, it is nobody's any more.
        let _ = self.lock.release_to(|word| held.map_or_else(|| word.freed(), |held| held.untouched()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let me = Nested::me(Participant(16_383));
        assert_eq!(me.count(), 0);
        assert!(Nested(me.0 + Nested::COUNT).is_same(me) && Nested(me.0 + Nested::COUNT).count() == Nested::COUNT);
        assert!(!Nested::me(Participant(16_382)).is_same(me) && !Nested(0).is_same(me));
        let other = std::thread::spawn(|| Nested::me(Participant(16_383)).0).join().unwrap();
        assert!(!Nested(other).is_same(me));
    }
}
