//! A handler that every `ActorRef` would answer to in another way.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn clone(&self) -> u64 {
        0
    }
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?.clone().wait()?;
    Ok(())
}
