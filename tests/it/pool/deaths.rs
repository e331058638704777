//! Workers that die at work: their task is the only one that learns of it.

use actor_core::ExitReason;
use actor_core::pool::{MapOptions, Options, Pool, TaskError};
use actor_core::queue::{Close, Queue};
use actor_tests::foreign;
use rustix::process::{Pid, Signal, kill_process};

use super::{pool, square, started, until_complete, until_restarts};
use crate::harness::{isolated, isolated_and_long, isolated_for_both};

fn with_retries(workers: usize, retries: u32) -> Pool {
    started(Options { workers, retries, ..Options::default() })
}

fn is_segfault(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Signaled { signal: 11, .. })
}

/// A worker of ours, which may have ended meanwhile.
fn kill(pid: u32) {
    let _ = kill_process(Pid::from_raw(pid as i32).expect("it is no group"), Signal::KILL);
}

#[test]
fn t_10_a_segfault_is_the_error_of_its_task_and_the_pool_has_its_size_again() {
    isolated_for_both(|| {
        let pool = pool(4);
        let risky = |n: u32| if n == 7 { foreign::segfault() } else { n };
        let tasks: Vec<_> = (0..40).map(|n| pool.submit(risky, n).expect("there is room")).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            match task.wait() {
                Err(TaskError::Died { report }) if n == 7 => assert!(is_segfault(&report.reason), "{report}"),
                result => assert_eq!(result, Ok(n as u32)),
            }
        }
        until_restarts(&pool, 1);
        until_complete(&pool, 4);
        let counts = pool.counts();
        assert_eq!((counts.done, counts.failed, counts.restarts), (40, 1, 1));
    });
}

#[test]
fn l_03_a_task_whose_worker_was_killed_is_done_by_another() {
    isolated(|| {
        let pool = with_retries(2, 1);
        let tries = Queue::bounded(8).expect("there is room for a queue");
        // The first one to come to item 5 is killed from outside.
        let work = |(n, tries): (u64, Queue<u32>)| {
            if n == 5 {
                tries.send(std::process::id()).expect("there is room");
                if tries.len() == 1 {
                    std::thread::park();
                }
            }
            n
        };
        let items: Vec<_> = (0..20).map(|n| (n, tries.clone())).collect();
        let options = MapOptions { chunk_size: Some(4), ..MapOptions::default() };
        let map = options.map_async(&pool, work, items);
        actor_tests::watch::until("somebody is at item 5", || !tries.is_empty());
        let pid = tries.recv().expect("it has said so");
        tries.send(pid).expect("there is room");
        kill(pid);
        assert_eq!(map.wait().expect("all are done"), (0..20).collect::<Vec<_>>());
        assert_eq!(tries.len(), 2, "two have tried");
        until_restarts(&pool, 1);
        tries.close(Close::Now);
    });
}

#[test]
fn l_04_an_item_that_kills_whoever_tries_it_is_given_up_and_all_others_are_done() {
    isolated(|| {
        for size in [1, 10, 100] {
            let pool = with_retries(2, 2);
            let ran = Queue::bounded(1000).expect("there is room for a queue");
            let risky = |(n, ran): (u32, Queue<u32>)| {
                ran.send(n).expect("there is room");
                if n == 23 { foreign::segfault() } else { n }
            };
            let options = MapOptions { chunk_size: Some(size), ..MapOptions::default() };
            let items: Vec<_> = (0..100).map(|n| (n, ran.clone())).collect();
            let error = options.map(&pool, risky, items).expect_err("one fails");
            for (n, result) in error.results.iter().enumerate() {
                match result {
                    Err(TaskError::Poisoned { report, attempts: 3 }) if n == 23 => assert!(is_segfault(&report.reason)),
                    result => assert_eq!(*result, Ok(n as u32), "in chunks of {size}"),
                }
            }
            let mut ran_all: Vec<u32> = std::iter::from_fn(|| ran.try_recv().ok()).collect();
            ran_all.sort_unstable();
            let mut expected: Vec<u32> = (0..100).chain([23, 23]).collect();
            expected.sort_unstable();
            assert_eq!(ran_all, expected, "what was done is not done again, in chunks of {size}");
            until_restarts(&pool, 3);
            ran.close(Close::Now);
        }
    });
}

#[test]
fn t_11_a_task_that_kills_three_workers_is_poison_and_no_loop() {
    isolated(|| {
        let pool = with_retries(1, 2);
        let poison = pool.apply::<_, ()>(|()| foreign::abort(), ());
        let Err(TaskError::Poisoned { report, attempts: 3 }) = poison else { panic!("{poison:?}") };
        assert!(matches!(report.reason, ExitReason::Signaled { signal: 6, .. }), "{report}");
        assert_eq!(pool.apply(square, 3), Ok(9));
        until_restarts(&pool, 3);
        until_complete(&pool, 1);
    });
}

#[test]
fn every_way_to_end_a_worker_is_told_as_it_is() {
    isolated(|| {
        let pool = pool(1);
        let reason = |result: Result<(), TaskError>| match result {
            Err(TaskError::Died { report }) => report.reason.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(pool.apply(|()| std::process::exit(3), ())), ExitReason::ExitCode(3));
        assert_eq!(reason(pool.apply(|()| std::process::exit(0), ())), ExitReason::UnexpectedExit);
        assert_eq!(reason(pool.apply(|()| foreign::exit_now(5), ())), ExitReason::ExitCode(5));
        // What was caught before is not taken for the cause.
        assert!(matches!(pool.apply::<_, ()>(|()| panic!("caught"), ()), Err(TaskError::Failed { .. })));
        assert!(is_segfault(&reason(pool.apply(|()| foreign::segfault(), ()))));
    });
}

#[test]
fn workers_that_are_killed_while_idle_are_replaced() {
    isolated(|| {
        let pool = pool(2);
        for _ in 0..3 {
            let pids = pool.map(|_: u32| std::process::id(), 0..64).expect("none fails");
            let before = pool.workers();
            kill(pids[0]);
            actor_tests::watch::until("another has its place", || {
                let now = pool.workers();
                now.len() == 2 && now != before
            });
        }
        assert_eq!((pool.apply(square, 4), pool.counts().restarts, pool.counts().failed), (Ok(16), 3, 0));
    });
}

/// Whoever is killed when: each item is done, and none is tried more often than it may be.
#[test]
fn l_03_under_many_kills_every_item_is_done() {
    isolated_and_long(|| {
        let pool = with_retries(2, 50);
        let work = |n: u64| {
            (0..2000).fold(n, |sum, step| std::hint::black_box(sum ^ step));
            n
        };
        let options = MapOptions { chunk_size: Some(50), ..MapOptions::default() };
        let map = options.map_async(&pool, work, 0..50_000);
        let mut chance = actor_tests::chance::Chance::announced();
        let mut kills = 0;
        while !map.is_done() && kills < 40 {
            let pids = pool.pids();
            if !pids.is_empty() {
                let pid = *chance.one_of(&pids);
                kill(pid);
                actor_tests::watch::until("it is dead", || !pool.pids().contains(&pid));
                kills += 1;
            }
        }
        assert_eq!(map.wait().expect("all are done"), (0..50_000).collect::<Vec<_>>());
        assert!(0 < kills);
    });
}
