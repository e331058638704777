//! The macros of `actor-core`; use them through that crate.
