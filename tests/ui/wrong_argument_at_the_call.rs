//! Callers are checked against the handler as the user wrote it.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn add(&mut self, text: String) -> usize {
        text.len()
    }
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?.add(5).wait()?;
    Ok(())
}
