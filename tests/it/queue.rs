//! The queue between processes.
//!
//! What needs one process only is tested beside the code, and what needs every interleaving in the
//! models of `shm`. Here are the cases that an application sees: whole processes that send, receive,
//! wait, stop and die.

mod closing;
mod deaths;
mod forms;
mod idle;
mod items;
mod limits;
mod memory;
mod ordered;
mod put_back;
mod tasks;
mod traffic;
mod waiting;

use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::queue::Queue;
use actor_tests::watch;

use crate::harness::isolated;

/// How long anything may take that does not wait for something.
const AT_ONCE: Duration = Duration::from_millis(100);

fn small(capacity: usize) -> Queue<u32> {
    Queue::bounded(capacity).expect("there is room for a queue")
}

/// Waits until every thread of a process sleeps. A process that has said what it does next, and
/// sleeps, is doing that.
fn until_asleep<R>(process: &Process<R>) {
    watch::until("all threads of the process sleep", || watch::all_have_state(process.pid(), 'S'));
}

/// How long it took.
fn timed<T>(operation: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = operation();
    (result, begin.elapsed())
}

#[test]
fn smoke() {
    isolated(|| {
        let (there, back) = (small(2), small(2));
        let doubling = |(there, back): (Queue<u32>, Queue<u32>)| {
            for number in &there {
                back.send(2 * number).expect("nobody closes this queue before the end");
            }
        };
        let process = Process::spawn(doubling, (there.clone(), back.clone())).unwrap();
        for number in 0..100 {
            there.send(number).unwrap();
            assert_eq!(back.recv(), Ok(2 * number));
        }
        there.close(actor_core::queue::Close::Drain);
        assert_eq!(process.join(), Ok(()));
        back.close(actor_core::queue::Close::Drain);
    });
}
