//! Options on an attribute that has none.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[init(lazy)]
    fn new(words: u64) -> Self {
        drop(words);
        Counter
    }
}

fn main() {}
