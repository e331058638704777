//! How single events spread: the middle one, and the one that is worse than 99 of 100.

use std::thread;
use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::{Spawn, StartMethod, node};

use crate::book::{Book, Order, Quote};
use crate::echo::Echo;
use crate::idle::Supervised;
use crate::place::Place;
use crate::{Line, Plan};

/// Long enough for both sides to fall asleep.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) fn run(plan: &Plan) {
    let us = |name, target| Line { name, unit: "us", target };
    plan.case([us("call, hot, p50", "<= 0.8"), us("call, hot, p99", "<= 2")], hot_calls);
    let times = |name| Line { name, unit: "x", target: "<= 1.1" };
    let lines = [
        us("call, one cpu, p50", ""),
        us("pipe, one cpu, p50", ""),
        times("call / pipe, one cpu"),
        us("call, one cpu, after a pause, p50", ""),
        us("pipe, one cpu, after a pause, p50", ""),
        times("call / pipe, one cpu, after a pause"),
    ];
    plan.case(lines, || joined(cold_calls(Place::OneCpu, || {}), cold_calls(Place::OneCpu, pause)));
    let lines = [
        us("call, two cpus, after a pause, p50", ""),
        us("pipe, two cpus, after a pause, p50", ""),
        times("call / pipe, two cpus, after a pause"),
    ];
    plan.case(lines, || cold_calls(Place::TwoCpus, pause));
    let lines = [us("spawn to ready, zygote, p50", "<= 200"), us("spawn to ready, zygote, p99", "")];
    plan.case(lines, || spawns(StartMethod::Zygote));
    let lines = [us("spawn to ready, exec, p50", "<= 1100"), us("spawn to ready, exec, p99", "")];
    plan.case(lines, || spawns(StartMethod::Exec));
    let lines = [us("kill to next message handled, p50", "<= 300"), us("kill to next message handled, p99", "")];
    plan.case(lines, restarts);
}

pub(crate) fn time<R>(event: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    event();
    start.elapsed()
}

/// The value below which this part of the samples lies, in microseconds.
pub(crate) fn quantile(samples: &mut [Duration], part: f64) -> f64 {
    samples.sort();
    let at = ((samples.len() - 1) as f64 * part).round() as usize;
    samples[at].as_secs_f64() * 1e6
}

fn middle_and_bad(mut samples: Vec<Duration>) -> [f64; 2] {
    [quantile(&mut samples, 0.5), quantile(&mut samples, 0.99)]
}

fn hot_calls() -> [f64; 2] {
    let book = Book { quantity: 0 }.spawn().expect("an actor");
    let order = Order { id: 1, account: 2, price: 0.5, quantity: 1, symbol: "ACTR".into() };
    book.place(order).send().expect("room");
    assert_eq!(book.total().wait().expect("a reply"), 1);
    let samples = (0..100_000).map(|_| time(|| book.echo(Quote::SOME).wait().expect("a reply"))).collect();
    book.stop().expect("an end");
    middle_and_bad(samples)
}

/// Both sides are asleep when it is their turn: on one CPU always, and on two after a pause.
fn pause() {
    thread::park_timeout(PAUSE);
}

/// In turn, so that what else the machine does happens to both. Left to itself, the scheduler puts
/// either pair on one CPU or on two as it likes, which makes more of a difference than all else.
fn cold_calls(place: Place, pause: fn()) -> [f64; 3] {
    let book = Book { quantity: 0 }.spawn().expect("an actor");
    let mut echo = Echo::start();
    let _pinned = place.pin([book.process().wait().expect("a reply"), echo.process.pid()]);
    let (mut calls, mut asks) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        pause();
        calls.push(time(|| book.echo(Quote::SOME).wait().expect("a reply")));
        pause();
        asks.push(time(|| echo.ask()));
    }
    book.stop().expect("an end");
    let (call, ask) = (quantile(&mut calls, 0.5), quantile(&mut asks, 0.5));
    [call, ask, call / ask]
}

fn joined([a, b, c]: [f64; 3], [d, e, f]: [f64; 3]) -> [f64; 6] {
    [a, b, c, d, e, f]
}

fn nothing((): ()) {}

fn spawns(method: StartMethod) -> [f64; 2] {
    node::set_start_method(method);
    let spawn = || Process::spawn(nothing, ()).expect("a process");
    spawn().join().expect("an end");
    let mut samples = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        let process = spawn();
        samples.push(start.elapsed());
        process.join().expect("an end");
    }
    node::set_start_method(StartMethod::Zygote);
    middle_and_bad(samples)
}

fn restarts() -> [f64; 2] {
    let supervised = Supervised::start();
    middle_and_bad((0..200).map(|_| time(|| supervised.kill_and_ask())).collect())
}
