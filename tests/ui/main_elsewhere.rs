//! `#[actor_core::main]` on another function.
#[actor_core::main]
fn start() {}
