//! A worker that dies without a word: whoever waits for its answer is told at once, and told why.
//!
//! Elsewhere nobody notices, and the result is waited for until the end of time.
//!
//! `cargo run --example silent_death` prints
//!
//! ```text
//! no answer: `Worker` (pid 4711) died of signal 9 (SIGKILL), while handling `work`
//! nothing in the queue, but the end of its sender: `process-1` (pid 4712) died of signal 9 (SIGKILL)
//! ```

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::Queue;
use actor_core::wait;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

/// As the kernel does where memory is short.
fn die() {
    kill_process(getpid(), Signal::KILL).expect("one may kill oneself");
}

#[derive(Actor, Serialize, Deserialize)]
struct Worker;

#[handlers]
impl Worker {
    #[call]
    fn work(&self) -> u32 {
        die();
        42
    }
}

fn main() -> actor_core::Result<()> {
    // ANCHOR: wait
    match Worker.spawn()?.work().wait() {
        Ok(answer) => println!("{answer}"),
        Err(error) => println!("no answer: {error}"),
    }

    // Where results come through a queue, wait for both.
    let results: Queue<u32> = Queue::bounded(4)?;
    let worker = Process::spawn(|_: Queue<u32>| die(), results.clone())?;
    let ready = wait::wait(&[&results, &worker])?;
    assert_eq!(ready, [1], "the second of them");
    worker.join().expect_err("it was killed");
    // ANCHOR_END: wait
    if let Some(report) = worker.exit_report() {
        println!("nothing in the queue, but the end of its sender: {report}");
    }
    Ok(())
}
