//! A handler that can fail a call whose caller knows of no error.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Desk;

#[handlers]
impl Desk {
    #[call]
    fn ask(&mut self, to: ReplyTo<u32>) -> Result<(), String> {
        to.reply(1);
        Ok(())
    }
}

fn main() {}
