//! What has been read of a stream cannot be taken back.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call(on_crash = "redeliver(3)")]
    fn numbers(&self) -> impl Iterator<Item = u64> {
        0..10
    }
}

fn main() {}
