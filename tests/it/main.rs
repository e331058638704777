//! The one integration binary: a module per area, a test per conformance case.

mod actors;
mod compile_fail;
mod harness;
mod macros;
mod tidy;
