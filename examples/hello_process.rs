//! A function in a process of its own: its result, and its end when it has none.
//!
//! `cargo run --example hello_process` prints
//!
//! ```text
//! 10 numbers summed up in process 4711: 55
//! no result: process `process-2` (pid 4712) died of signal 11 (SIGSEGV)
//! and here we are
//! ```

// ANCHOR: call
use actor_core::process::Process;

/// What the new process does. It sees its arguments and nothing else of ours.
fn sum(numbers: Vec<u64>) -> (u32, u64) {
    (std::process::id(), numbers.iter().sum())
}
// ANCHOR_END: call

// ANCHOR: crash
/// What a bad pointer in a C library does to the process it is in.
fn crash(_: ()) {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::SEGV).unwrap();
}
// ANCHOR_END: crash

// ANCHOR: main
fn main() -> actor_core::Result<()> {
    let numbers: Vec<u64> = (1..=10).collect();
    let process = Process::spawn(sum, numbers)?;
    let (pid, total) = process.join()?;
    println!("10 numbers summed up in process {pid}: {total}");
    // ANCHOR_END: main

    // ANCHOR: report
    let process = Process::spawn(crash, ())?;
    match process.join() {
        Ok(()) => println!("it came back"),
        Err(error) => println!("no result: {error}"),
    }
    println!("and here we are");
    Ok(())
    // ANCHOR_END: report
}
