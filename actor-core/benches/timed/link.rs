//! Links and monitors: what it takes to have them, and to be told.

use std::time::Duration;

use actor_core::link::{Monitor, link, monitor, unlink};
use actor_core::prelude::*;
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::idle::{Crowd, Idle};

/// For what stands behind many others.
const PATIENCE: Duration = Duration::from_secs(60);

/// An actor that is killed when it is dropped, if it still lives.
struct Target(ActorRef<Idle>);

impl Target {
    fn new() -> Target {
        Target(Idle.spawn().expect("an actor"))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.0.kill());
    }
}

/// What is made is dropped afterwards, and not measured.
#[divan::bench(sample_size = 1000, sample_count = 100)]
fn monitor_set_up(bencher: Bencher<'_, '_>) {
    let target = Target::new();
    bencher.bench_local(|| monitor(target.0).expect("a monitor"));
}

#[divan::bench(sample_size = 100, sample_count = 20)]
fn link_and_unlink(bencher: Bencher<'_, '_>) {
    let target = Target::new();
    bencher.bench_local(|| {
        link(target.0).expect("a link");
        unlink(target.0).expect("none");
    });
}

/// From the request that kills an actor to the notice.
#[divan::bench(sample_size = 1, sample_count = 100)]
fn kill_to_down(bencher: Bencher<'_, '_>) {
    let watched = || {
        let target = Target::new();
        let monitor = monitor(target.0).expect("a monitor");
        (target, monitor)
    };
    bencher.with_inputs(watched).bench_local_values(|(target, monitor)| {
        target.0.kill().expect("an end");
        monitor.wait_timeout(PATIENCE).expect("a notice");
        target
    });
}

#[divan::bench(sample_size = 1, sample_count = 5)]
fn answer_100000_monitors(bencher: Bencher<'_, '_>) {
    const COUNT: usize = 100_000;
    let watched = || {
        let target = Target::new();
        let monitors: Vec<Monitor> = (0..COUNT).map(|_| monitor(target.0).expect("a monitor")).collect();
        (target, monitors)
    };
    bencher.counter(ItemsCount::new(COUNT)).with_inputs(watched).bench_local_values(|(target, monitors)| {
        target.0.kill().expect("an end");
        monitors.iter().for_each(|monitor| drop(monitor.wait_timeout(PATIENCE).expect("a notice")));
        (target, monitors)
    });
}

/// One is killed, and all the others end with it.
#[divan::bench(sample_size = 1, sample_count = 5)]
fn end_of_a_ring_of_100(bencher: Bencher<'_, '_>) {
    const COUNT: usize = 100;
    let ring = || {
        let crowd = Crowd::spawn(COUNT);
        for (at, actor) in crowd.0.iter().enumerate() {
            let next = crowd.0[(at + 1) % COUNT].incarnation().expect("it is up");
            actor.befriend(next.into()).wait().expect("a link");
        }
        let monitors: Vec<Monitor> = crowd.0.iter().map(|actor| actor.monitor().expect("a monitor")).collect();
        (crowd, monitors)
    };
    bencher.counter(ItemsCount::new(COUNT)).with_inputs(ring).bench_local_values(|(crowd, monitors)| {
        crowd.0[0].kill().expect("an end");
        monitors.iter().for_each(|monitor| drop(monitor.wait_timeout(PATIENCE).expect("a notice")));
        (crowd, monitors)
    });
}
