//! The policy `fail` needs a caller.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[cast(on_crash = "fail")]
    fn reset(&mut self) {}
}

fn main() {}
