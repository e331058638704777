//! A call and a cast that are never sent.
#![deny(unused_must_use)]
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

    #[cast]
    fn reset(&mut self) {}
}

fn main() -> actor_core::Result<()> {
    let counter = Counter.spawn()?;
    counter.total();
    counter.reset();
    Ok(())
}
