//! One error for all that does not work without the derive.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Counter {
    words: u64,
}

#[handlers]
impl Counter {
    #[call]
    async fn add(&mut self, text: String) -> usize {
        text.len()
    }

    #[cast]
    fn reset(&mut self) {}
}

fn main() -> actor_core::Result<()> {
    let counter = Counter { words: 0 }.spawn()?;
    let words: usize = counter.add("x".into()).wait()?;
    counter.reset().send()?;
    counter.stop()?;
    assert_eq!(words, 1);
    Ok(())
}
