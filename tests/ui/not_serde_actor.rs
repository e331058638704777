//! The actor itself is what travels, unless there is an `#[init]`.
use actor_core::prelude::*;

#[derive(Actor)]
struct Counter {
    words: u64,
}

#[handlers]
impl Counter {
    #[call]
    fn words(&self) -> u64 {
        self.words
    }
}

fn main() -> actor_core::Result<()> {
    let counter = Counter { words: 0 }.spawn()?;
    counter.words().wait()?;
    Ok(())
}
