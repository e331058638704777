//! A reply that cannot travel.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

struct Total(u64);

#[handlers]
impl Counter {
    #[call]
    fn total(&self) -> Total {
        Total(0)
    }
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?.total().wait()?;
    Ok(())
}
