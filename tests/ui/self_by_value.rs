//! A handler cannot consume the actor.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn finish(self) -> u64 {
        0
    }
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?.finish().wait()?;
    Ok(())
}
