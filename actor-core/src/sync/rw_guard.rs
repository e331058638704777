//! [`ReadGuard`] and [`WriteGuard`]: an [`RwLock`] that is read or written, and a copy of its data.

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;

use super::error::Accept;
use super::raw::Held;
use super::rwlock::RwLock;
use crate::shm::rwlock::Reading;

/// A lock that is read, and a copy of its data. Dropped, it reads no more.
#[must_use = "dropped, it reads no more"]
pub struct ReadGuard<'a, T: Pod> {
    lock: &'a RwLock<T>,
    value: T,
    reading: Reading,
}

impl<'a, T: Pod> ReadGuard<'a, T> {
    pub(super) fn new(lock: &'a RwLock<T>, value: T, reading: Reading) -> ReadGuard<'a, T> {
        ReadGuard { lock, value, reading }
    }
}

/// A reader has looked at what a dead writer has left. The next one is told of it as well: only a writer can
/// have repaired it.
impl<T: Pod> Accept for ReadGuard<'_, T> {
    fn accept(&mut self) {}
}

impl<T: Pod> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Pod> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.raw.end_read(self.reading);
    }
}

/// A lock that is written, and a copy of its data.
///
/// Dropped, it writes back what has changed and releases the lock. Dropped by a panic it releases the lock
/// and leaves the data as they were before. Forgotten, it leaves the lock held until its process ends.
#[must_use = "dropped, it releases the lock"]
pub struct WriteGuard<'a, T: Pod> {
    lock: &'a RwLock<T>,
    value: T,
    held: Held,
    is_changed: bool,
}

impl<'a, T: Pod> WriteGuard<'a, T> {
    pub(super) fn new(lock: &'a RwLock<T>, value: T, held: Held) -> WriteGuard<'a, T> {
        WriteGuard { lock, value, held, is_changed: false }
    }
}

impl<T: Pod> Accept for WriteGuard<'_, T> {
    fn accept(&mut self) {
        self.held.accept();
    }
}

impl<T: Pod> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Pod> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.is_changed = true;
        &mut self.value
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Pod> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        let mut next = self.held.untouched();
        if self.is_changed && !self.held.is_cut_short() {
            let other = 1 - self.held.copy();
            self.lock.store(other, &self.value);
            next = next.with_copy(other);
        }
        self.lock.raw.end_write(next);
    }
}
