//! Monitors as a health check: who is up, told by the ends of those who are not.
//!
//! `cargo run --example health_check` prints
//!
//! ```text
//! 3 are up
//! `worker-2` (pid 4711) exited with code 3, while handling `work`
//! 2 are up
//! main was told the same: `worker-2` (pid 4711) exited with code 3, while handling `work`
//! ```

use actor_core::link::{MonitorError, MonitorRef};
use actor_core::prelude::*;
use actor_core::queue::Queue;
use actor_core::{Down, Peer};
use serde::{Deserialize, Serialize};

/// Works until it meets something that it cannot do.
#[derive(Actor, Serialize, Deserialize)]
struct Worker;

#[handlers]
impl Worker {
    #[cast]
    fn work(&mut self, code: i32) {
        std::process::exit(code);
    }
}

// ANCHOR: health
/// Knows who is up. Nobody has to answer it for that.
#[derive(Actor)]
struct Health {
    log: Queue<String>,
    up: Vec<MonitorRef>,
}

#[handlers]
impl Health {
    #[init]
    fn new(log: Queue<String>) -> Health {
        Health { log, up: Vec::new() }
    }

    #[call]
    fn watch(&mut self, worker: Peer, context: &mut Context<Self>) -> Result<(), String> {
        let monitor = context.monitor(worker).map_err(|error: MonitorError| error.to_string())?;
        self.up.push(monitor);
        Ok(())
    }

    #[call]
    fn count(&self) -> usize {
        self.up.len()
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.up.retain(|monitor| *monitor != down.monitor);
        let _ = self.log.send(down.report.to_string());
    }
}
// ANCHOR_END: health

fn main() -> actor_core::Result<()> {
    let log = Queue::bounded(16)?;
    let health = Health::define(log.clone()).spawn()?;
    let mut workers = Vec::new();
    for number in 1..=3 {
        let options = SpawnOptions { name: Some(format!("worker-{number}")), ..SpawnOptions::default() };
        let worker = Worker.spawn_with(options)?;
        let life = worker.incarnation().expect("it is up");
        health.watch(life.into()).wait()?;
        workers.push(worker);
    }
    println!("{} are up", health.count().wait()?);

    // ANCHOR: main
    let monitor = workers[1].monitor()?;
    workers[1].work(3).send()?;
    println!("{}", log.recv()?);
    println!("{} are up", health.count().wait()?);
    println!("main was told the same: {}", monitor.wait().report);
    // ANCHOR_END: main
    Ok(())
}
