//! `#[call]` on something that is no method.
use actor_core::prelude::*;

#[call]
struct Counter;

fn main() {}
