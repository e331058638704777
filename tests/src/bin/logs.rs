//! A node with an ordinary subscriber and an actor that has much to say, or two processes that share a stderr.
//!
//! `logs COUNT`: how much of it is on stdout when the program has ended. `logs stderr`: whose each line is.

use std::error::Error;
use std::io::Write;

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn count(&self, to: u64) {
        for number in 0..to {
            tracing::info!(number, "counting");
        }
    }
}

/// Writes what it is told to.
#[derive(Actor, Serialize, Deserialize)]
#[actor(name = "writer")]
struct Writer;

#[handlers]
impl Writer {
    #[call]
    fn write(&self, text: String) -> u32 {
        std::io::stderr().write_all(text.as_bytes()).expect("it is a pipe that is read");
        std::process::id()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("stderr") => stderr(),
        Some(to) => logs(to.parse()?),
        None => Err("usage: logs COUNT|stderr".into()),
    }
}

fn logs(to: u64) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_ansi(false).without_time().init();
    let counter = Counter.spawn()?;
    tracing::info_span!("main").in_scope(|| counter.count(to).wait())?;
    Ok(())
}

fn stderr() -> Result<(), Box<dyn Error>> {
    let (one, other) = (Writer.spawn()?, Writer.spawn()?);
    let pids = [one.write("one line\nand another\n".into()).wait()?, other.write(String::new()).wait()?];
    pids.iter().for_each(|pid| println!("pid: {pid}"));
    // The node reads one pipe after the other, so what is to come in order is waited for.
    one.write("half a line".into()).wait()?;
    wait_until_read(pids[0])?;
    other.write("somebody else\n".into()).wait()?;
    wait_until_read(pids[1])?;
    one.write(", the other half\n".into()).wait()?;
    let report = one.stop()?;
    println!("tail: {:?}", report.stderr);
    Ok(())
}

/// Waits until the node has read what a process has written to its stderr.
fn wait_until_read(pid: u32) -> Result<(), Box<dyn Error>> {
    let pipe = std::fs::File::open(format!("/proc/{pid}/fd/2"))?;
    while rustix::io::ioctl_fionread(&pipe)? != 0 {
        std::thread::yield_now();
    }
    Ok(())
}
