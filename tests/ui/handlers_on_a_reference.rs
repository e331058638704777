//! `#[handlers]` around something that cannot be an actor.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl &Counter {
    #[call]
    fn total(&self) -> u64 {
        0
    }
}

fn main() {}
