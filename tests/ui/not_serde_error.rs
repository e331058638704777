//! The error of a handler travels like its reply.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn total(&self) -> Result<u64, std::io::Error> {
        Ok(0)
    }
}

fn main() {
    let _ = Counter.spawn().unwrap().total().wait();
}
