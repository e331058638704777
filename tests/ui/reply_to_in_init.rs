//! An actor made from a handle: each of its lives would answer.
use actor_core::prelude::*;

#[derive(Actor)]
struct Clerk {
    to: Option<ReplyTo<u32>>,
}

#[handlers]
impl Clerk {
    #[init]
    fn new(to: ReplyTo<u32>) -> Clerk {
        Clerk { to: Some(to) }
    }

    #[cast]
    fn answer(&mut self) {
        self.to.take().into_iter().for_each(|to| to.reply(1));
    }
}

fn main() {}
