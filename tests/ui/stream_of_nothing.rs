//! An iterator has no name, but what it gives has.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn numbers(&self) -> impl Iterator {
        0..10
    }
}

fn main() {}
