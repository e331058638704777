//! A handler that does not work on the actor.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn add(text: String) -> usize {
        text.len()
    }
}

fn main() {}
