//! Two `#[info]` handlers for the same.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info]
    fn one(&mut self, down: Down) {
        drop(down);
    }

    #[info]
    fn other(&mut self, down: actor_core::Down) {
        drop(down);
    }
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
