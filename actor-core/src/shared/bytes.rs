//! [`Bytes`]: a handle on memory that is read and written in place, by elements.

use std::ops::Range;

use bytemuck::Pod;

use crate::node;
use crate::shm::cells;
use crate::shm::handle::Handle;
use crate::shm::region::{self, Atomics};
use crate::shm::window::{Kind, Window};
use crate::sync::{CreateError, too_large};

/// The memory went with its node or with its last handle, or was never one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared memory is gone")]
pub struct Gone;

/// A part of a region that holds data and nothing else.
pub(super) struct Bytes {
    handle: Handle,
    /// Where it begins.
    offset: u64,
    /// 0 where it is gone.
    length: usize,
}

impl Bytes {
    /// So many bytes of zeroes, behind what `offset` keeps for others.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub(super) fn make(kind: Kind, offset: usize, length: usize) -> Result<Bytes, CreateError> {
        let shape = offset.checked_add(length).and_then(|bytes| region::shape(bytes as u64));
        let shape = shape.ok_or_else(|| too_large(length))?;
        let segment = node::ensure().map_err(CreateError::Memory)?;
        let handle = Handle::make(segment, kind, shape).map_err(|error| CreateError::of(error, length))?;
        if let Some(window) = handle.window() {
            window.set_memory_length(length as u64);
        }
        Ok(Bytes { handle, offset: offset as u64, length })
    }

    /// What is behind a handle that has come from somewhere.
    pub(super) fn of_handle(handle: Handle, offset: usize) -> Bytes {
        let fits = |window: &Window| {
            let (length, there) = (window.memory_length(), window.memory_bytes());
            (offset as u64).checked_add(length).filter(|end| *end <= there).map(|_| length as usize)
        };
        let length = handle.window().and_then(fits).unwrap_or(0);
        Bytes { handle, offset: offset as u64, length }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    fn window(&self) -> Result<&Window, Gone> {
        self.handle.window().ok_or(Gone)
    }

    /// The bytes as atomics, `at` bytes from the beginning.
    ///
    /// # Panics
    /// They are not all in there, or not aligned.
    pub(super) fn atomics<A: Atomics>(&self, at: usize, count: usize) -> Result<&[A], Gone> {
        let window = self.window()?;
        self.check(at, count, size_of::<A>());
        Ok(window.memory_slice(self.offset + at as u64, count))
    }

    /// Copies elements out.
    ///
    /// # Panics
    /// They are not all in there, or not aligned.
    pub(super) fn load<T: Pod>(&self, at: usize, to: &mut [T]) -> Result<(), Gone> {
        let window = self.window()?;
        self.check(at, to.len(), size_of::<T>());
        cells::load_from(window, self.offset + at as u64, cells::unit::<T>(), bytemuck::cast_slice_mut(to));
        Ok(())
    }

    /// Copies elements in.
    ///
    /// # Panics
    /// They are not all in there, or not aligned.
    pub(super) fn store<T: Pod>(&self, at: usize, from: &[T]) -> Result<(), Gone> {
        let window = self.window()?;
        self.check(at, from.len(), size_of::<T>());
        cells::store_to(window, self.offset + at as u64, cells::unit::<T>(), bytemuck::cast_slice(from));
        Ok(())
    }

    /// Copies bytes out, whatever they are.
    pub(super) fn load_bytes(&self, at: usize, to: &mut [u8]) -> Result<(), Gone> {
        self.inside(at, to.len(), 1)?;
        let window = self.window()?;
        for (unit, part) in cells::parts(at, to.len()) {
            cells::load_from(window, self.offset + (at + part.start) as u64, unit, &mut to[part]);
        }
        Ok(())
    }

    /// Copies bytes in, whatever they are.
    pub(super) fn store_bytes(&self, at: usize, from: &[u8]) -> Result<(), Gone> {
        self.inside(at, from.len(), 1)?;
        let window = self.window()?;
        for (unit, part) in cells::parts(at, from.len()) {
            cells::store_to(window, self.offset + (at + part.start) as u64, unit, &from[part]);
        }
        Ok(())
    }

    /// Whether there are so many elements.
    ///
    /// # Panics
    /// There are not.
    pub(super) fn inside(&self, at: usize, count: usize, size: usize) -> Result<(), Gone> {
        self.window()?;
        self.check(at, count, size);
        Ok(())
    }

    fn check(&self, at: usize, count: usize, size: usize) {
        let end = count.checked_mul(size).and_then(|bytes| bytes.checked_add(at));
        let length = self.length;
        assert!(end.is_some_and(|end| end <= length), "{count} times {size} bytes at {at} of {length} bytes");
    }

    /// No handle is under way any more: it goes with the last one.
    pub(super) fn close(&self) {
        self.handle.close();
    }
}

/// Not made into a clone of what is gone.
impl Clone for Bytes {
    fn clone(&self) -> Bytes {
        Bytes::of_handle(self.handle.clone(), self.offset as usize)
    }
}

/// The elements of a range, as a slice takes one.
pub(super) fn elements<T: Pod>(range: &Range<usize>) -> Vec<T> {
    assert!(range.start <= range.end, "a range from {} to {}", range.start, range.end);
    vec![T::zeroed(); range.len()]
}

/// Writes what a handle on memory has besides its own: clones, comparisons, and its way through messages.
macro_rules! plain_data {
    ($name:ident<$t:ident>, $kind:expr, $offset:expr) => {
        impl<$t> Clone for $name<$t> {
            fn clone(&self) -> $name<$t> {
                $name { bytes: self.bytes.clone(), _data: std::marker::PhantomData }
            }
        }

        /// Two handles are equal when they are on the same memory.
        impl<$t> PartialEq for $name<$t> {
            fn eq(&self, other: &$name<$t>) -> bool {
                self.bytes.handle().id() == other.bytes.handle().id()
            }
        }

        impl<$t> Eq for $name<$t> {}

        impl<$t> std::fmt::Debug for $name<$t> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let id = self.bytes.handle().id();
                write!(f, "{}({}.{}, {} bytes)", stringify!($name), id.index, id.generation, self.bytes.length())
            }
        }

        impl<$t> serde::Serialize for $name<$t> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.bytes.handle().send(serializer)
            }
        }

        impl<'de, $t> serde::Deserialize<'de> for $name<$t> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name<$t>, D::Error> {
                let handle = crate::shm::handle::Handle::receive(deserializer, $kind)?;
                let bytes = crate::shared::bytes::Bytes::of_handle(handle, $offset);
                Ok($name { bytes, _data: std::marker::PhantomData })
            }
        }
    };
}
pub(super) use plain_data;
