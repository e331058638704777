//! A cast has nobody to reply to.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[cast]
    fn reset(&mut self) -> u64 {
        0
    }
}

fn main() {}
