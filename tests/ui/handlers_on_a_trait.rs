//! `#[handlers]` on the wrong `impl` block.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Default for Counter {
    fn default() -> Self {
        Counter
    }
}

fn main() {}
