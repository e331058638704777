//! Typed casts and calls between two processes.

use std::time::{Duration, Instant};

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Plan, millions, quantile};

/// A small message as applications have them: 57 bytes encoded.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    id: u64,
    account: u64,
    price: f64,
    quantity: u32,
    symbol: String,
}

/// Counts what it gets.
#[derive(Actor, Serialize, Deserialize)]
struct Book {
    orders: u64,
}

#[handlers]
impl Book {
    #[cast]
    fn place(&mut self, order: Order) {
        self.orders += u64::from(order.quantity);
    }

    #[call]
    fn total(&mut self) -> u64 {
        self.orders
    }

    #[call]
    fn echo(&mut self, text: [u8; 32]) -> [u8; 32] {
        text
    }
}

pub(crate) fn run(plan: &Plan) {
    plan.case("cast small struct", "M/s", ">= 8", || casts(plan.count(3_000_000)));
    plan.pair(["call hot p50", "call hot p99"], "us", ["<= 0.8", "<= 2"], || {
        calls(plan.count(200_000), Duration::ZERO)
    });
    plan.pair(["call cold p50", "call cold p99"], "us", ["<= 1.1 x pipe (2 or 58)", ""], || {
        calls(plan.count(1000), Duration::from_millis(1))
    });
}

fn casts(count: usize) -> f64 {
    let book = Book { orders: 0 }.spawn().expect("an actor");
    let order = Order { id: 1 << 40, account: 99, price: 1.25, quantity: 1, symbol: "ACTR.PROC".into() };
    book.place(order.clone()).send().expect("room");
    let start = Instant::now();
    for _ in 1..count {
        book.place(order.clone()).send().expect("room");
    }
    assert_eq!(book.total().timeout(Duration::from_secs(60)).wait().expect("a total"), count as u64);
    let rate = millions(count, start);
    book.stop().expect("an end");
    rate
}

/// The median and the 99th percentile of calls with a pause between them.
fn calls(count: usize, pause: Duration) -> [f64; 2] {
    let book = Book { orders: 0 }.spawn().expect("an actor");
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        if !pause.is_zero() {
            std::thread::park_timeout(pause);
        }
        let start = Instant::now();
        book.echo([7; 32]).wait().expect("a reply");
        samples.push(start.elapsed());
    }
    book.stop().expect("an end");
    [quantile(&mut samples, 0.5), quantile(&mut samples, 0.99)]
}
