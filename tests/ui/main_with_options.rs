//! `#[actor_core::main]` has no options.
#[actor_core::main(flavor = "multi_thread")]
async fn main() {}
