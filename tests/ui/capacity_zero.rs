//! A mailbox without room.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 0)]
struct Counter;

#[handlers]
impl Counter {}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?;
    Ok(())
}
