//! One function for many items.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use actor_core::pool::{MapOptions, Options, Progress, TaskError};
use futures::executor::block_on;

use super::{pool, square, started};
use crate::harness::isolated;

fn chunks_of(size: usize) -> MapOptions<'static> {
    MapOptions { chunk_size: Some(size), ..MapOptions::default() }
}

#[test]
fn l_01_a_map_over_ten_thousand_items_is_what_a_loop_gives() {
    isolated(|| {
        let pool = pool(2);
        let expected: Vec<u64> = (0..10_000).map(square).collect();
        assert_eq!(pool.map(square, 0..10_000).expect("none fails"), expected);
        for size in [1, 20, 100_000] {
            assert_eq!(
                chunks_of(size).map(&pool, square, 0..10_000).expect("none fails"),
                expected,
                "chunks of {size}"
            );
        }
        // One that does not know its length.
        let even: Vec<u64> = (0..1000).filter(|n| n % 2 == 0).map(square).collect();
        assert_eq!(pool.map(square, (0..1000).filter(|n| n % 2 == 0)).expect("none fails"), even);
    });
}

/// A chunk is a task, so where each worker does one task each chunk has a process of its own.
#[test]
fn without_a_size_there_are_four_chunks_for_each_worker() {
    isolated(|| {
        let pool = started(Options { workers: 2, max_tasks_per_worker: Some(1), ..Options::default() });
        let pids = pool.map(|_: u32| std::process::id(), 0..100).expect("none fails");
        let chunks: Vec<usize> = pids.chunk_by(|one, next| one == next).map(<[u32]>::len).collect();
        assert_eq!(chunks, [13, 13, 13, 13, 13, 13, 13, 9]);
    });
}

#[test]
fn l_02_an_item_that_fails_fails_alone() {
    isolated(|| {
        let pool = pool(2);
        let picky = |n: u64| if n == 7 { panic!("not {n}") } else { n };
        for size in [1, 5, 100] {
            let error = chunks_of(size).map(&pool, picky, 0..100).expect_err("one fails");
            let Some((7, TaskError::Failed { message, location })) = error.first() else { panic!("{error:?}") };
            assert!(message == "not 7" && location.contains("maps.rs"), "{error}");
            let values: Vec<u64> = error.results.into_iter().filter_map(Result::ok).collect();
            assert_eq!(values, (0..100).filter(|n| *n != 7).collect::<Vec<_>>());
        }
    });
}

#[test]
fn items_that_cannot_be_sent_fail_alone() {
    isolated(|| {
        let pool = pool(2);
        let items = (0..20_u32).map(|n| if n % 3 == 1 { Some(()) } else { None });
        for size in [1, 4, 100] {
            let error =
                chunks_of(size).map(&pool, |it: Option<()>| it.is_none(), items.clone()).expect_err("some fail");
            let failed: Vec<usize> = (0..20).filter(|at| error.results[*at].is_err()).collect();
            assert_eq!(failed, [1, 4, 7, 10, 13, 16, 19]);
        }
        assert_eq!(pool.counts().done, 39);
    });
}

#[test]
fn results_that_cannot_be_sent_fail_alone() {
    isolated(|| {
        let pool = pool(2);
        let error = pool.map(|n: u32| if n == 3 { Some(()) } else { None }, 0..20).expect_err("one fails");
        let failed: Vec<usize> = (0..20).filter(|at| error.results[*at].is_err()).collect();
        assert_eq!(failed, [3]);
    });
}

#[test]
fn nothing_to_be_mapped_is_an_empty_result_at_once() {
    isolated(|| {
        let pool = pool(1);
        assert_eq!(pool.map(square, []).expect("none fails"), Vec::<u64>::new());
        let mut handle = pool.map_async(square, std::iter::empty());
        assert!(handle.is_done() && handle.try_wait().is_some_and(|results| results.is_ok_and(|all| all.is_empty())));
    });
}

#[test]
fn an_input_that_panics_is_the_callers_panic_and_leaves_the_pool_as_it_was() {
    isolated(|| {
        let pool = pool(1);
        let input = |n: u64| if n == 50 { panic!("no more") } else { n };
        let map = || chunks_of(1).map(&pool, square, (0..100).map(input));
        std::panic::set_hook(Box::new(|_| {}));
        let caught = catch_unwind(AssertUnwindSafe(map)).expect_err("the input panics");
        assert_eq!(caught.downcast_ref(), Some(&"no more"));
        assert_eq!(pool.map(square, 0..3).expect("none fails"), [0, 1, 4]);
        pool.join();
    });
}

#[test]
fn a_map_that_takes_too_long_is_stopped_for_real() {
    isolated(|| {
        let pool = pool(2);
        let stuck = |n: u32| {
            if n == 3 {
                std::thread::park()
            }
        };
        let options = chunks_of(1);
        let error = pool.map_timeout(stuck, 0..8, Duration::from_secs(2)).expect_err("one does not end");
        assert!(matches!(error.results[3], Err(TaskError::TimedOut { report: Some(_) })), "{error:?}");
        assert!(error.results.iter().enumerate().all(|(at, result)| at == 3 || result.is_ok()), "{error:?}");
        assert_eq!(options.map(&pool, square, 0..3).expect("none fails"), [0, 1, 4]);
    });
}

#[test]
fn the_time_limit_of_items_stops_one_and_the_rest_of_its_chunk_is_done() {
    isolated(|| {
        let pool = pool(2);
        let stuck = |n: u32| {
            if n % 10 == 3 {
                std::thread::park();
            }
            n
        };
        let mut options = chunks_of(10);
        options.task.timeout = Some(Duration::from_secs(1));
        let error = options.map(&pool, stuck, 0..20).expect_err("two do not end");
        for (at, result) in error.results.into_iter().enumerate() {
            match at % 10 {
                3 => assert!(matches!(result, Err(TaskError::TimedOut { report: Some(_) })), "{result:?}"),
                _ => assert_eq!(result, Ok(at as u32)),
            }
        }
    });
}

#[test]
fn progress_is_told_to_the_end() {
    isolated(|| {
        let pool = pool(2);
        let told = Cell::new(Vec::new());
        let note = |progress: Progress| {
            let mut all = told.take();
            all.push(progress);
            told.set(all);
        };
        let options = MapOptions { chunk_size: Some(7), progress: Some(&note), ..MapOptions::default() };
        assert!(options.map(&pool, |n: u32| assert!(n != 40), 0..100).is_err());
        let told = told.take();
        assert!(told.is_sorted_by_key(|progress| progress.done));
        assert_eq!(told.last(), Some(&Progress { done: 100, failed: 1, total: 100 }));
    });
}

#[test]
fn maps_are_futures_and_can_be_given_up() {
    isolated(|| {
        let pool = pool(2);
        let both = futures::future::join(pool.map_async(square, 0..100), pool.map_async(square, 100..200));
        let (first, second) = block_on(both);
        assert_eq!(
            [first.expect("none fails"), second.expect("none fails")].concat(),
            (0..200).map(square).collect::<Vec<_>>()
        );
        let stuck = chunks_of(1).map_async(&pool, |_: u32| std::thread::park(), 0..10);
        stuck.kill();
        let error = stuck.wait().expect_err("none is done");
        assert!(error.results.iter().all(|result| *result == Err(TaskError::Cancelled)), "{error:?}");
        assert_eq!(pool.apply(square, 2), Ok(4));
    });
}
