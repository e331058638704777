//! An `#[info]` handler that is told nothing.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info]
    fn down(&mut self) {}
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
