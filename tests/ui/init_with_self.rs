//! `#[init]` comes before there is an actor.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[init]
    fn start(&mut self) {}
}

fn main() {}
