//! `#[handlers]` on a function.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
fn total() -> u64 {
    0
}

fn main() {}
