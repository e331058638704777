//! The one integration binary: a module per area, a test per conformance case.

mod actors;
mod cleanup;
mod compile_fail;
mod crash;
mod delivery;
mod harness;
mod limits;
mod macros;
mod mains;
mod process;
mod queue;
mod supervisor;
mod tidy;
