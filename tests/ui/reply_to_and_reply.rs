//! A call that is answered by a handle and by what its handler returns.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Desk;

#[handlers]
impl Desk {
    #[call]
    fn ask(&mut self, to: ReplyTo<u32>) -> u32 {
        to.reply(1);
        2
    }
}

fn main() {}
