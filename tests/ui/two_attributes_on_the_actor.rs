//! Options in two places.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
#[actor(name = "counter")]
#[actor(capacity = 5)]
struct Counter;

#[handlers]
impl Counter {}

fn main() {}
