//! [`Atomic`]: which plain data can be atomics; [`View`]: a part of memory as elements of a type.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};

use bytemuck::Pod;

use super::bytes::{Bytes, Gone, elements};
use super::slice::at;
use crate::shm::region::Atomics;

/// Plain data that there is an atomic for: the integers.
#[expect(private_bounds, reason = "what may lie in shared memory is decided in one place")]
pub trait Atomic: Pod {
    /// The atomic of the standard library.
    type Atomic: Atomics;
}

macro_rules! atomic {
    ($($value:ty => $atomic:ty,)*) => {$(
        impl Atomic for $value {
            type Atomic = $atomic;
        }
    )*};
}

atomic! {
    u8 => AtomicU8,
    u16 => AtomicU16,
    u32 => AtomicU32,
    u64 => AtomicU64,
    usize => AtomicUsize,
    i8 => AtomicI8,
    i16 => AtomicI16,
    i32 => AtomicI32,
    i64 => AtomicI64,
    isize => AtomicIsize,
}

/// A part of [`SharedMemory`](super::SharedMemory) as elements of a type.
pub struct View<'a, T> {
    bytes: &'a Bytes,
    /// Where it begins.
    offset: usize,
    len: usize,
    _data: PhantomData<fn(T) -> T>,
}

impl<'a, T: Pod> View<'a, T> {
    pub(super) fn new(bytes: &'a Bytes, offset: usize, len: usize) -> View<'a, T> {
        View { bytes, offset, len, _data: PhantomData }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One of the elements.
    ///
    /// # Panics
    /// There are not so many, as with any slice.
    pub fn get(&self, index: usize) -> T {
        let mut value = T::zeroed();
        self.load(index, std::slice::from_mut(&mut value));
        value
    }

    /// Replaces one of the elements.
    ///
    /// # Panics
    /// As for [`get`](View::get).
    pub fn set(&self, index: usize, value: T) {
        self.write(index, &[value]);
    }

    /// A copy of some.
    ///
    /// # Panics
    /// As for [`get`](View::get).
    pub fn read(&self, range: Range<usize>) -> Vec<T> {
        let mut values = elements(&range);
        self.load(range.start, &mut values);
        values
    }

    /// Replaces those from `index` on.
    ///
    /// # Panics
    /// As for [`get`](View::get).
    pub fn write(&self, index: usize, values: &[T]) {
        self.check(index, values.len());
        // It was there when the view was made, and is so as long as its handle.
        let _: Result<(), Gone> = self.bytes.store(self.offset + at::<T>(index), values);
    }

    fn load(&self, index: usize, to: &mut [T]) {
        self.check(index, to.len());
        let _: Result<(), Gone> = self.bytes.load(self.offset + at::<T>(index), to);
    }

    fn check(&self, index: usize, count: usize) {
        let is_inside = index.checked_add(count).is_some_and(|end| end <= self.len);
        assert!(is_inside, "{count} elements at {index} of {}", self.len);
    }
}
