//! An `#[info]` handler that borrows what it is told.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info]
    fn down(&mut self, down: &Down) {
        let _ = down;
    }
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
