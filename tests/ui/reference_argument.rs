//! A borrowed argument cannot travel.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn add(&mut self, text: &str) -> usize {
        text.len()
    }
}

fn main() -> actor_core::Result<()> {
    let counter = Counter.spawn()?;
    counter.add("x").wait()?;
    Ok(())
}
