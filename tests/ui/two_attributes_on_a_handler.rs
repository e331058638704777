//! A handler that is both a call and a cast.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    #[cast]
    fn add(&mut self) {}
}

fn main() {}
