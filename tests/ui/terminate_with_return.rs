//! A last word that nobody hears.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[terminate]
    fn bye(&mut self) -> u64 {
        0
    }
}

fn main() {}
