//! An actor with an `#[init]` of its own is started from those arguments.
use actor_core::prelude::*;

#[derive(Actor)]
struct Counter;

#[handlers]
impl Counter {
    #[init]
    fn new(_: u64) -> Self {
        Counter
    }
}

fn main() -> actor_core::Result<()> {
    Counter.spawn()?;
    Ok(())
}
