//! Casts and calls to an actor: typed ones, and casts of bytes, which are as near to the raw mailbox
//! as a user comes.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actor_core::prelude::*;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::book::{Book, Order, Quote};
use crate::senders::{Briefed, Senders};
use crate::{PAUSE, SIZES, messages};

/// For what stands behind many others.
const PATIENCE: Duration = Duration::from_secs(60);

#[divan::bench(sample_size = 1, sample_count = 20)]
fn typed_casts(bencher: Bencher<'_, '_>) {
    const COUNT: u64 = 500_000;
    bencher
        .counter(ItemsCount::new(COUNT))
        .with_inputs(|| (Living::of(Book { quantity: 0 }), order()))
        .bench_local_values(|(book, order)| {
            for _ in 0..COUNT {
                book.0.place(order.clone()).send().expect("room");
            }
            assert_eq!(book.0.total().timeout(PATIENCE).wait().expect("a total"), COUNT);
            book
        });
}

/// What the sender has to do with it.
#[divan::bench(sample_size = 1, sample_count = 300)]
fn typed_cast_cold(bencher: Bencher<'_, '_>) {
    let book = Living::of(Book { quantity: 0 });
    let asleep = || {
        book.0.total().wait().expect("it has taken the last one");
        thread::park_timeout(PAUSE);
        order()
    };
    bencher.with_inputs(asleep).bench_local_values(|order| book.0.place(order).send().expect("room"));
}

#[divan::bench(sample_size = 1000, sample_count = 100)]
fn typed_call_hot(bencher: Bencher<'_, '_>) {
    let book = Living::of(Book { quantity: 0 });
    bencher.bench_local(|| book.0.echo(Quote::SOME).wait().expect("a reply"));
}

/// As `peers::pipe_there_and_back_cold`; `figures` has both in turn.
#[divan::bench(sample_size = 1, sample_count = 300)]
fn typed_call_cold(bencher: Bencher<'_, '_>) {
    let book = Living::of(Book { quantity: 0 });
    let asleep = || thread::park_timeout(PAUSE);
    bencher.with_inputs(asleep).bench_local_values(|()| book.0.echo(Quote::SOME).wait().expect("a reply"));
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 20)]
fn bytes_1_to_1(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, 1, 1);
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 20)]
fn bytes_4_to_1(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, 4, 1);
}

#[divan::bench(args = SIZES, sample_size = 1, sample_count = 20)]
fn bytes_4_to_4(bencher: Bencher<'_, '_>, size: usize) {
    measure(bencher, size, 4, 4);
}

fn order() -> Order {
    Order { id: 1 << 40, account: 99, price: 1.25, quantity: 1, symbol: "ACTR.PROC".into() }
}

/// An actor, until this is dropped.
struct Living<A: Actor>(ActorRef<A>);

impl<A: Actor<Args = A>> Living<A> {
    fn of(actor: A) -> Living<A> {
        Living(actor.spawn().expect("an actor"))
    }
}

impl<A: Actor> Drop for Living<A> {
    fn drop(&mut self) {
        self.0.stop().expect("an end");
    }
}

/// Takes bytes, and has no use for them.
#[derive(Actor, Serialize, Deserialize)]
#[actor(max_message = "2MiB")]
struct Sink {
    taken: u64,
}

#[handlers]
impl Sink {
    #[cast]
    fn take(&mut self, _bytes: Bytes) {
        self.taken += 1;
    }

    #[call]
    fn taken(&self) -> u64 {
        self.taken
    }
}

/// Bytes that are encoded as such, and are there once however often they are sent.
#[derive(Clone)]
struct Bytes(Arc<Vec<u8>>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        struct Copied;
        impl Visitor<'_> for Copied {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(Arc::new(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Copied)
    }
}

/// Senders and actors; each sender has one actor that it sends to.
struct Round {
    senders: Senders,
    sinks: Vec<Living<Sink>>,
    count: usize,
}

fn measure(bencher: Bencher<'_, '_>, size: usize, senders: usize, actors: usize) {
    let count = messages(size);
    bencher
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(count * size))
        .with_inputs(|| Round::prepare(size, count, senders, actors))
        .bench_local_values(Round::run);
}

impl Round {
    fn prepare(size: usize, count: usize, senders: usize, actors: usize) -> Round {
        let sinks: Vec<Living<Sink>> = (0..actors).map(|_| Living::of(Sink { taken: 0 })).collect();
        let part = |number: usize| (sinks[number % actors].0, size, count / senders);
        let senders = Senders::start(send, (0..senders).map(part));
        Round { senders, sinks, count }
    }

    fn run(self) -> Round {
        self.senders.go();
        self.senders.join();
        let taken = |sink: &Living<Sink>| sink.0.taken().timeout(PATIENCE).wait().expect("a count");
        assert_eq!(self.sinks.iter().map(taken).sum::<u64>(), self.count as u64);
        self
    }
}

fn send((word, (sink, size, count)): Briefed<(ActorRef<Sink>, usize, usize)>) {
    let bytes = Bytes(Arc::new(vec![7; size]));
    word.recv().expect("the word");
    for _ in 0..count {
        sink.take(bytes.clone()).timeout(PATIENCE).send().expect("room");
    }
}
