//! An actor cannot borrow from the process that made it.
use actor_core::prelude::*;

#[derive(Actor)]
struct Counter<'a> {
    text: &'a str,
}

#[handlers]
impl<'a> Counter<'a> {}

fn main() {}
