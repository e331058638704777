//! Which of the pending tasks begins first, and that none is forgotten.

use actor_core::pool::{MapOptions, Options, Pool, Priority, TaskHandle, TaskOptions};
use actor_core::queue::{Close, Queue};
use actor_tests::watch::{self, Seen};
use rustix::process::{Pid, Signal, kill_process};

use super::{pool, square, started, until_complete};
use crate::harness::{isolated, isolated_and_long, isolated_for_both};

const ALL: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];

fn with(priority: Priority) -> TaskOptions {
    TaskOptions { priority, ..TaskOptions::default() }
}

/// A queue, and a worker of this pool that does nothing else until something is sent there.
fn engage(pool: &Pool) -> (Queue<()>, TaskHandle<()>) {
    let gate = Queue::bounded(1).expect("there is room for a queue");
    let wait = |gate: Queue<()>| gate.recv().unwrap_or(());
    let task = pool.submit(wait, gate.clone()).expect("there is room");
    watch::until("the worker has begun", || pool.counts().running == 1);
    (gate, task)
}

#[test]
fn more_urgent_tasks_begin_first_and_equal_ones_in_order() {
    isolated_for_both(|| {
        let pool = pool(1);
        let (gate, engaged) = engage(&pool);
        let begun = Queue::bounded(100).expect("there is room for a queue");
        let note = |(begun, n): (Queue<u32>, u32)| begun.send(n).is_ok();
        let mut tasks = Vec::new();
        for n in 0..30 {
            let priority = ALL[n as usize % 3];
            tasks.push(with(priority).submit(&pool, note, (begun.clone(), n)).expect("there is room"));
        }
        // The chunks of a map are tasks like any other.
        let options = MapOptions { task: with(Priority::High), ..MapOptions::default() };
        let map = options.map_async(&pool, note, (30..40).map(|n| (begun.clone(), n)));
        gate.send(()).expect("there is room");
        assert_eq!(engaged.wait(), Ok(()));
        assert!(tasks.into_iter().all(|task| task.wait() == Ok(true)));
        assert_eq!(map.wait().expect("none fails").len(), 10);
        let order: Vec<u32> = std::iter::from_fn(|| begun.try_recv().ok()).collect();
        let every_third = |first: u32| (first..30).step_by(3);
        assert_eq!(order, every_third(2).chain(30..40).chain(every_third(1)).chain(every_third(0)).collect::<Vec<_>>());
        gate.close(Close::Now);
        begun.close(Close::Now);
    });
}

#[test]
fn a_task_of_any_priority_wakes_a_worker_that_sleeps() {
    isolated(|| {
        let pool = pool(2);
        for n in 0..60 {
            let sleeps = |pid: &u32| Seen::of(*pid).is_some_and(|seen| seen.state == 'S');
            watch::until("both workers sleep", || pool.pids().iter().all(sleeps));
            let task = with(ALL[n as usize % 3]).submit(&pool, square, n).expect("there is room");
            assert_eq!(task.wait(), Ok(n * n));
        }
    });
}

/// What is more urgent has no room of its own.
#[test]
fn room_for_pending_tasks_is_the_same_for_all() {
    isolated(|| {
        let pool = started(Options { workers: 1, max_pending: 4, ..Options::default() });
        let (gate, engaged) = engage(&pool);
        let tasks: Vec<_> =
            (1..4).map(|n| with(Priority::Low).submit(&pool, square, n).expect("there is room")).collect();
        let refused = pool.try_submit(square, 4).map(drop);
        assert_eq!(refused, Err(actor_core::pool::SubmitError::Full));
        gate.send(()).expect("there is room");
        assert_eq!(engaged.wait(), Ok(()));
        assert_eq!(with(Priority::High).submit(&pool, square, 4).expect("there is room").wait(), Ok(16));
        assert_eq!(tasks.into_iter().map(|task| task.wait()).collect::<Vec<_>>(), [Ok(1), Ok(4), Ok(9)]);
        gate.close(Close::Now);
    });
}

#[test]
fn a_pool_that_is_closed_does_its_tasks_of_every_priority() {
    isolated(|| {
        let pool = pool(1);
        let (gate, engaged) = engage(&pool);
        let tasks = ALL.map(|priority| with(priority).submit(&pool, square, 9).expect("there is room"));
        pool.close();
        gate.send(()).expect("there is room");
        pool.join();
        assert_eq!(engaged.wait(), Ok(()));
        assert!(tasks.into_iter().all(|task| task.wait() == Ok(81)));
        gate.close(Close::Now);
    });
}

#[test]
fn the_death_of_workers_loses_no_task_of_any_priority() {
    isolated_and_long(|| {
        let pool = started(Options { workers: 3, retries: 1000, initializer_retries: 1000, ..Options::default() });
        let mut tasks = Vec::new();
        for n in 0..600 {
            tasks.push((n, with(ALL[n as usize % 3]).submit(&pool, square, n).expect("there is room")));
            if n % 6 == 0
                && let Some(pid) = pool.pids().get(n as usize / 6 % 3).and_then(|pid| Pid::from_raw(*pid as i32))
            {
                // It may have ended meanwhile.
                let _ = kill_process(pid, Signal::KILL);
            }
            if n % 5 == 0 {
                // So that the workers find nothing now and then, and sleep.
                tasks.drain(..).for_each(|(n, task)| assert_eq!(task.wait(), Ok(n * n)));
            }
        }
        tasks.into_iter().for_each(|(n, task)| assert_eq!(task.wait(), Ok(n * n)));
        until_complete(&pool, 3);
    });
}
