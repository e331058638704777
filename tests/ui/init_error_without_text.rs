//! The error of `#[init]` has at least a text.
use actor_core::prelude::*;

struct Silent;

#[derive(Actor)]
struct Counter;

#[handlers]
impl Counter {
    #[init]
    fn new(_: u64) -> Result<Self, Silent> {
        Err(Silent)
    }
}

fn main() -> actor_core::Result<()> {
    Counter::define(5).spawn()?;
    Ok(())
}
