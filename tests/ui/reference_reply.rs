//! A borrowed reply cannot travel.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter {
    name: String,
}

#[handlers]
impl Counter {
    #[call]
    fn title(&self) -> Option<&str> {
        Some(&self.name)
    }
}

fn main() {}
