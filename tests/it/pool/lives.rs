//! Workers that come and go in order: initializers, recycling, what they start themselves.

use std::time::Duration;

use actor_core::ExitReason;
use actor_core::pool::{Initializer, MapOptions, Options, SubmitError, TaskError};
use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_tests::watch::until;
use tracing::level_filters::LevelFilter;

use super::{pool, square, started};
use crate::harness::{isolated, isolated_and_long, isolated_for_both};
use crate::logs::listener::{Heard, Listener};

fn one_by_one() -> MapOptions<'static> {
    MapOptions { chunk_size: Some(1), ..MapOptions::default() }
}

#[test]
fn l_06_a_worker_that_may_do_one_task_each_does_all_until_the_pool_is_closed() {
    isolated_for_both(|| {
        let pool = started(Options { workers: 2, max_tasks_per_worker: Some(1), ..Options::default() });
        let tasks: Vec<_> = (0..8).map(|_| pool.submit(|()| std::process::id(), ()).expect("there is room")).collect();
        pool.close();
        pool.join();
        let mut pids: Vec<u32> = tasks.into_iter().map(|task| task.wait().expect("it was accepted")).collect();
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(pids.len(), 8, "each task had a worker of its own");
    });
}

#[test]
fn workers_are_replaced_after_their_tasks_and_by_their_age() {
    isolated(|| {
        let pool = started(Options { workers: 1, max_tasks_per_worker: Some(10), ..Options::default() });
        let pids = one_by_one().map(&pool, |_: u32| std::process::id(), 0..25).expect("none fails");
        assert!(pids[0] == pids[9] && pids[9] != pids[10] && pids[10] == pids[19] && pids[19] != pids[20]);
        let pool = started(Options { workers: 1, max_worker_age: Some(Duration::ZERO), ..Options::default() });
        let pids = one_by_one().map(&pool, |_: u32| std::process::id(), 0..3).expect("none fails");
        assert!(pids[0] != pids[1] && pids[1] != pids[2]);
    });
}

#[test]
fn a_worker_that_has_grown_is_replaced() {
    isolated(|| {
        let pool = started(Options { workers: 1, max_worker_memory: Some(256 << 20), ..Options::default() });
        let grow = |bytes: usize| {
            std::mem::forget(vec![1_u8; bytes]);
            std::process::id()
        };
        let pids = [0, 0, 300 << 20, 0].map(|bytes| pool.apply(grow, bytes).expect("it returns"));
        assert!(pids[0] == pids[1] && pids[1] == pids[2] && pids[2] != pids[3], "{pids:?}");
        assert!(!pool.counts().is_memory_limit_too_low);
    });
}

#[test]
fn t_27_a_limit_below_what_a_fresh_worker_has_limits_nothing() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::WARN);
        let pool = started(Options { workers: 2, max_worker_memory: Some(1), ..Options::default() });
        let say = |_: u32| {
            tracing::warn!("an item");
            std::process::id()
        };
        let mut pids = one_by_one().map(&pool, say, 0..100).expect("none fails");
        pids.sort_unstable();
        pids.dedup();
        assert!(pids.len() <= 2, "nobody is replaced: {pids:?}");
        // What a worker says comes in order, so nothing that it had said before an item is still to come.
        let count = |heard: &[Heard], what| heard.iter().filter(|heard| heard.message().contains(what)).count();
        let all = |heard: &[Heard]| match (count(heard, "an item"), count(heard, "below the")) {
            (100, said @ 1..) => Some(said),
            _ => None,
        };
        assert_eq!(listener.wait_until(all), Some(1), "it is said once");
        assert_eq!((pool.counts().restarts, pool.counts().is_memory_limit_too_low), (0, true));
    });
}

#[test]
fn l_11_an_initializer_runs_once_in_each_worker() {
    isolated_for_both(|| {
        let log = Queue::bounded(64).expect("there is room for a queue");
        let note = |log: Queue<u32>| log.send(std::process::id()).map_err(|_| "the log is full");
        let initializer = Initializer::new(note, log.clone()).expect("it can be sent");
        let options =
            Options { workers: 2, initializer: Some(initializer), max_tasks_per_worker: Some(2), ..Options::default() };
        let pool = started(options);
        let mut pids = one_by_one().map(&pool, |_: u32| std::process::id(), 0..8).expect("none fails");
        pool.join();
        let mut noted: Vec<u32> = std::iter::from_fn(|| log.try_recv().ok()).collect();
        noted.sort_unstable();
        pids.sort_unstable();
        pids.dedup();
        assert!(noted.windows(2).all(|two| two[0] != two[1]), "once each: {noted:?}");
        assert!(pids.iter().all(|pid| noted.contains(pid)), "before the first task: {pids:?} of {noted:?}");
        log.close(Close::Now);
    });
}

