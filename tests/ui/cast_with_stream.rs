//! Nobody reads what a cast gives.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[cast]
    fn numbers(&mut self) -> Box<dyn Iterator<Item = u64>> {
        Box::new(0..10)
    }
}

fn main() {}
