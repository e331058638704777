//! Workers at a queue that can be joined: one of them dies over its task, which another one then does.
//!
//! `cargo run --example joinable_queue` prints
//!
//! ```text
//! a worker died of signal 6 (SIGABRT)
//! all tasks are done
//! [0, 1, 4, 9, 16, 25, 36, 49, 64, 81], and 1 of them was begun twice
//! ```

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};

/// A number, its square, and how often it was begun.
type Squared = (u32, u32);

fn work((tasks, results): (Queue<u32>, Queue<Squared>)) {
    while let Ok(task) = tasks.recv_task() {
        if *task == 3 && task.delivery_count() == 1 {
            std::process::abort();
        }
        results.send((*task * *task, task.delivery_count())).expect("the queue is open");
        // From here on it is not handed out again.
        task.done();
    }
}

fn main() -> actor_core::Result<()> {
    let (tasks, results) = (Queue::bounded(16)?, Queue::bounded(16)?);
    let workers = [(); 3].map(|()| Process::spawn(work, (tasks.clone(), results.clone())));
    for number in 0..10 {
        tasks.send(number)?;
    }
    tasks.join();
    tasks.close(Close::Drain);
    for worker in workers {
        let worker = worker?;
        if worker.join().is_err()
            && let Some(report) = worker.exit_report()
        {
            println!("a worker {}", report.reason);
        }
    }
    println!("all tasks are done");
    results.close(Close::Drain);
    let (mut squares, counts): (Vec<u32>, Vec<u32>) = results.iter().unzip();
    squares.sort();
    println!("{squares:?}, and {} of them was begun twice", counts.iter().filter(|count| **count == 2).count());
    Ok(())
}
