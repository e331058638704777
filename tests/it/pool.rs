//! Pools: tasks that come back, and workers that do not.

mod deaths;
mod ends;
mod lazy;
mod lives;
mod maps;
mod priorities;
mod tasks;

use std::time::Duration;

use actor_core::pool::{Options, Pool};

use crate::harness::isolated_for_both;

/// How long a worker may take to be replaced on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);

fn pool(workers: usize) -> Pool {
    Pool::new(workers).expect("there is room for a pool")
}

fn started(options: Options) -> Pool {
    options.start().expect("there is room for a pool")
}

fn square(n: u64) -> u64 {
    n * n
}

/// Waits until as many workers live as the pool is to have.
fn until_complete(pool: &Pool, workers: usize) {
    actor_tests::watch::until("the pool has its size", || {
        pool.counts().workers == workers && pool.workers().len() == workers
    });
}

/// Waits until so many workers were started in the place of others.
fn until_restarts(pool: &Pool, restarts: u64) {
    actor_tests::watch::until("the dead are replaced", || pool.counts().restarts == restarts);
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let pool = pool(2);
        assert_eq!(pool.apply(square, 7), Ok(49));
        assert_eq!(pool.map(square, 0..10).expect("none fails"), (0..10).map(square).collect::<Vec<_>>());
        let counts = pool.counts();
        assert_eq!((counts.submitted, counts.done, counts.failed, counts.workers), (11, 11, 0, 2));
    });
}
