//! A queue that is full: who does not want to wait is told so, and has the item back.
//!
//! `cargo run --example bounded_queue` prints
//!
//! ```text
//! 2 of 2 places are taken
//! `c` was not sent: the queue is full
//! nor within 10 ms: the queue is full
//! somebody takes `a`, and `c` has found a place
//! ["b", "c"]
//! ```

use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::Queue;

fn take(queue: Queue<String>) -> Option<String> {
    queue.recv().ok()
}

fn main() -> actor_core::Result<()> {
    let queue = Queue::bounded(2)?;
    queue.send("a".to_owned())?;
    queue.send("b".to_owned())?;
    println!("{} of {} places are taken", queue.len(), queue.capacity());

    let Err(error) = queue.try_send("c".to_owned()) else { panic!("it is full") };
    let text = error.to_string();
    let item = error.into_item();
    println!("`{item}` was not sent: {text}");
    let Err(error) = queue.send_timeout(item, Duration::from_millis(10)) else { panic!("it is still full") };
    println!("nor within 10 ms: {error}");

    let taker = Process::spawn(take, queue.clone())?;
    queue.send(error.into_item())?; // waits until there is room
    let taken = taker.join()?.unwrap_or_default();
    println!("somebody takes `{taken}`, and `c` has found a place");
    println!("{:?}", [queue.recv()?, queue.recv()?]);
    Ok(())
}
