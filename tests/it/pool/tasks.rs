//! One task at a time, and what it can give.

use std::collections::HashMap;
use std::time::Duration;

use actor_core::pool::{Pool, SubmitError, TaskError, TaskOptions};
use actor_core::queue::{Close, Queue};
use futures::FutureExt;
use futures::executor::block_on;

use super::{pool, square, started};
use crate::harness::isolated;

/// A task that waits until it is told to go on.
fn wait_for(gate: Queue<()>) -> u32 {
    let _ = gate.recv();
    std::process::id()
}

fn gate() -> Queue<()> {
    Queue::bounded(64).expect("there is room for a queue")
}

#[test]
fn a_panic_is_the_error_of_its_task_with_text_and_place() {
    isolated(|| {
        let pool = pool(1);
        let worker = pool.apply(|()| std::process::id(), ()).expect("it returns");
        let failed = pool.apply(|n: u32| -> u32 { panic!("no {n} here") }, 7);
        let Err(TaskError::Failed { message, location }) = failed else { panic!("{failed:?}") };
        assert_eq!(message, "no 7 here");
        assert!(location.contains("pool/tasks.rs:"), "{location}");
        assert_eq!(pool.apply(|()| std::process::id(), ()), Ok(worker), "the worker lives on");
    });
}

#[test]
fn an_err_is_a_result_like_any_other() {
    isolated(|| {
        let halve = |n: u32| if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("{n} is odd")) };
        let pool = pool(1);
        assert_eq!(pool.apply(halve, 4), Ok(Ok(2)));
        assert_eq!(pool.apply(halve, 3), Ok(Err("3 is odd".to_owned())));
    });
}

#[test]
fn l_05_a_result_that_cannot_be_sent_is_the_error_of_its_task() {
    isolated(|| {
        let pool = pool(1);
        let worker = pool.apply(|()| std::process::id(), ()).expect("it returns");
        for _ in 0..20 {
            // MessagePack has no room for the difference to `None`.
            let failed = pool.apply(|()| Some(()), ());
            assert!(matches!(failed, Err(TaskError::Encode(_))), "{failed:?}");
        }
        let large = pool.apply(|()| vec![7_u8; 64 << 20], ());
        assert!(matches!(large, Err(TaskError::Encode(_))), "{:?}", large.map(|bytes| bytes.len()));
        assert_eq!(pool.apply(|()| std::process::id(), ()), Ok(worker), "the worker lives on");
    });
}

#[test]
fn arguments_that_cannot_be_sent_are_an_error_here_and_now() {
    isolated(|| {
        let pool = pool(1);
        let refused = pool.submit(|_: Option<()>| (), Some(()));
        assert!(matches!(refused, Err(SubmitError::Encode(_))), "{refused:?}");
        let refused = pool.submit(|bytes: Vec<u8>| bytes.len(), vec![255; 64 << 20]);
        assert!(matches!(refused, Err(SubmitError::TooLarge { .. })), "{refused:?}");
        assert_eq!((pool.counts().submitted, pool.apply(square, 3)), (0, Ok(9)));
    });
}

#[test]
fn l_13_who_waits_in_vain_can_wait_again() {
    isolated(|| {
        let (pool, gate) = (pool(1), gate());
        let mut task = pool.submit(wait_for, gate.clone()).expect("there is room");
        assert!(task.wait_timeout(Duration::from_millis(10)).is_none() && task.try_wait().is_none());
        assert!(!task.is_done());
        gate.send(()).expect("there is room");
        assert!(task.wait().is_ok());
        gate.close(Close::Now);
    });
}

#[test]
fn l_13_a_task_that_takes_too_long_is_stopped_for_real() {
    isolated(|| {
        let (pool, gate) = (pool(1), gate());
        let stuck = pool.apply_timeout(wait_for, gate.clone(), Duration::from_secs(1));
        let Err(TaskError::TimedOut { report: Some(report) }) = stuck else { panic!("{stuck:?}") };
        assert_eq!(report.reason.to_string(), "was killed because a call took too long");
        assert_eq!(pool.apply(square, 5), Ok(25), "the pool goes on");
        super::until_restarts(&pool, 1);
        gate.close(Close::Now);
    });
}

/// Nobody waits for it, and its worker cannot do anything about it.
#[test]
fn a_time_limit_holds_for_a_worker_that_is_stopped_and_a_task_that_nobody_waits_for() {
    isolated(|| {
        let pool = pool(1);
        let stop = |()| {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::STOP).expect("it is this process");
        };
        let options = TaskOptions { timeout: Some(Duration::from_millis(50)), ..TaskOptions::default() };
        let stopped = options.submit(&pool, stop, ()).expect("there is room");
        // This waits for the other worker, not for the task.
        assert_eq!(pool.apply(square, 6), Ok(36));
        assert!(matches!(stopped.wait(), Err(TaskError::TimedOut { report: Some(_) })));
    });
}

