//! An option given twice.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 5, capacity = 6)]
struct Counter;

#[handlers]
impl Counter {}

fn main() {}
