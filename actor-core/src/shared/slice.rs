//! [`SharedSlice`]: many values without a lock.

use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::Pod;

use super::bytes::{Bytes, Gone, elements, plain_data};
use super::view::Atomic;
use crate::shm::window::Kind;
use crate::sync::{CreateError, too_large};

/// Values that all read and write at any time; see the [module](super) for what is read meanwhile.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::shared::SharedSlice;
///
/// # fn main() -> actor_core::Result<()> {
/// let slice = SharedSlice::from_slice(&[1_i32, 2, 3])?;
/// let negate = |slice: SharedSlice<i32>| (0..slice.len()).for_each(|i| slice.set(i, -slice.get(i).unwrap()).unwrap());
/// Process::spawn(negate, slice.clone())?.join()?;
/// assert_eq!(slice.read(0..3)?, [-1, -2, -3]);
/// slice.close();
/// # Ok(())
/// # }
/// ```
#[doc(alias = "RawArray")]
pub struct SharedSlice<T> {
    bytes: Bytes,
    _data: PhantomData<fn(T) -> T>,
}

impl<T: Pod> SharedSlice<T> {
    /// So many values, all of zeroes.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn zeroed(len: usize) -> Result<SharedSlice<T>, CreateError> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or(too_large(usize::MAX))?;
        Ok(SharedSlice { bytes: Bytes::make(Kind::Memory, 0, bytes)?, _data: PhantomData })
    }

    /// Shares these values.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn from_slice(values: &[T]) -> Result<SharedSlice<T>, CreateError> {
        let slice = SharedSlice::zeroed(values.len())?;
        // It was made just now, so it is there.
        let _ = slice.write(0, values);
        Ok(slice)
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
    /// [`Gone`].
    ///
    /// # Panics
    /// There are not so many, as with any slice.
    pub fn get(&self, index: usize) -> Result<T, Gone> {
        let mut value = T::zeroed();
        self.bytes.load(at::<T>(index), std::slice::from_mut(&mut value))?;
        Ok(value)
    }

    /// Replaces one of the values.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// As for [`get`](SharedSlice::get).
    pub fn set(&self, index: usize, value: T) -> Result<(), Gone> {
        self.bytes.store(at::<T>(index), &[value])
    }

    /// A copy of some.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// As for [`get`](SharedSlice::get).
    pub fn read(&self, range: Range<usize>) -> Result<Vec<T>, Gone> {
        let mut values = elements(&range);
        self.bytes.load(at::<T>(range.start), &mut values)?;
        Ok(values)
    }

    /// Replaces those from `index` on.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// As for [`get`](SharedSlice::get).
    pub fn write(&self, index: usize, values: &[T]) -> Result<(), Gone> {
        self.bytes.store(at::<T>(index), values)
    }
}

impl<T: Atomic> SharedSlice<T> {
    /// The values as atomics, to be changed without a lock.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn as_atomics(&self) -> Result<&[T::Atomic], Gone> {
        self.bytes.atomics(0, self.len())
    }
}

impl<T> SharedSlice<T> {
    /// Says that no handle is on its way to a process any more: the values are freed with the last handle.
    pub fn close(&self) {
        self.bytes.close();
    }
}

/// Where an element lies. One that is far out of range stays out of range.
pub(super) fn at<T>(index: usize) -> usize {
    index.saturating_mul(size_of::<T>())
}

plain_data!(SharedSlice<T>, Kind::Memory, 0);
