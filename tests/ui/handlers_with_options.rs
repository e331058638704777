//! Options in the wrong place.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers(capacity = 5)]
impl Counter {}

fn main() {}
