//! Results as they come, of inputs that may be endless.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use actor_core::pool::{MapOptions, TaskError};
use actor_core::queue::{Close, Queue};
use actor_tests::watch::until;
use futures::StreamExt;
use futures::executor::block_on;

use super::{pool, square};
use crate::harness::isolated;

#[test]
fn l_10_of_an_endless_input_no_more_is_read_than_the_look_ahead() {
    isolated(|| {
        let pool = pool(2);
        for (chunk, look_ahead) in [(1, None), (3, None), (4, Some(10))] {
            let read = Cell::new(0);
            let input = (0..).inspect(|_| read.set(read.get() + 1));
            let options = MapOptions { chunk_size: Some(chunk), look_ahead, ..MapOptions::default() };
            let mut squares = options.imap(&pool, square, input);
            assert_eq!(read.get(), 0, "nothing is read before it is asked for");
            let most = look_ahead.unwrap_or(4 * 2 * chunk) as u64;
            for n in 0..100 {
                assert_eq!(squares.next(), Some(Ok(n * n)));
                assert!(read.get() <= n + most, "{} were read for {n}", read.get());
            }
        }
    });
}

#[test]
fn a_finite_input_gives_all_results_in_order_and_then_none() {
    isolated(|| {
        let pool = pool(2);
        let options = MapOptions { chunk_size: Some(7), ..MapOptions::default() };
        let mut squares = options.imap(&pool, square, 0..1000);
        assert!(squares.by_ref().map(|result| result.expect("none fails")).eq((0..1000).map(square)));
        assert_eq!((squares.next(), squares.next()), (None, None));
        assert_eq!(pool.imap(square, []).next(), None);
    });
}

#[test]
fn a_result_that_is_not_there_in_time_comes_later() {
    isolated(|| {
        let (pool, gate) = (pool(1), Queue::bounded(1).expect("there is room for a queue"));
        let wait = |gate: Queue<u32>| gate.recv().expect("somebody sends");
        let mut results = pool.imap(wait, vec![gate.clone(); 3]);
        for sent in [7, 8] {
            assert_eq!(results.try_next(), None);
            let begin = Instant::now();
            assert_eq!(results.next_timeout(Duration::from_millis(50)), None);
            assert!(Duration::from_millis(50) <= begin.elapsed());
            gate.send(sent).expect("there is room");
            assert_eq!(results.next_deadline(Instant::now() + super::SOON), Some(Some(Ok(sent))));
        }
        gate.send(9).expect("there is room");
        until("who only asks is given it", || results.try_next().is_some_and(|next| next == Some(Ok(9))));
        assert_eq!((results.try_next(), results.next_timeout(super::SOON)), (Some(None), Some(None)));
        gate.close(Close::Now);
    });
}

/// The first item is not done before all others were given.
#[test]
fn unordered_results_come_as_soon_as_they_are_there() {
    isolated(|| {
        let (pool, gate) = (pool(2), Queue::<u64>::bounded(1).expect("there is room for a queue"));
        let work = |(n, gate): (u64, Queue<u64>)| if n == 0 { gate.recv().unwrap_or(0) } else { n };
        let mut results = pool.imap_unordered(work, (0..8).map(|n| (n, gate.clone())));
        let mut others: Vec<u64> = results.by_ref().take(7).map(|result| result.expect("none fails")).collect();
        others.sort_unstable();
        assert_eq!(others, (1..8).collect::<Vec<_>>());
        gate.send(100).expect("there is room");
        assert_eq!((results.next(), results.next()), (Some(Ok(100)), None));
        gate.close(Close::Now);
    });
}

#[test]
fn an_item_that_fails_is_one_result_among_the_others() {
    isolated(|| {
        let pool = pool(2);
        let picky = |n: u64| if n == 5 { panic!("not this one") } else { n };
        for (n, result) in pool.imap(picky, 0..10).enumerate() {
            match n {
                5 => assert!(matches!(result, Err(TaskError::Failed { .. })), "{result:?}"),
                n => assert_eq!(result, Ok(n as u64)),
            }
        }
        let sent = pool.imap(|it: Option<()>| it.is_none(), [None, Some(()), None]);
        assert_eq!(sent.map(|result| result.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    });
}

#[test]
fn an_input_that_panics_is_the_callers_panic_and_leaves_the_pool_as_it_was() {
    isolated(|| {
        let pool = pool(1);
        std::panic::set_hook(Box::new(|_| {}));
        for is_ordered in [true, false] {
            let input = (0..).map(|n| if n == 10 { panic!("no more") } else { n });
            let count = |results: &mut dyn Iterator<Item = _>| results.filter(Result::is_ok).count();
            let caught = catch_unwind(AssertUnwindSafe(|| match is_ordered {
                true => count(&mut pool.imap(square, input)),
                false => count(&mut pool.imap_unordered(square, input)),
            }));
            assert_eq!(caught.expect_err("the input panics").downcast_ref(), Some(&"no more"));
        }
        assert_eq!(pool.apply(square, 3), Ok(9));
        pool.join();
    });
}

#[test]
fn results_are_streams() {
    isolated(|| {
        let pool = pool(2);
        let squares: Vec<_> = block_on(pool.imap(square, 0..).stream().take(50).collect());
        assert_eq!(squares, (0..50).map(|n| Ok(n * n)).collect::<Vec<_>>());
        let mut unordered: Vec<_> = block_on(pool.imap_unordered(square, 0..50).stream().collect());
        unordered.sort_unstable_by_key(|result| result.clone().unwrap_or_default());
        assert_eq!(unordered, squares);
    });
}

#[test]
fn a_closed_pool_ends_the_results_with_an_error() {
    isolated(|| {
        let pool = pool(1);
        pool.close();
        let mut results = pool.imap(square, 0..);
        assert!(matches!(results.next(), Some(Err(TaskError::NotSubmitted(_)))));
        assert!(results.count() < 10);
    });
}
