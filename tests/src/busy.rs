//! A node with processes that do not want to go, which then ends in one of many ways.
//!
//! The programs that are killed by others consist of this. Whatever such a node does, and whatever its
//! processes do, nothing may be left of it a second later. What each of them starts is made to stay: do
//! not call this from a process that is to go on.

use std::error::Error;
use std::process::Command;
use std::thread;
use std::time::Duration;

use actor_core::node;
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::Queue;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::{foreign, groups, watch};

type Up = Queue<u32>;

/// A name, and how such a process is started.
type Kind = (&'static str, fn(Up) -> Result<(), Box<dyn Error + Send + Sync>>);

/// Each process of a kind says that it is up, and then stays for as long as it can.
const KINDS: [Kind; 6] = [
    ("in-c", |up| spawn(in_c, up)),
    ("deaf", |up| spawn(deaf, up)),
    ("stopped", |up| spawn(stopped, up)),
    ("with-grandchildren", |up| spawn(with_grandchildren, up)),
    ("actor", |up| Ok(Busy { up }.spawn()?.work().send()?)),
    ("supervised", supervised),
];

/// Not among all, since only a control group holds what they start.
const ESCAPED: Kind = ("with-escaped", |up| spawn(with_escaped, up));

/// The kinds of processes: what `all` stands for.
pub fn kinds() -> [&'static str; 6] {
    KINDS.map(|(name, _)| name)
}

/// Starts `count` processes of a kind (`all` is one of each), writes `ready:` and ends in this way.
///
/// # Errors
/// The end is `error`, or the processes cannot be started.
///
/// # Panics
/// The end is `panic`.
pub fn main(kind: &str, count: usize, end: &str) -> Result<(), Box<dyn Error>> {
    // None of these ends of itself. That the end waits for them as long as it says is shown by the deaf.
    if kind != "deaf" {
        node::set_join_timeout(Duration::from_millis(100));
    }
    let up = Up::bounded(1024)?;
    start(kind, count, &up)?;
    println!("ready: {}", std::process::id());
    match end {
        "return" => Ok(()),
        "error" => Err("an error of the program's own".into()),
        "panic" => panic!("a panic in main"),
        "exit" => std::process::exit(7),
        "abort" => foreign::abort(),
        "segfault" => foreign::segfault(),
        // More and more processes are just being made when somebody kills this one.
        "forking" => loop {
            drop(Process::spawn(in_c, up.clone())?);
            up.recv()?;
        },
        _ => loop {
            thread::park();
        },
    }
}

fn start(kind: &str, count: usize, up: &Up) -> Result<(), Box<dyn Error>> {
    let kinds: Vec<_> = KINDS
        .into_iter()
        .filter(|(name, _)| kind == "all" || kind == *name)
        .chain(Some(ESCAPED).filter(|(name, _)| kind == *name))
        .collect();
    for (name, function) in kinds.iter().cycle().take(kinds.len() * count) {
        // From a thread that has ended by the time that the process is at work.
        let queue = up.clone();
        let function = *function;
        let spawned = thread::spawn(move || function(queue)).join();
        spawned.map_err(|_| "the spawning thread has panicked")?.map_err(|error| error.to_string())?;
        let pid = up.recv()?;
        if *name == "stopped" {
            let number = Pid::from_raw(pid.try_into()?).ok_or("a process has a number")?;
            rustix::process::kill_process(number, Signal::STOP)?;
            watch::until("it is stopped", || watch::Seen::of(pid).is_some_and(|seen| seen.state == 'T'));
        }
    }
    Ok(())
}

/// Starts a process; the handle goes, the process stays.
fn spawn(function: fn(Up), up: Up) -> Result<(), Box<dyn Error + Send + Sync>> {
    drop(Process::spawn(function, up)?);
    Ok(())
}

/// An actor that has a message in hand, has started a program, and does not come back.
#[derive(Actor, Serialize, Deserialize)]
struct Busy {
    up: Up,
}

#[handlers]
impl Busy {
    #[cast]
    fn work(&self) {
        with_grandchildren(self.up.clone());
    }
}

/// Such an actor would be started again by its supervisor.
fn supervised(up: Up) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut app = Supervisor::builder();
    let busy = app.child(Busy { up })?;
    app.start()?;
    Ok(busy.work().send()?)
}

fn in_c(up: Up) {
    say(&up);
    loop {
        foreign::sleep_in_c(1000);
    }
}

/// Does not hear SIGTERM.
fn deaf(up: Up) {
    foreign::ignore_sigterm();
    in_c(up)
}

/// Is stopped by the node once it is up.
fn stopped(up: Up) {
    in_c(up)
}

/// Has started programs that know nothing of nodes, one of which is an orphan.
fn with_grandchildren(up: Up) {
    let orphan = Command::new("sh").args(["-c", "sleep 1000 &"]).status();
    assert!(orphan.is_ok_and(|status| status.success()), "a shell starts a program");
    let child = Command::new("sh").args(["-c", "trap '' TERM; sleep 1000 & wait; wait"]).spawn();
    let mut child = child.expect("a shell can be started");
    say(&up);
    let status = child.wait();
    unreachable!("the shell was to stay: {status:?}")
}

/// Has started programs that have left its session.
fn with_escaped(up: Up) {
    let escaped = [groups::escape(), groups::escape()];
    assert!(escaped.into_iter().all(watch::is_alive));
    in_c(up)
}

fn say(up: &Up) {
    up.send(std::process::id()).expect("the node is there");
}
