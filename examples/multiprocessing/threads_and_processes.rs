//! Threads and processes that send into one queue, by one function: it does not know what it runs in.
//!
//! `cargo run --example threads_and_processes` prints
//!
//! ```text
//! process 1 has sent 6 in all
//! process 2 has sent 6 in all
//! thread 1 has sent 6 in all
//! thread 2 has sent 6 in all
//! ```

use std::collections::BTreeMap;
use std::thread;

use actor_core::process::Process;
use actor_core::queue::Queue;

fn count((name, queue): (String, Queue<(String, u32)>)) {
    for number in 1..=3 {
        queue.send((name.clone(), number)).expect("the queue is open");
    }
}

fn main() -> actor_core::Result<()> {
    // Smaller than what is sent: whoever is too fast waits.
    let queue = Queue::bounded(4)?;
    for number in 1..=2 {
        let arguments = (format!("thread {number}"), queue.clone());
        thread::spawn(move || count(arguments));
        // Nobody has to keep the handle: the process goes on without.
        Process::spawn(count, (format!("process {number}"), queue.clone()))?;
    }
    let mut sums = BTreeMap::new();
    for (name, number) in queue.iter().take(4 * 3) {
        *sums.entry(name).or_insert(0) += number;
    }
    for (name, sum) in sums {
        println!("{name} has sent {sum} in all");
    }
    Ok(())
}
