//! A process that has sent is joined before anybody receives: what it sent is there all the same.
//!
//! Elsewhere it cannot end before its items are taken, and who joins it first waits for ever.
//!
//! `cargo run --example join_before_drain` prints
//!
//! ```text
//! joined, with 1000 items in the queue
//! 1000 items of 1000 bytes
//! ```

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};

fn send(queue: Queue<Vec<u8>>) {
    for _ in 0..1000 {
        queue.send(vec![7; 1000]).expect("the queue is open");
    }
}

fn main() -> actor_core::Result<()> {
    // ANCHOR: join
    // With room for all: who sends to a full queue waits, and says so by its type or by a timeout.
    let queue = Queue::bounded(1000)?;
    Process::spawn(send, queue.clone())?.join()?;
    println!("joined, with {} items in the queue", queue.len());
    queue.close(Close::Drain);
    let whole = queue.iter().filter(|item| item == &[7; 1000]).count();
    println!("{whole} items of 1000 bytes");
    // ANCHOR_END: join
    Ok(())
}
