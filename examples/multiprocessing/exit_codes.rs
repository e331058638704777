//! How processes end, and what is known of it: more than a number.
//!
//! `cargo run --example exit_codes` prints
//!
//! ```text
//! returns: ended normally
//! fails: failed: no such file
//! panics: panicked at examples/multiprocessing/exit_codes.rs:30:23: out of paper
//! exits: exited with code 3
//! is terminated: died of signal 15 (SIGTERM)
//! is killed: was killed on request
//! ```

use actor_core::process::{Process, SpawnError};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Serialize, Deserialize)]
enum End {
    Return,
    Fail,
    Panic,
    Exit,
    Wait,
}

fn end(end: End) -> Result<(), String> {
    match end {
        End::Return => Ok(()),
        End::Fail => Err("no such file".into()),
        End::Panic => panic!("out of paper"),
        End::Exit => std::process::exit(3),
        End::Wait => loop {
            std::thread::park();
        },
    }
}

fn main() -> actor_core::Result<()> {
    let start = |kind| -> Result<_, SpawnError> { Process::spawn(end, kind) };
    let told = |what: &str, process: &Process<Result<(), String>>| {
        // Comes back when the process has ended, however that was.
        let _ = process.join();
        let report = process.exit_report().expect("it has ended");
        println!("{what}: {}", report.reason);
    };
    for (what, kind) in [("returns", End::Return), ("fails", End::Fail), ("panics", End::Panic), ("exits", End::Exit)] {
        told(what, &start(kind)?);
    }
    let process = start(End::Wait)?;
    process.terminate()?;
    told("is terminated", &process);
    let process = start(End::Wait)?;
    process.kill()?;
    told("is killed", &process);
    Ok(())
}
