//! An `#[info]` handler that is told two things.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info]
    fn ended(&mut self, down: Down, exit: ExitSignal) {
        drop((down, exit));
    }
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
