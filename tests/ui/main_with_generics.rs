//! Nobody could say which `main` is meant.
#[actor_core::main]
fn main<T>() {}
