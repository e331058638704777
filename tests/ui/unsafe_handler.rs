//! What the caller must keep in mind cannot be kept in a message.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    /// # Safety
    /// Not on Sundays.
    #[call]
    unsafe fn total(&self) -> u64 {
        0
    }
}

fn main() {}
