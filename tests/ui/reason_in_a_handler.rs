//! While a message is handled there is no reason yet.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[cast]
    fn farewell(&mut self, reason: &ExitReason) {
        println!("{reason}");
    }
}

fn main() {}
