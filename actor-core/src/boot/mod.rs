//! How a process of the node comes to be: from the start of a program to the user's function.
//!
//! Every process of a node runs the same executable. What it is to be stands in a variable that is
//! read before `main` ([`entry`]). A *zygote* then forks processes on request and kills what is
//! left when the node is gone; an *actor process*, forked by the zygote or executed by the node,
//! takes its place in the node's shared memory, reads its order and enters the function that the
//! order names. Neither ever reaches `main`.
//!
//! This folder makes processes and nothing else: when to make one, what to do about its death and
//! what runs in it is decided above.

pub(crate) mod cgroup;
mod child;
pub(crate) mod entry;
mod guard;
pub(crate) mod launch;
pub(crate) mod order;
mod role;
mod zygote;

#[cfg(test)]
mod tests;

pub(crate) use entry::{Entry, Function, Start};
pub use order::StartMethod;
pub(crate) use order::{Arguments, Order};
