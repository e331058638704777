//! The one integration binary: a module per area, a test per conformance case.

use actor_tests::counting::Counting;

mod actors;
mod cleanup;
mod collections;
mod compile_fail;
mod crash;
mod deadlock;
mod delegated;
mod delivery;
mod gather;
mod harness;
mod hostile;
mod limits;
mod links;
mod logs;
mod macros;
mod mains;
mod pipe;
mod pool;
mod process;
mod queue;
mod shared;
mod streams;
mod suites;
mod supervisor;
mod sync;
mod tidy;
mod timers;
mod wait;

/// Some tests ask how much memory something takes.
#[global_allocator]
static ALLOCATOR: Counting = Counting;
