//! Values that their options cannot have.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = "many")]
struct Counter;

#[handlers]
impl Counter {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(timeout = 5)]
struct Slow;

#[handlers]
impl Slow {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(max_message = "1 elephant")]
struct Large;

#[handlers]
impl Large {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(call_policy = "redeliver")]
struct Stubborn;

#[handlers]
impl Stubborn {}

fn main() {}
