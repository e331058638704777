//! `#[terminate]` with something that nobody could supply.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[terminate]
    fn bye(&mut self, why: String) {
        drop(why)
    }
}

fn main() {}
