//! An `#[info]` handler for what no actor is ever told.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info]
    fn told(&mut self, text: String) {
        drop(text);
    }
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
