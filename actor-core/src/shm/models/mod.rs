//! Models: the protocols of this folder under a model checker, and against simple references.
//!
//! The checker runs a model in every interleaving up to a number of preemptions, and lets each
//! load return every value that the memory model allows. It fails where an assertion does, where
//! all threads sleep (a lost wake), and where two threads touch a payload unordered (a torn
//! message). One model, one property. Capacities are 1 to 3 and threads 2 to 4, because the slots
//! and participants of a ring are all alike: what goes wrong needs a neighbour, a lap, and somebody
//! who interferes.
//!
//! Preemptions are bounded by 2 where three threads run, and by 3 where two do: a race between a
//! pair of steps needs one preemption, one that needs somebody in between needs two. Where a model
//! has another bound it says why. What needs more preemptions than the bound is not looked at.
//!
//! [`sequence`] and [`garbage`] do not need the checker: one thread, many random operations.

mod async_wakes;
mod death;
mod ends;
mod extents;
mod garbage;
mod hands;
mod locks;
mod logs;
mod mailbox;
pub(crate) mod memory;
mod ordered;
mod permits;
mod queue;
mod ring;
mod rwlocks;
mod sequence;
mod waiters;
mod waits;
mod wakes;
