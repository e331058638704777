//! What it costs that somebody listens: a call out of a span, an event, and many while the node is stopped.
//!
//! A call out of a span is compared with one out of none, in turn, so that what else the machine does happens to
//! both. The subscriber is an ordinary one that writes to nowhere.

use std::sync::Once;
use std::time::Instant;

use actor_core::Spawn;
use actor_core::process::Process;

use rustix::process::{Pid, Signal, getppid, kill_process};

use crate::book::{Book, Quote};
use crate::spread::{quantile, time};
use crate::{Line, Plan};

/// Calls of one kind before those of the other.
const BLOCK: usize = 500;
const BLOCKS: usize = 100;
/// Fewer than there is room for.
const EVENTS: u64 = 2000;
/// Many more.
const MANY: u64 = 1_000_000;

pub(crate) fn run(plan: &Plan) {
    let us = |name| Line { name, unit: "us", target: "" };
    let lines = [
        us("call, hot, somebody listens, p50"),
        us("call, hot, out of a span, p50"),
        Line { name: "call out of a span / out of none", unit: "x", target: "<= 1.1" },
    ];
    plan.case(lines, calls);
    plan.case([Line { name: "event of an actor", unit: "ns", target: "" }], events);
    plan.case([Line { name: "1e6 events, node stopped", unit: "ms", target: "< 1000" }], unheard);
}

fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| tracing_subscriber::fmt().with_writer(std::io::sink).init());
}

fn calls() -> [f64; 3] {
    listen();
    let book = Book { quantity: 0 }.spawn().expect("an actor");
    let call = || time(|| book.echo(Quote::SOME).wait().expect("a reply"));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        without.extend((0..BLOCK).map(|_| call()));
        let _span = tracing::info_span!("request", id = 7).entered();
        with.extend((0..BLOCK).map(|_| call()));
    }
    book.stop().expect("an end");
    let (without, with) = (quantile(&mut without, 0.5), quantile(&mut with, 0.5));
    [without, with, with / without]
}

fn events() -> [f64; 1] {
    listen();
    [Process::spawn(log, EVENTS).expect("a process").join().expect("an end") / EVENTS as f64]
}

/// In nanoseconds.
fn log(count: u64) -> f64 {
    tracing::info!(number = 0, "the first one");
    let begin = Instant::now();
    for number in 0..count {
        tracing::info!(number, "an event");
    }
    begin.elapsed().as_nanos() as f64
}

fn unheard() -> [f64; 1] {
    listen();
    let alone = |count: u64| {
        let node = getppid().expect("the node is there");
        kill_process(node, Signal::STOP).expect("it is ours");
        while !is_stopped(node) {
            std::thread::yield_now();
        }
        let took = log(count);
        kill_process(node, Signal::CONT).expect("it is there");
        took / 1e6
    };
    [Process::spawn(alone, MANY).expect("a process").join().expect("an end")]
}

fn is_stopped(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}
