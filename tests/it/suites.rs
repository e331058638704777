//! What people know from other actor systems: the cases of their test suites that have no test elsewhere.
//!
//! Which case is shown by which test stands in the README of this folder's package.

mod calls;
mod monitors;
mod reports;
mod starts;

use std::time::Duration;

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_tests::foreign;
use serde::{Deserialize, Serialize};

/// How long something may take that is about to happen, on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);

/// Does what it is asked, at once or when the gate is opened.
#[derive(Actor, Serialize, Deserialize)]
struct Server {
    gate: Queue<()>,
}

#[handlers]
impl Server {
    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    #[cast]
    fn nothing(&self) {}

    #[cast]
    fn wait(&self) {
        self.gate.recv().expect("the gate is there");
    }

    #[call]
    fn wait_and_crash(&self) {
        self.gate.recv().expect("the gate is there");
        foreign::segfault()
    }

    /// Asks the other for nothing, so often, and tells how long the quickest answer took, in nanoseconds.
    #[call]
    fn time(&self, other: ActorRef<Server>, times: u32) -> u64 {
        let times = (0..times).map(|_| {
            let begin = std::time::Instant::now();
            other.os_pid().wait().expect("it is there");
            begin.elapsed()
        });
        times.min().unwrap_or_default().as_nanos() as u64
    }

    #[call]
    fn stop_other(&self, other: ActorRef<Server>) -> Result<ExitReport, String> {
        other.stop().map_err(|error| error.to_string())
    }

    #[call]
    fn kill_other(&self, other: ActorRef<Server>) -> Result<ExitReport, String> {
        other.kill().map_err(|error| error.to_string())
    }

    /// Panics with a text of so many bytes, after it has written as many to stderr.
    #[cast]
    fn rage(&self, bytes: usize) {
        eprintln!("{}", "e".repeat(bytes));
        panic!("{}", "x".repeat(bytes))
    }

    /// Fails with a text of so many bytes.
    #[cast]
    fn despair(&self, bytes: usize) -> Result<(), String> {
        Err("y".repeat(bytes))
    }
}

fn gate() -> Queue<()> {
    Queue::bounded(1024).unwrap()
}

fn server(gate: &Queue<()>) -> ActorRef<Server> {
    Server { gate: gate.clone() }.spawn().unwrap()
}

/// Ends what a test has begun.
fn done<const N: usize>(gate: Queue<()>, living: [ActorRef<Server>; N]) {
    living.iter().for_each(|server| drop(server.kill().expect("it lives")));
    gate.close(Close::Now);
}
