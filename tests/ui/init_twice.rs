//! There is one way to make an actor.
use actor_core::prelude::*;

#[derive(Actor)]
struct Counter;

#[handlers]
impl Counter {
    #[init]
    fn new(_: u64) -> Self {
        Counter
    }

    #[init]
    fn other(_: String) -> Self {
        Counter
    }
}

fn main() -> actor_core::Result<()> {
    Counter::define(5).spawn()?;
    Ok(())
}
