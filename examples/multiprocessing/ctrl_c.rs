//! A program that ends in order at Ctrl-C: actors finish what they have in hand and say goodbye.
//!
//! `cargo run --example ctrl_c` prints this, and its exit status is that of SIGINT:
//!
//! ```text
//! serving
//! somebody presses Ctrl-C
//! the books are closed
//! ```

use actor_core::prelude::*;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Server;

#[handlers]
impl Server {
    #[call]
    fn serve(&self) {
        println!("serving");
    }

    #[terminate]
    fn close(&mut self) {
        println!("the books are closed");
    }
}

// Without the attribute Ctrl-C kills the program and, with it, its actors: nothing is left behind either way.
#[actor_core::main]
fn main() -> actor_core::Result<()> {
    let server = Server.spawn()?;
    server.serve().wait()?;
    println!("somebody presses Ctrl-C");
    kill_process(getpid(), Signal::INT).expect("one may signal oneself");
    loop {
        std::thread::park();
    }
}
