//! Pools: one task there and back, and many small ones at once.

use actor_core::pool::{MapOptions, Pool, Priority, TaskOptions};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Tasks of a map.
const ITEMS: u64 = 10_000;

fn next(n: u64) -> u64 {
    n + 1
}

fn pool(workers: usize) -> Pool {
    let pool = Pool::new(workers).expect("a pool");
    // Awake, and with its memory touched.
    pool.map(next, 0..ITEMS).expect("none fails");
    pool
}

#[divan::bench(sample_size = 1000, sample_count = 100)]
fn apply(bencher: Bencher<'_, '_>) {
    let pool = pool(1);
    bencher.bench_local(|| pool.apply(next, 1).expect("it returns"));
}

/// What it costs that some task was urgent once: each look is at a queue more.
#[divan::bench(sample_size = 1000, sample_count = 100)]
fn apply_urgently(bencher: Bencher<'_, '_>) {
    let (pool, options) = (pool(1), TaskOptions { priority: Priority::High, ..TaskOptions::default() });
    bencher.bench_local(|| options.submit(&pool, next, 1).expect("there is room").wait().expect("it returns"));
}

#[divan::bench(args = [None, Some(1)], sample_size = 1, sample_count = 50)]
fn map(bencher: Bencher<'_, '_>, chunk_size: Option<usize>) {
    let (pool, options) = (pool(2), MapOptions { chunk_size, ..MapOptions::default() });
    let bencher = bencher.counter(ItemsCount::new(ITEMS));
    bencher.bench_local(|| options.map(&pool, next, 0..ITEMS).expect("none fails"));
}
