//! An item travels, so it cannot be a reference into the actor.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Book {
    lines: Vec<String>,
}

#[handlers]
impl Book {
    #[call]
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.as_str())
    }
}

fn main() {}
