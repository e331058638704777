//! A call with two handles to answer it by.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Desk;

#[handlers]
impl Desk {
    #[call]
    fn ask(&mut self, one: ReplyTo<u32>, other: ReplyTo<u32>) {
        one.reply(1);
        other.reply(2);
    }
}

fn main() {}
