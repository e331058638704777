//! A value from one process to another, through a queue.
//!
//! `cargo run --example queue_hello` prints
//!
//! ```text
//! (42, None, "hello")
//! ```

// ANCHOR: all
use actor_core::process::Process;
use actor_core::queue::Queue;

type Item = (u32, Option<String>, String);

fn send(queue: Queue<Item>) {
    queue.send((42, None, "hello".into())).expect("the queue is open");
}

fn main() -> actor_core::Result<()> {
    let queue = Queue::bounded(1)?;
    let sender = Process::spawn(send, queue.clone())?;
    println!("{:?}", queue.recv()?);
    sender.join()?;
    Ok(())
}
// ANCHOR_END: all
