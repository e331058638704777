//! An `#[init]` that makes nothing.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[init]
    fn new(words: u64) {
        drop(words);
    }
}

fn main() {}
