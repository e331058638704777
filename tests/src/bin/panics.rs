//! What is known about processes that panic, however panics are compiled: unwinding, or as an abort.
//!
//! Ends with an error if too little is known. `.ci/run` builds it with `panic = "abort"`, too.

use std::error::Error;

use actor_core::prelude::*;
use actor_core::process::{JoinError, Process};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Panicky;

#[handlers]
impl Panicky {
    #[call]
    fn panic(&self, text: String) {
        panic!("{text}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let outcome = Process::spawn(panic_with, "in a process".into())?.join();
    let Err(JoinError::Died(report)) = outcome else { return Err(format!("{outcome:?}").into()) };
    expect(&report, "in a process")?;

    let panicky = Panicky.spawn()?;
    let outcome = panicky.panic("in a handler".into()).wait();
    let Err(CallError::Died(report)) = outcome else { return Err(format!("{outcome:?}").into()) };
    expect(&report, "in a handler")?;

    // A thread that panics takes its process along where panics abort, and only there.
    let outcome = Process::spawn(panic_in_a_thread, ())?.join();
    match (cfg!(panic = "abort"), outcome) {
        (true, Err(JoinError::Died(report))) => expect(&report, "in a thread")?,
        (false, Ok(true)) => {}
        (_, outcome) => return Err(format!("{outcome:?}").into()),
    }
    println!("panics: {}", if cfg!(panic = "abort") { "abort" } else { "unwind" });
    Ok(())
}

fn panic_with(text: String) {
    panic!("{text}");
}

fn panic_in_a_thread((): ()) -> bool {
    std::thread::spawn(|| panic!("in a thread")).join().is_err()
}

fn expect(report: &ExitReport, text: &str) -> Result<(), Box<dyn Error>> {
    match &report.reason {
        ExitReason::Panicked { message, location } if message == text && location.contains("panics.rs:") => Ok(()),
        _ => Err(format!("{text}: {report}").into()),
    }
}
