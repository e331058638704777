//! How a pool ends, and what it never leaves behind.

use std::time::{Duration, Instant};

use actor_core::pool::{Options, Pool, StartError, SubmitError, TaskError};
use actor_core::process::{Process, SpawnError};
use actor_core::queue::{Close, Queue};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{pool, square};
use crate::harness::{isolated, isolated_for_both, killed_when_ready};

#[test]
fn l_07_terminate_ends_long_tasks_and_what_waits_behind_them() {
    isolated_for_both(|| {
        let pool = pool(3);
        let tasks: Vec<_> =
            (0..200).map(|_| pool.submit(|()| std::thread::park(), ()).expect("there is room")).collect();
        actor_tests::watch::until("all are at work", || pool.counts().running == 3);
        let begin = Instant::now();
        pool.terminate();
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert_eq!((pool.workers().len(), pool.counts().workers), (0, 0));
        assert!(tasks.into_iter().all(|task| task.wait() == Err(TaskError::Terminated)));
        assert!(matches!(pool.submit(square, 1), Err(SubmitError::Terminated)));
        assert_eq!(pool.apply(square, 1), Err(TaskError::NotSubmitted(SubmitError::Terminated)));
        pool.join();
    });
}

#[test]
fn who_waits_learns_of_the_end_of_the_pool() {
    isolated(|| {
        let pool = pool(1);
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| pool.apply(|()| std::thread::park(), ()))).collect();
            let awaiting = scope.spawn(|| {
                let task = pool.submit(|()| std::thread::park(), ()).expect("there is room");
                futures::executor::block_on(task)
            });
            actor_tests::watch::until("all are submitted", || pool.counts().submitted == 5);
            pool.terminate();
            for thread in waiting.into_iter().chain([awaiting]) {
                assert_eq!(thread.join().expect("it ends"), Err(TaskError::Terminated));
            }
        });
    });
}

#[test]
fn close_takes_no_more_and_join_waits_for_all() {
    isolated_for_both(|| {
        let (pool, gate) = (pool(2), Queue::<()>::bounded(4).expect("there is room for a queue"));
        let task = pool.submit(|gate: Queue<()>| gate.recv().is_ok(), gate.clone()).expect("there is room");
        pool.close();
        assert!(matches!(pool.submit(square, 1), Err(SubmitError::Closed)));
        let error = pool.map(square, 0..3).expect_err("it is closed");
        assert!(error.results.iter().all(|result| *result == Err(TaskError::NotSubmitted(SubmitError::Closed))));
        assert!(!pool.join_timeout(Duration::from_millis(20)), "one is not done");
        gate.send(()).expect("there is room");
        pool.join();
        assert_eq!((task.wait(), pool.workers().len()), (Ok(true), 0));
        gate.close(Close::Now);
    });
}

/// Its results fill the queue, and nobody reads them but the one who joins.
#[test]
fn an_early_error_and_unread_results_keep_nobody_from_joining() {
    isolated(|| {
        let pool = Options { workers: 2, max_pending: 4, ..Options::default() }.start().expect("there is room");
        let tasks: Vec<_> = (0..4).map(|n| pool.submit(|n: u32| assert!(n != 0), n).expect("there is room")).collect();
        pool.join();
        assert_eq!(tasks.into_iter().filter(|task| task.is_done()).count(), 4);
    });
}

#[test]
fn a_pool_that_is_dropped_is_terminated() {
    isolated(|| {
        let pool = pool(2);
        let task = pool.submit(|()| std::thread::park(), ()).expect("there is room");
        drop(pool);
        assert_eq!(task.wait(), Err(TaskError::Terminated));
    });
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    isolated(|| {
        assert!(matches!(Pool::new(0), Err(StartError::OutOfBounds { .. })));
        assert!(matches!(Pool::new(1 << 20), Err(StartError::OutOfBounds { .. })));
        let none_pending = Options { max_pending: 0, ..Options::default() }.start();
        assert!(matches!(none_pending, Err(StartError::OutOfBounds { .. })));
    });
}

/// Half of the workers cannot be started: the others are stopped.
#[test]
fn a_pool_that_does_not_come_up_leaves_nothing() {
    isolated(|| {
        // The node is there, and each process costs it descriptors.
        assert_eq!(Process::spawn(square, 3).expect("there is room").join(), Ok(9));
        let open = std::fs::read_dir("/proc/self/fd").expect("/proc is there").count() as u64;
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(open + 24), ..before }).expect("it is lowered");
        let refused = Pool::new(200);
        setrlimit(Resource::Nofile, before).expect("it is as before");
        let Err(StartError::Worker(SpawnError::System { name, .. })) = refused else { panic!("{refused:?}") };
        assert_ne!(name, "worker-1", "some were started before");
    });
}

#[test]
fn nothing_of_a_pool_outlives_its_node() {
    killed_when_ready(|| {
        let pool = pool(3);
        let _tasks: Vec<_> =
            (0..6).map(|_| pool.submit(|()| std::thread::park(), ()).expect("there is room")).collect();
        actor_tests::watch::until("all are at work", || pool.counts().running == 3);
        println!("ready: ");
        std::thread::park();
    });
}
