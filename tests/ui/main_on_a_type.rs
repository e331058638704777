//! `#[actor_core::main]` on something that is no function.
#[actor_core::main]
struct Counter;

fn main() {}
