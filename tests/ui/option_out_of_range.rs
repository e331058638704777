//! Options of the right type that mean nothing.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
#[actor(name = "")]
struct Nameless;

#[handlers]
impl Nameless {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(max_message = 0)]
struct Small;

#[handlers]
impl Small {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(timeout = "0s")]
struct Hasty;

#[handlers]
impl Hasty {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(call_policy = "redeliver(0)")]
struct Stubborn;

#[handlers]
impl Stubborn {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(runtime = "mio")]
struct Other;

#[handlers]
impl Other {}

#[derive(Actor, Serialize, Deserialize)]
#[actor(cast_policy = "fail")]
struct Silent;

#[handlers]
impl Silent {}

fn main() {}
