//! An `#[info]` handler that answers.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info]
    fn down(&mut self, down: Down) -> bool {
        down.report.reason.is_normal()
    }
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
