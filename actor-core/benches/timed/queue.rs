//! Raw bytes through a queue.

use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

use crate::senders::{Briefed, Senders};
use crate::{SIZES, messages};

/// Messages that are sent and received together where that is measured.
const BATCH: usize = 64;
/// Beyond these, a batch saves nothing.
const BATCHED_SIZES: [usize; 2] = [64, 1 << 10];

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 20)]
fn from_1_to_1(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, Flow { size, senders: 1, receivers: 1, is_batched: false });
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 20)]
fn from_4_to_1(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, Flow { size, senders: 4, receivers: 1, is_batched: false });
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 20)]
fn from_4_to_4(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, Flow { size, senders: 4, receivers: 4, is_batched: false });
}

#[divan::bench(args = BATCHED_SIZES, sample_size = 1, sample_count = 20)]
fn batched_1_to_1(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, Flow { size, senders: 1, receivers: 1, is_batched: true });
}

#[divan::bench(args = BATCHED_SIZES, sample_size = 1, sample_count = 20)]
fn batched_4_to_1(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, Flow { size, senders: 4, receivers: 1, is_batched: true });
}

#[divan::bench(args = BATCHED_SIZES, sample_size = 1, sample_count = 20)]
fn batched_4_to_4(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, Flow { size, senders: 4, receivers: 4, is_batched: true });
}

/// Who sends what to how many.
#[derive(Clone, Copy)]
struct Flow {
    size: usize,
    senders: usize,
    receivers: usize,
    is_batched: bool,
}

/// One side's part in it: where, bytes of a message, how many of them, and whether in batches.
type Part = (Queue<()>, usize, usize, bool);

/// A queue with everybody in place. This process is one of the receivers.
struct Round {
    queue: Queue<()>,
    senders: Senders,
    others: Vec<Process<()>>,
    part: Part,
}

fn measure(bencher: Bencher<'_, '_>, flow: Flow) {
    let count = messages(flow.size);
    bencher
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(count * flow.size))
        .with_inputs(|| Round::prepare(flow, count))
        .bench_local_values(Round::run);
}

impl Round {
    fn prepare(Flow { size, senders, receivers, is_batched }: Flow, count: usize) -> Round {
        let capacity = if size > 4096 { 64 } else { 1024 };
        let options = Options { message_max: size, bytes: (64 * size).max(8 << 20), ..Options::new(capacity) };
        let queue: Queue<()> = options.create().expect("a queue");
        // The first messages also take memory from the system, which is not what is measured.
        let bytes = vec![1; size];
        while queue.try_send_bytes(&bytes).is_ok() {}
        while queue.try_recv_into(&mut vec![0; size]).is_ok() {}
        let part = |count| (queue.clone(), size, count, is_batched);
        let other = |_| Process::spawn(receive, part(count / receivers)).expect("a receiver");
        Round {
            senders: Senders::start(send, (0..senders).map(|_| part(count / senders))),
            others: (1..receivers).map(other).collect(),
            part: part(count / receivers),
            queue,
        }
    }

    fn run(self) -> Round {
        self.senders.go();
        receive(self.part.clone());
        self.others.iter().for_each(|other| other.join().expect("a receiver"));
        self
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.queue.close(Close::Now);
    }
}

fn send((word, (queue, size, count, is_batched)): Briefed<Part>) {
    let bytes = vec![7; size];
    let batch = vec![&bytes[..]; BATCH];
    word.recv().expect("the word");
    if is_batched {
        for _ in 0..count / BATCH {
            queue.send_bytes_batch(&batch).expect("the queue is open");
        }
    } else {
        for _ in 0..count {
            queue.send_bytes(&bytes).expect("the queue is open");
        }
    }
}

fn receive((queue, size, count, is_batched): Part) {
    let mut buffer = vec![0; size];
    let mut received = 0;
    while received < count {
        if is_batched {
            let max = BATCH.min(count - received);
            received += queue.recv_bytes_batch(max, |bytes| buffer.copy_from_slice(bytes)).expect("a batch");
        } else {
            queue.recv_into(&mut buffer).expect("a message");
            received += 1;
        }
    }
}
