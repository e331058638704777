//! An option that actors do not have.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
#[actor(mailbox = 5)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn total(&self) -> u64 {
        0
    }
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?.total().wait()?;
    Ok(())
}
