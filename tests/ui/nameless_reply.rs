//! A type without a name cannot be agreed on between two processes.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn numbers(&self) -> impl Iterator<Item = u64> {
        0..10
    }
}

fn main() {}
