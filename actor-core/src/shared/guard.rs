//! [`ArrayGuard`]: a [`SharedArray`] that is held.

use std::fmt;
use std::ops::Range;

use bytemuck::Pod;

use super::array::SharedArray;
use super::bytes::{Gone, elements};
use super::slice::at;
use crate::sync::{Accept, Held, LockError};

/// Why an array could not be locked.
pub type ArrayLockError<'a, T> = LockError<ArrayGuard<'a, T>>;

/// An array that is held. What it writes is there at once; dropped, it releases the lock, also by a panic.
#[must_use = "dropped, it releases the lock"]
pub struct ArrayGuard<'a, T: Pod> {
    array: &'a SharedArray<T>,
    held: Held,
}

impl<'a, T: Pod> ArrayGuard<'a, T> {
    pub(super) fn new(array: &'a SharedArray<T>, held: Held) -> ArrayGuard<'a, T> {
        ArrayGuard { array, held }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of the values.
    ///
    /// # Panics
    /// There are not so many, as with any slice.
    pub fn get(&self, index: usize) -> T {
        let mut value = T::zeroed();
        self.load(index, std::slice::from_mut(&mut value));
        value
    }

    /// Replaces one of the values.
    ///
    /// # Panics
    /// As for [`get`](ArrayGuard::get).
    pub fn set(&mut self, index: usize, value: T) {
        self.write(index, &[value]);
    }

    /// A copy of some.
    ///
    /// # Panics
    /// As for [`get`](ArrayGuard::get).
    pub fn read(&self, range: Range<usize>) -> Vec<T> {
        let mut values = elements(&range);
        self.load(range.start, &mut values);
        values
    }

    /// Replaces those from `index` on.
    ///
    /// # Panics
    /// As for [`get`](ArrayGuard::get).
    pub fn write(&mut self, index: usize, values: &[T]) {
        // It was there when the lock was taken, and is so as long as its handle.
        let _: Result<(), Gone> = self.array.bytes.store(at::<T>(index), values);
    }

    /// Gives each value, with its place, to be read or changed.
    pub fn for_each(&mut self, mut change: impl FnMut(usize, &mut T)) {
        for index in 0..self.len() {
            let mut value = self.get(index);
            change(index, &mut value);
            self.set(index, value);
        }
    }

    fn load(&self, index: usize, to: &mut [T]) {
        let _: Result<(), Gone> = self.array.bytes.load(at::<T>(index), to);
    }
}

impl<T: Pod> Accept for ArrayGuard<'_, T> {
    fn accept(&mut self) {
        self.held.accept();
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for ArrayGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.len()).map(|index| self.get(index))).finish()
    }
}

impl<T: Pod> Drop for ArrayGuard<'_, T> {
    fn drop(&mut self) {
        self.array.raw.release(self.held.untouched());
    }
}
