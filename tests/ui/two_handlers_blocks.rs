//! An actor has one `#[handlers]` block.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn total(&self) -> u64 {
        0
    }
}

#[handlers]
impl Counter {
    #[cast]
    fn reset(&mut self) {}
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?;
    Ok(())
}
