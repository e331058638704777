//! Raw bytes through a queue between processes.

use std::time::Instant;

use actor_core::process::Process;
use actor_core::queue::{Options, Queue};

use crate::{Plan, millions};

/// What a producer does: this many messages of this size, in batches or one by one.
type Order = (Queue<()>, Queue<()>, usize, usize, bool);

const BATCH: usize = 64;

pub(crate) fn run(plan: &Plan) {
    let case = |name: &str, unit: &str, target: &str, size, ways: (usize, usize), count: usize, batched| {
        let count = plan.count(count) / BATCH * BATCH;
        plan.case(name, unit, target, || {
            let rate = transfer(size, ways, count.max(BATCH), batched);
            if unit == "GB/s" { rate * size as f64 / 1e3 } else { rate }
        });
    };
    case("queue 64 B 1->1", "M/s", ">= 20", 64, (1, 1), 10_000_000, false);
    case("queue 64 B 4->1", "M/s", ">= 10", 64, (4, 1), 4_000_000, false);
    case("queue 64 B 4->4", "M/s", ">= 5", 64, (4, 4), 4_000_000, false);
    case("queue 64 B 1->1 batched", "M/s", ">= 50", 64, (1, 1), 10_000_000, true);
    case("queue 1 KiB 1->1", "M/s", "", 1 << 10, (1, 1), 2_000_000, false);
    case("queue 1 KiB 4->1", "M/s", "", 1 << 10, (4, 1), 1_000_000, false);
    case("queue 64 KiB 1->1", "GB/s", "", 64 << 10, (1, 1), 100_000, false);
    case("queue 1 MiB 1->1", "GB/s", ">= 16", 1 << 20, (1, 1), 8_000, false);
    case("queue 1 MiB 4->4", "GB/s", "", 1 << 20, (4, 4), 2_000, false);
}

/// Moves `count` messages per producer and returns millions per second in all.
fn transfer(size: usize, (producers, consumers): (usize, usize), count: usize, batched: bool) -> f64 {
    let capacity = if size > 4096 { 64 } else { 1024 };
    let options = Options { message_max: size.max(64), bytes: (64 * size).max(8 << 20), ..Options::new(capacity) };
    let queue: Queue<()> = options.create().expect("a queue");
    let ready: Queue<()> = Queue::bounded(64).expect("a queue");
    let order = (queue.clone(), ready.clone(), size, count, batched);
    let others: Vec<Process<()>> = (1..consumers)
        .map(|_| Process::spawn(consume, (queue.clone(), size, producers * count / consumers)).expect("a consumer"))
        .collect();
    let makers: Vec<Process<()>> =
        (0..producers).map(|_| Process::spawn(produce, order.clone()).expect("a producer")).collect();
    // The first messages also take the memory from the system, which is not what is measured.
    warm_up(&queue, size);
    let start = Instant::now();
    for _ in 0..producers {
        ready.send(()).expect("a producer waits");
    }
    consume_here(&queue, size, producers * count / consumers, batched);
    others.iter().for_each(|other| other.join().expect("a consumer"));
    let rate = millions(producers * count, start);
    makers.iter().for_each(|maker| maker.join().expect("a producer"));
    queue.close(actor_core::queue::Close::Now);
    ready.close(actor_core::queue::Close::Now);
    rate
}

fn warm_up(queue: &Queue<()>, size: usize) {
    let bytes = vec![1; size];
    let mut buffer = vec![0; size];
    for _ in 0..queue.capacity().min(64) {
        queue.try_send_bytes(&bytes).expect("room");
    }
    while queue.try_recv_into(&mut buffer).is_ok() {}
}

fn produce((queue, ready, size, count, batched): Order) {
    let bytes = vec![7; size];
    ready.recv().expect("the start");
    if batched {
        let batch = vec![&bytes[..]; BATCH];
        for _ in 0..count / BATCH {
            queue.send_bytes_batch(&batch).expect("the queue is open");
        }
    } else {
        for _ in 0..count {
            queue.send_bytes(&bytes).expect("the queue is open");
        }
    }
}

fn consume((queue, size, count): (Queue<()>, usize, usize)) {
    consume_here(&queue, size, count, false);
}

fn consume_here(queue: &Queue<()>, size: usize, count: usize, batched: bool) {
    let mut buffer = vec![0; size];
    let mut received = 0;
    while received < count {
        received += if batched {
            queue.recv_bytes_batch(BATCH.min(count - received), |bytes| buffer.copy_from_slice(bytes)).expect("a batch")
        } else {
            queue.recv_into(&mut buffer).expect("a message");
            1
        };
    }
}
