//! A producer and a consumer, of which the one says that there is no more, and the other does not wait
//! for ever.
//!
//! `cargo run --example end_of_data` prints
//!
//! ```text
//! nothing yet: the queue is empty
//! got 0
//! got 1
//! got 2
//! that was all: the queue is closed
//! ```

use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue, RecvError};

fn produce(queue: Queue<u32>) {
    for number in 0..3 {
        queue.send(number).expect("the queue is open");
    }
    // No value has to stand for the end, and none for each of the consumers.
    queue.close(Close::Drain);
}

fn main() -> actor_core::Result<()> {
    let queue = Queue::bounded(8)?;
    if let Err(error) = queue.recv_timeout(Duration::from_millis(10)) {
        println!("nothing yet: {error}");
    }
    let producer = Process::spawn(produce, queue.clone())?;
    loop {
        match queue.recv_timeout(Duration::from_secs(60)) {
            Ok(number) => println!("got {number}"),
            Err(error @ RecvError::Closed) => break println!("that was all: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    producer.join()?;
    Ok(())
}
