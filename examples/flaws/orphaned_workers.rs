//! A program is killed, with workers that would go on for ever: none of them is left.
//!
//! Elsewhere they are, since nothing runs any more that could end them.
//!
//! `cargo run --example orphaned_workers` prints
//!
//! ```text
//! 3 workers are at work
//! the program is killed
//! 0 workers are left
//! ```

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use actor_core::process::Process;
use actor_core::wait;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Says who it is, and works.
fn work(_: ()) {
    println!("{}", std::process::id());
    loop {
        std::hint::spin_loop();
    }
}

/// The program that will be killed.
fn program() -> actor_core::Result<()> {
    let workers = [(); 3].map(|()| Process::spawn(work, ()));
    for worker in workers {
        worker?.join()?;
    }
    Ok(())
}

fn main() -> actor_core::Result<()> {
    if std::env::args().nth(1).is_some() {
        return program();
    }
    let mut program =
        Command::new(std::env::current_exe()?).arg("work").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(program.stdout.take().expect("it is a pipe")).lines();
    let mut workers = Vec::new();
    for pid in lines.take(3) {
        let pid = Pid::from_raw(pid?.parse()?).expect("no process has the number 0");
        workers.push(pidfd_open(pid, PidfdFlags::empty()).map_err(actor_core::Error::new)?);
    }
    println!("{} workers are at work", workers.len());
    // ANCHOR: watch
    program.kill()?;
    program.wait()?;
    println!("the program is killed");
    // A descriptor of a process is ready when that process has ended.
    while let Some(worker) = workers.pop() {
        wait::wait(&[&worker])?;
    }
    println!("{} workers are left", workers.len());
    // ANCHOR_END: watch
    Ok(())
}
