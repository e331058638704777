//! One actor, two contexts.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[cast]
    fn stop_twice(&mut self, one: &mut Context<Self>, other: &mut Context<Self>) {
        one.stop();
        other.stop();
    }
}

fn main() {}
