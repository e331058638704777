//! Queues with an order of their own: the smallest first, the largest first, the last one first.
//!
//! `cargo run --example priority_and_lifo` prints
//!
//! ```text
//! the smallest first: [1, 2, 3]
//! the largest first: [3, 2, 1]
//! the last one first: [2, 1, 3]
//! equals in the order of sending: ["wash", "dry", "sleep"]
//! ```

use std::cmp::Reverse;

use actor_core::process::Process;
use actor_core::queue::{Close, LifoQueue, PriorityQueue};

type Queues = (PriorityQueue<u32>, PriorityQueue<Reverse<u32>>, LifoQueue<u32>);

fn send((smallest, largest, last): Queues) {
    for number in [3, 1, 2] {
        smallest.send(number).expect("there is room");
        largest.send(Reverse(number)).expect("there is room");
        last.send(number).expect("there is room");
    }
    smallest.close(Close::Drain);
    largest.close(Close::Drain);
    last.close(Close::Drain);
}

fn main() -> actor_core::Result<()> {
    let (smallest, largest) = (PriorityQueue::bounded(8)?, PriorityQueue::bounded(8)?);
    let last = LifoQueue::bounded(8)?;
    Process::spawn(send, (smallest.clone(), largest.clone(), last.clone()))?.join()?;
    println!("the smallest first: {:?}", smallest.iter().collect::<Vec<_>>());
    println!("the largest first: {:?}", largest.iter().map(|Reverse(number)| number).collect::<Vec<_>>());
    println!("the last one first: {:?}", last.iter().collect::<Vec<_>>());

    let jobs: PriorityQueue<Job> = PriorityQueue::bounded(8)?;
    for (urgency, name) in [(2, "sleep"), (1, "wash"), (1, "dry")] {
        jobs.send(Job { urgency, name: name.into() })?;
    }
    jobs.close(Close::Drain);
    println!("equals in the order of sending: {:?}", jobs.iter().map(|job| job.name).collect::<Vec<_>>());
    Ok(())
}

/// Comes before those that are less urgent, whatever it is called.
#[derive(serde::Serialize, serde::Deserialize)]
struct Job {
    urgency: u32,
    name: String,
}

impl Ord for Job {
    fn cmp(&self, other: &Job) -> std::cmp::Ordering {
        self.urgency.cmp(&other.urgency)
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.urgency == other.urgency
    }
}

impl Eq for Job {}
