//! Two writers and a reader: each writer's items keep their order, whatever comes between them.
//!
//! `cargo run --example two_writers` prints
//!
//! ```text
//! ada: [0, 1, 2, 3, 4]
//! bob: [0, 1, 2, 3, 4]
//! ```

use std::collections::BTreeMap;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};

fn write((name, queue): (String, Queue<(String, u32)>)) {
    for number in 0..5 {
        queue.send((name.clone(), number)).expect("the queue is open");
    }
}

fn read(queue: Queue<(String, u32)>) -> BTreeMap<String, Vec<u32>> {
    let mut read: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (name, number) in queue.iter() {
        read.entry(name).or_default().push(number);
    }
    read
}

fn main() -> actor_core::Result<()> {
    let queue = Queue::bounded(2)?;
    let reader = Process::spawn(read, queue.clone())?;
    let ada = Process::spawn(write, ("ada".to_owned(), queue.clone()))?;
    let bob = Process::spawn(write, ("bob".to_owned(), queue.clone()))?;
    ada.join()?;
    bob.join()?;
    queue.close(Close::Drain);
    for (name, numbers) in reader.join()? {
        println!("{name}: {numbers:?}");
    }
    Ok(())
}
