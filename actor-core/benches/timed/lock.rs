//! Locks: what a pair of calls costs whom nobody disturbs, and what two get done who want the same.

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::shared::Shared;
use actor_core::sync::{Lock, Mutex, RwLock};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Additions of each of two processes in a round: some tenths of a second.
const EACH: u64 = 1_000_000;

#[divan::bench(sample_size = 10_000, sample_count = 100)]
fn acquire_and_release(bencher: Bencher<'_, '_>) {
    let lock = Lock::new().expect("a lock");
    bencher.bench_local(|| {
        lock.acquire().expect("it is free");
        lock.release().expect("it is ours");
    });
}

#[divan::bench(sample_size = 10_000, sample_count = 100)]
fn lock_and_unlock(bencher: Bencher<'_, '_>) {
    let mutex = Mutex::new(0_u64).expect("a mutex");
    bencher.bench_local(|| *mutex.lock().expect("it is free") += 1);
}

#[divan::bench(sample_size = 10_000, sample_count = 100)]
fn read(bencher: Bencher<'_, '_>) {
    let lock = RwLock::new(0_u64).expect("a lock");
    bencher.bench_local(|| *lock.read().expect("nobody writes"));
}

fn add((total, begin): (Shared<u64>, Queue<()>)) {
    begin.send(()).expect("somebody waits for this");
    (0..EACH).for_each(|_| total.update(|total| *total += 1).expect("nobody dies"));
}

/// The other one has begun when this one does.
#[divan::bench(sample_size = 1, sample_count = 20)]
fn two_add_to_one(bencher: Bencher<'_, '_>) {
    let prepare = || {
        let (total, begin) = (Shared::new(0_u64).expect("a value"), Queue::bounded(1).expect("a queue"));
        let other = Process::spawn(add, (total.clone(), begin.clone())).expect("a process");
        begin.recv().expect("it has begun");
        (total, begin, other)
    };
    bencher.counter(ItemsCount::new(2 * EACH)).with_inputs(prepare).bench_local_values(|(total, begin, other)| {
        (0..EACH).for_each(|_| total.update(|total| *total += 1).expect("nobody dies"));
        other.join().expect("its end");
        assert_eq!(total.get().expect("nobody dies"), 2 * EACH);
        total.close();
        begin.close(Close::Now);
    });
}
