//! A type without a name cannot be agreed on between two processes.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn total(&self) -> impl std::fmt::Display {
        10
    }
}

fn main() {}
