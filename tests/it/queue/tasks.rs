//! Tasks: what was received and is not done is neither gone nor doubled.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_tests::board::Board;
use actor_tests::watch::{self, bound};

use super::{AT_ONCE, isolated, small, timed};

const CONSUMERS: usize = 4;
const TASKS: u32 = 100;

/// Takes tasks, and holds its last one until it is told to let it go.
fn consume((queue, board, me): (Queue<u32>, Board, usize)) -> u32 {
    let mut done = 0;
    while let Ok(task) = queue.recv_task() {
        if *task == TASKS {
            board[me].store(1, Release);
            watch::until("the task may be done", || board[CONSUMERS].load(Acquire) > me as u64);
        }
        task.done();
        done += 1;
    }
    done
}

#[test]
fn q_07_join_returns_when_the_last_task_is_done() {
    isolated(|| {
        let (queue, board) = (small(16), Board::new(CONSUMERS + 1));
        let spawn = |me| Process::spawn(consume, (queue.clone(), board.clone(), me)).unwrap();
        let consumers: Vec<_> = (0..CONSUMERS).map(spawn).collect();
        for task in 0..TASKS {
            queue.send(task).unwrap();
        }
        assert!(queue.join_timeout(bound(Duration::from_secs(10))), "all of these are done without being told");
        (0..CONSUMERS).for_each(|_| queue.send(TASKS).unwrap());
        watch::until("each consumer holds a task", || (0..CONSUMERS).all(|me| board[me].load(Acquire) == 1));
        for allowed in 1..=CONSUMERS as u64 {
            assert!(queue.is_empty());
            assert!(!queue.join_timeout(Duration::from_millis(20)), "somebody still holds a task");
            board[CONSUMERS].store(allowed, Release);
        }
        queue.join();
        queue.close(Close::Drain);
        let done: u32 = consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum();
        assert_eq!(done, TASKS + CONSUMERS as u32);
    });
}

/// A task can be done once: `done` takes it, which the compiler sees to. What remains is whether
/// anything but `done` lowers the count, or lowers it twice.
#[test]
fn q_08_nothing_is_done_twice() {
    isolated(|| {
        let queue = small(4);
        let (_, took) = timed(|| queue.join());
        assert!(took < bound(AT_ONCE), "nothing was ever sent, nothing is outstanding");
        queue.send(1).unwrap();
        queue.send(2).unwrap();
        let (first, second) = (queue.recv_task().unwrap(), queue.recv_task().unwrap());
        assert_eq!(first.done(), 1);
        assert!(!queue.join_timeout(Duration::ZERO), "one done, one held");
        // The death of one who has done all that he had to do gives nothing back.
        queue.send(3).unwrap();
        let worker = |(queue, up): (Queue<u32>, Queue<u32>)| {
            let number = queue.recv_task().unwrap().done();
            up.send(number).unwrap();
            loop {
                std::thread::park();
            }
        };
        let up = small(1);
        let worker: Process<()> = Process::spawn(worker, (queue.clone(), up.clone())).unwrap();
        assert_eq!(up.recv(), Ok(3));
        worker.kill().unwrap();
        worker.join().unwrap_err();
        assert!(queue.is_empty() && !queue.join_timeout(Duration::ZERO), "one held");
        assert_eq!(second.done(), 2);
        assert!(queue.join_timeout(Duration::ZERO));
        queue.close(Close::Drain);
        up.close(Close::Drain);
    });
}
