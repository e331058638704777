//! What it costs that somebody listens: a call out of a span, and an event.
//!
//! A call out of a span is compared with one out of none, in turn, so that what else the machine does happens to
//! both. The subscriber is an ordinary one that writes to nowhere.

use std::sync::Once;
use std::time::Instant;

use actor_core::Spawn;
use actor_core::process::Process;

use crate::book::{Book, Quote};
use crate::spread::{quantile, time};
use crate::{Line, Plan};

/// Calls of one kind before those of the other.
const BLOCK: usize = 500;
const BLOCKS: usize = 100;
/// Fewer than there is room for.
const EVENTS: u64 = 2000;

pub(crate) fn run(plan: &Plan) {
    let us = |name| Line { name, unit: "us", target: "" };
    let lines = [
        us("call, hot, somebody listens, p50"),
        us("call, hot, out of a span, p50"),
        Line { name: "call out of a span / out of none", unit: "x", target: "<= 1.1" },
    ];
    plan.case(lines, calls);
    plan.case([Line { name: "event of an actor", unit: "ns", target: "" }], events);
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
    let log = |count: u64| {
        tracing::info!(number = 0, "the first one");
        let begin = Instant::now();
        for number in 0..count {
            tracing::info!(number, "an event");
        }
        begin.elapsed().as_nanos() as f64 / count as f64
    };
    [Process::spawn(log, EVENTS).expect("a process").join().expect("an end")]
}