#[test]
fn l_11_an_initializer_that_fails_is_the_error_of_the_pool_and_no_loop() {
    isolated(|| {
        let log = Queue::bounded(64).expect("there is room for a queue");
        let fail = |log: Queue<u32>| {
            log.send(std::process::id()).expect("there is room");
            Err::<(), _>("no database")
        };
        let initializer = Initializer::new(fail, log.clone()).expect("it can be sent");
        let options =
            Options { workers: 1, initializer: Some(initializer), initializer_retries: 2, ..Options::default() };
        let pool = started(options);
        let broken = pool.apply(square, 1);
        let reason = match &broken {
            Err(TaskError::Broken(report) | TaskError::NotSubmitted(SubmitError::Broken(report))) => &report.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(*reason, ExitReason::Failed("no database".into()));
        pool.join();
        assert!(matches!(pool.submit(square, 1), Err(SubmitError::Broken(_))));
        assert_eq!((log.len(), pool.workers().len()), (3, 0));
        log.close(Close::Now);
    });
}

#[test]
fn an_initializer_that_fails_at_times_is_tried_again() {
    isolated(|| {
        let turns = Queue::bounded(8).expect("there is room for a queue");
        for outcome in ["panic", "err", "fine"] {
            turns.send(outcome.to_owned()).expect("there is room");
        }
        let moody = |turns: Queue<String>| match turns.recv().as_deref() {
            Ok("panic") => panic!("not now"),
            Ok("err") => Err("not yet"),
            _ => Ok(()),
        };
        let initializer = Initializer::new(moody, turns.clone()).expect("it can be sent");
        let pool = started(Options { workers: 1, initializer: Some(initializer), ..Options::default() });
        assert_eq!(pool.apply(square, 8), Ok(64));
        // Who counts them may come behind the work of the last one.
        until("both are counted", || pool.counts().restarts == 2);
        turns.close(Close::Now);
    });
}

#[test]
fn workers_start_processes_and_have_pools() {
    isolated(|| {
        let pool = pool(2);
        let by_process = |n: u64| Process::spawn(square, n).expect("there is room").join().expect("it returns");
        assert_eq!(pool.map(by_process, 0..6).expect("none fails"), (0..6).map(square).collect::<Vec<_>>());
        let by_pool = |n: u64| super::pool(2).map(square, 0..n).expect("none fails");
        assert_eq!(pool.apply(by_pool, 4), Ok(vec![0, 1, 4, 9]));
    });
}

/// What holds a pool that is not the root process, and is killed.
#[test]
fn workers_end_with_the_process_that_has_their_pool() {
    isolated(|| {
        let told = Queue::bounded(4).expect("there is room for a queue");
        let own = |told: Queue<Vec<actor_core::ProcessId>>| {
            let pool = super::pool(2);
            let _stuck = pool.submit(|()| std::thread::park(), ()).expect("there is room");
            until("a worker is at it", || pool.counts().running == 1);
            told.send(pool.workers()).expect("there is room");
            std::thread::park();
        };
        let owner = Process::spawn(own, told.clone()).expect("there is room");
        let workers = told.recv().expect("it has a pool");
        let monitors: Vec<_> =
            workers.iter().map(|id| actor_core::link::monitor(*id).expect("the node is there")).collect();
        owner.kill().expect("it lives");
        for monitor in monitors {
            assert!(monitor.wait_timeout(super::SOON).is_some(), "it ends too");
        }
        told.close(Close::Now);
    });
}

#[test]
fn l_15_two_hundred_workers() {
    isolated_and_long(|| {
        let pool = pool(200);
        let wait = |n: u64| square(n);
        assert_eq!(
            one_by_one().map(&pool, wait, 0..1000).expect("none fails"),
            (0..1000).map(square).collect::<Vec<_>>()
        );
        assert_eq!(pool.workers().len(), 200);
        pool.close();
        pool.join();
    });
}
