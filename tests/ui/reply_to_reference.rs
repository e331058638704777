//! A handle for a reply that cannot travel.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Desk;

#[handlers]
impl Desk {
    #[call]
    fn ask(&mut self, to: ReplyTo<&'static str>) {
        drop(to);
    }
}

fn main() {}