#[test]
fn a_task_is_cancelled_before_it_begins_and_on_request_after() {
    isolated(|| {
        let (pool, gate) = (pool(1), gate());
        let first = pool.submit(wait_for, gate.clone()).expect("there is room");
        actor_tests::watch::until("the worker has begun", || pool.counts().running == 1);
        let second = pool.submit(square, 2).expect("there is room");
        let third = pool.submit(square, 3).expect("there is room");
        assert!(second.cancel() && !second.cancel() && second.is_done());
        assert!(!first.cancel(), "it has begun");
        first.kill();
        assert_eq!(
            (first.wait(), second.wait(), third.wait()),
            (Err(TaskError::Cancelled), Err(TaskError::Cancelled), Ok(9))
        );
        gate.close(Close::Now);
    });
}

#[test]
fn of_more_tasks_than_may_be_pending_the_next_one_waits() {
    isolated(|| {
        let gate = gate();
        let pool = started(actor_core::pool::Options { workers: 1, max_pending: 2, ..Pool::builder() });
        let tasks = [0, 1].map(|_| pool.submit(wait_for, gate.clone()).expect("there is room"));
        assert!(matches!(pool.try_submit(square, 1), Err(SubmitError::Full)));
        assert!(matches!(pool.submit_timeout(square, 1, Duration::from_millis(10)), Err(SubmitError::Full)));
        gate.send(()).expect("there is room");
        // It reads the result of the first task itself.
        let third = pool.submit(square, 4).expect("there is room when one is done");
        gate.send(()).expect("there is room");
        assert!(tasks.into_iter().all(|task| task.wait().is_ok()));
        assert_eq!(third.wait(), Ok(16));
        gate.close(Close::Now);
    });
}

#[test]
fn large_tasks_and_results_wait_for_room_and_none_is_lost() {
    isolated(|| {
        let pool = pool(2);
        let sum = |bytes: Vec<u32>| (bytes.iter().map(|n| u64::from(*n)).sum::<u64>(), bytes);
        let large = vec![70_000_u32; 1 << 20];
        let tasks: Vec<_> = (0..24).map(|_| pool.submit(sum, large.clone()).expect("it waits for room")).collect();
        for task in tasks {
            let (sum, back) = task.wait().expect("it returns");
            assert!(sum == 70_000 << 20 && back == large);
        }
    });
}

#[test]
fn tasks_are_futures() {
    isolated(|| {
        let pool = pool(2);
        let tasks = (0..100).map(|n| pool.submit(square, n).expect("there is room"));
        let results = block_on(futures::future::join_all(tasks));
        assert_eq!(results, (0..100).map(|n| Ok(n * n)).collect::<Vec<_>>());
        // A future that is dropped leaves its task alone, and the others.
        let dropped = pool.submit(square, 1).expect("there is room");
        let _ = dropped.now_or_never();
        assert_eq!(block_on(pool.submit(square, 9).expect("there is room")), Ok(81));
    });
}

#[test]
fn many_threads_wait_and_each_gets_its_own() {
    isolated(|| {
        let pool = pool(2);
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..200 {
                        let n = thread * 1000 + round;
                        match round % 3 {
                            0 => assert_eq!(block_on(pool.submit(square, n).expect("there is room")), Ok(n * n)),
                            1 => assert_eq!(pool.apply_timeout(square, n, super::SOON), Ok(n * n)),
                            _ => assert_eq!(pool.apply(square, n), Ok(n * n)),
                        }
                    }
                });
            }
        });
        assert_eq!(pool.counts().done, 1600);
    });
}

#[test]
fn arguments_of_any_kind_arrive() {
    isolated(|| {
        let pool = pool(1);
        type Parts = (HashMap<String, u32>, Option<Vec<(char, f64)>>, Queue<u32>);
        let merge = |(mut map, more, queue): Parts| {
            map.insert("length".into(), more.map_or(0, |more| more.len() as u32));
            queue.send(map["length"]).expect("there is room");
            map
        };
        let queue = Queue::bounded(1).expect("there is room for a queue");
        let map = HashMap::from([("a".to_owned(), 1)]);
        let merged = pool.apply(merge, (map, Some(vec![('x', 0.5), ('y', 1.5)]), queue.clone())).expect("it returns");
        assert_eq!((merged["a"], merged["length"], queue.recv()), (1, 2, Ok(2)));
        queue.close(Close::Now);
    });
}
