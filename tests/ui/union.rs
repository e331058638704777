//! Nobody knows which of its fields a union has.
use actor_core::prelude::*;

#[derive(Actor)]
union Counter {
    words: u64,
    letters: u32,
}

#[handlers]
impl Counter {
    #[init]
    fn new(words: u64) -> Self {
        Counter { words }
    }
}

fn main() {}
