//! [`Adder`]: an actor that goes on, or should, while others mean no good.

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
pub(super) struct Adder;

#[handlers]
impl Adder {
    #[call]
    fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }

    #[call]
    fn own_pid(&self) -> u32 {
        std::process::id()
    }

    #[cast]
    fn note(&mut self, _bytes: Vec<u8>) {}
}
