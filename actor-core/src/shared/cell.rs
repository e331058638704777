//! [`SharedCell`]: one value without a lock.

use std::marker::PhantomData;

use bytemuck::Pod;

use super::bytes::{Bytes, Gone, plain_data};
use super::view::Atomic;
use crate::shm::window::Kind;
use crate::sync::CreateError;

/// A value that all read and write at any time; see the [module](super) for what is read meanwhile.
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
///
/// use actor_core::process::Process;
/// use actor_core::shared::SharedCell;
///
/// # fn main() -> actor_core::Result<()> {
/// let hits = SharedCell::new(0_u32)?;
/// let other = Process::spawn(|hits: SharedCell<u32>| {
///     hits.as_atomic().unwrap().fetch_add(1, Relaxed);
/// }, hits.clone())?;
/// hits.as_atomic()?.fetch_add(1, Relaxed);
/// other.join()?;
/// assert_eq!(hits.get()?, 2);
/// hits.close();
/// # Ok(())
/// # }
/// ```
#[doc(alias = "RawValue")]
pub struct SharedCell<T> {
    bytes: Bytes,
    _data: PhantomData<fn(T) -> T>,
}

impl<T: Pod> SharedCell<T> {
    /// Shares this value.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn new(value: T) -> Result<SharedCell<T>, CreateError> {
        let cell = SharedCell { bytes: Bytes::make(Kind::Memory, 0, size_of::<T>())?, _data: PhantomData };
        // It was made just now, so it is there.
        let _ = cell.set(value);
        Ok(cell)
    }

    /// The value.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn get(&self) -> Result<T, Gone> {
        let mut value = T::zeroed();
        self.there()?.load(0, std::slice::from_mut(&mut value))?;
        Ok(value)
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn set(&self, value: T) -> Result<(), Gone> {
        self.there()?.store(0, &[value])
    }

    /// What has come under another type is none.
    fn there(&self) -> Result<&Bytes, Gone> {
        if self.bytes.length() == size_of::<T>() { Ok(&self.bytes) } else { Err(Gone) }
    }
}

impl<T: Atomic> SharedCell<T> {
    /// The value as an atomic, to be changed without a lock.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn as_atomic(&self) -> Result<&T::Atomic, Gone> {
        Ok(&self.there()?.atomics(0, 1)?[0])
    }
}

impl<T> SharedCell<T> {
    /// Says that no handle is on its way to a process any more: the value is freed with its last handle.
    pub fn close(&self) {
        self.bytes.close();
    }
}

plain_data!(SharedCell<T>, Kind::Memory, 0);
