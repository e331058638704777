//! An option that handlers do not have.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call(timeout = "5s")]
    fn total(&self) -> u64 {
        0
    }
}

fn main() {}
