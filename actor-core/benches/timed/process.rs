//! Processes: how fast they come, one by one and many at once, and come back.

use actor_core::process::Process;
use actor_core::{StartMethod, node};
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::idle::{Crowd, Supervised};

const METHODS: [StartMethod; 2] = [StartMethod::Zygote, StartMethod::Exec];

#[divan::bench(args = METHODS, sample_size = 1, sample_count = 200)]
fn spawn_to_ready(bencher: Bencher<'_, '_>, method: StartMethod) {
    let _using = Using::method(method);
    bencher.bench_local(|| Joined(Process::spawn(nothing, ()).expect("a process")));
}

#[divan::bench(args = METHODS, sample_size = 1, sample_count = 10)]
fn burst_of_100_actors(bencher: Bencher<'_, '_>, method: StartMethod) {
    let _using = Using::method(method);
    bencher.counter(ItemsCount::new(100usize)).bench_local(|| Crowd::spawn(100));
}

#[divan::bench(args = METHODS, sample_size = 1, sample_count = 5)]
fn burst_of_1000_actors(bencher: Bencher<'_, '_>, method: StartMethod) {
    let _using = Using::method(method);
    bencher.counter(ItemsCount::new(1000usize)).bench_local(|| Crowd::spawn(1000));
}

/// From the request that kills an actor under a supervisor to the answer of its next life.
#[divan::bench(args = METHODS, sample_size = 1, sample_count = 200)]
fn kill_to_next_message(bencher: Bencher<'_, '_>, method: StartMethod) {
    let _using = Using::method(method);
    let supervised = Supervised::start();
    bencher.bench_local(|| supervised.kill_and_ask());
}

fn nothing((): ()) {}

/// Waited for when it is dropped, which takes no measured time.
struct Joined(Process<()>);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.join().expect("an end");
    }
}

/// A way to start processes, and the usual one again when it is dropped.
struct Using;

impl Using {
    fn method(method: StartMethod) -> Using {
        node::set_start_method(method);
        // What is there for good after the first process is there.
        drop(Joined(Process::spawn(nothing, ()).expect("a process")));
        Using
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        node::set_start_method(StartMethod::Zygote);
    }
}
