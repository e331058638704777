//! The error stands at the argument, not at those who call.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

struct Text(String);

#[handlers]
impl Counter {
    #[call]
    fn add(&mut self, times: u8, text: Text) -> usize {
        usize::from(times) * text.0.len()
    }
}

fn main() -> actor_core::Result<()> {
    let counter = Counter.spawn()?;
    counter.add(1, Text("x".into())).wait()?;
    Ok(())
}
