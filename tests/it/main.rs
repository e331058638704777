//! The one integration binary: a module per area, a test per conformance case.

mod harness;
mod tidy;
