//! Workers are killed while they receive, again and again: the queue goes on, and no item is lost.
//!
//! Elsewhere who dies in `get` takes the lock of the queue along, and everybody waits for ever.
//!
//! `cargo run --example killed_while_receiving` prints
//!
//! ```text
//! 50 workers were killed
//! 2000 of 2000 items were worked on
//! ```

use std::collections::BTreeSet;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};

type Queues = (Queue<u32>, Queue<u32>);

fn work((items, done): Queues) {
    while let Ok(item) = items.recv_task() {
        done.send(*item).expect("the queue is open");
        item.done();
    }
}

fn main() -> actor_core::Result<()> {
    let (items, done): Queues = (Queue::bounded(8)?, Queue::bounded(8)?);
    let feeder = Process::spawn(|items: Queue<u32>| (0..2000).all(|item| items.send(item).is_ok()), items.clone())?;
    let mut seen = BTreeSet::new();
    let mut worker = Process::spawn(work, (items.clone(), done.clone()))?;
    // ANCHOR: kill
    for _ in 0..50 {
        for _ in 0..10 {
            seen.insert(done.recv()?);
        }
        // In the middle of whatever it does.
        worker.kill()?;
        worker.join().expect_err("it was killed");
        worker = Process::spawn(work, (items.clone(), done.clone()))?;
    }
    // ANCHOR_END: kill
    println!("50 workers were killed");
    // An item that was sent on and not done is worked on twice; none is left out.
    while seen.len() < 2000 {
        seen.insert(done.recv()?);
    }
    items.close(Close::Drain);
    feeder.join()?;
    worker.join()?;
    println!("{} of 2000 items were worked on", seen.len());
    Ok(())
}
