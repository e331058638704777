//! [`Order`]: which item of an [`OrderedQueue`](super::OrderedQueue) comes first.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::queue::ranked::take_by_rank;
use crate::shm::order::Ranks;
use crate::shm::ordered::{Found, Rank};
use crate::shm::slots::Position;
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wire;

/// An order of items: [`Smallest`] or [`Latest`]. There are no others.
#[allow(private_bounds, reason = "what an order is made of is nobody else's")]
pub trait Order<T>: Ordering<T> {}

impl<T, O: Ordering<T>> Order<T> for O {}

/// The smallest item first; equal ones in the order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smallest {}

/// The item first that was sent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latest {}

/// What an order is made of.
pub(crate) trait Ordering<T> {
    /// What is written beside an item.
    const RANK: Rank;
    /// Whether items may hold what there is one of only, such as the end of a pipe: not where copies of
    /// them are decoded to be compared, for whoever decodes an end has it.
    const CARRIES: bool;

    fn take_first(window: &Window, skips: &dyn Fn(Position) -> bool, deadline: Deadline) -> Found;
}

impl<T> Ordering<T> for Latest {
    const RANK: Rank = Rank::First;
    const CARRIES: bool = true;

    #[inline]
    fn take_first(window: &Window, skips: &dyn Fn(Position) -> bool, deadline: Deadline) -> Found {
        take_by_rank(window, skips, deadline)
    }
}

impl<T: Ord + DeserializeOwned> Ordering<T> for Smallest {
    const RANK: Rank = Rank::Of(0);
    const CARRIES: bool = false;

    #[inline]
    fn take_first(window: &Window, skips: &dyn Fn(Position) -> bool, deadline: Deadline) -> Found {
        window.take_first(&ByValue::<T> { window, _items: PhantomData }, skips, deadline)
    }
}

/// By the items themselves, decoded from copies.
struct ByValue<'a, T> {
    window: &'a Window,
    _items: PhantomData<fn() -> T>,
}

impl<T: Ord + DeserializeOwned> Ranks for ByValue<'_, T> {
    /// What is no item comes first, so that it is soon out of the way.
    type Key = (Option<T>, u64);

    fn key(&self, place: u32) -> (Option<T>, u64) {
        let item = wire::with_buffer(|buffer| {
            self.window.read_place(place, buffer).then(|| wire::decode(buffer).ok()).flatten()
        });
        (item, self.window.fact(place).1)
    }

    fn is_before(&self, key: &(Option<T>, u64), other: &(Option<T>, u64)) -> bool {
        key < other
    }
}
