//! The smallest program with an actor: `cargo run --release --example quickstart`.

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

/// Counts words. Runs in a process of its own: a crash in here is an `Err` out there.
#[derive(Actor, Serialize, Deserialize)]
struct Counter {
    words: u64,
}

#[handlers]
impl Counter {
    /// Adds the words of `text` and returns the running total.
    #[call]
    fn add(&mut self, text: String) -> u64 {
        self.words += text.split_whitespace().count() as u64;
        self.words
    }

    #[cast]
    fn reset(&mut self) {
        self.words = 0;
    }
}

#[actor_core::main]
fn main() -> actor_core::Result<()> {
    let counter = Counter { words: 0 }.spawn()?; // a new process, ready
    assert_eq!(counter.add("two words".into()).wait()?, 2); // blocking ...
    // assert_eq!(counter.add("…".into()).await?, 3);       // ... or async, same call
    counter.reset().send()?; // one way
    counter.stop()?; // ask, wait, then kill: bounded
    Ok(())
}
