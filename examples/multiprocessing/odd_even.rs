//! Two consumers of one queue, of which each wants other items: what is not its own it puts back.
//!
//! `cargo run --example odd_even` prints
//!
//! ```text
//! odd: [1, 3, 5, 7, 9]
//! even: [0, 2, 4, 6, 8]
//! ```

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};

/// Takes those that leave this rest.
fn take((queue, rest): (Queue<u32>, u32)) -> Vec<u32> {
    let mut taken = Vec::new();
    while let Ok(task) = queue.recv_task() {
        if *task % 2 == rest {
            taken.push(task.done());
        } else {
            // For somebody else: this one does not get it again, and does not spin over it.
            task.put_back();
        }
    }
    // What the other had in hand for a moment came later than what was sent behind it.
    taken.sort();
    taken
}

fn main() -> actor_core::Result<()> {
    let queue = Queue::bounded(4)?;
    let odd = Process::spawn(take, (queue.clone(), 1))?;
    let even = Process::spawn(take, (queue.clone(), 0))?;
    for number in 0..10 {
        queue.send(number)?;
    }
    queue.join();
    queue.close(Close::Drain);
    println!("odd: {:?}", odd.join()?);
    println!("even: {:?}", even.join()?);
    Ok(())
}
