//! Options on `#[info]`, which has none.
use actor_core::prelude::*;
use actor_core::{Down, ExitSignal, Info};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Watchman;

#[handlers]
impl Watchman {
    #[info(down)]
    fn told(&mut self, info: Info) {
        drop(info);
    }
}

fn main() {
    let _: Option<(Down, ExitSignal, Info)> = None;
}
