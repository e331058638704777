//! [`PriorityQueue`] and [`LifoQueue`]: queues whose items are received in an order of their own.
//!
//! What a queue does when somebody dies is the same for all; see the [module above](super).

mod handle;
mod order;
mod recv;
mod send;
#[cfg(test)]
mod tests;

pub use handle::{LifoQueue, OrderedQueue, PriorityQueue};
pub use order::{Latest, Order, Smallest};
