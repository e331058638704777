//! Replies that come piece by piece: how many items a second, and what a short one costs.

use actor_core::prelude::*;
use divan::Bencher;
use divan::counter::ItemsCount;
use serde::{Deserialize, Serialize};

/// Items of a round.
const COUNT: u64 = 500_000;
/// How far the actor may be ahead: as it is unless said otherwise, and so far that it does not matter.
const LOOK_AHEADS: [usize; 2] = [64, 1024];
const LINE: &str = "sixty-four bytes, as they may well stand in one line of a text. ";

/// 64 bytes that are encoded as numbers.
type Numbers = [u64; 8];

#[derive(Actor, Serialize, Deserialize)]
#[actor(timeout = "60s")]
struct Source;

#[handlers]
impl Source {
    #[call]
    fn lines(&self, count: u64) -> impl Iterator<Item = String> + use<> {
        (0..count).map(|_| LINE.to_owned())
    }

    #[call]
    fn numbers(&self, count: u64) -> impl Iterator<Item = Numbers> + use<> {
        (0..count).map(|number| [number; 8])
    }
}

struct Living(ActorRef<Source>);

impl Living {
    fn new() -> Living {
        Living(Source.spawn().expect("an actor"))
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.stop().expect("an end");
    }
}

#[divan::bench(args = LOOK_AHEADS, sample_size = 1, sample_count = 20)]
fn lines_of_64_bytes(bencher: Bencher<'_, '_>, look_ahead: usize) {
    bencher.counter(ItemsCount::new(COUNT)).with_inputs(Living::new).bench_local_values(|source| {
        let lines = source.0.lines(COUNT).look_ahead(look_ahead).wait().expect("a stream");
        assert_eq!(lines.map(|line| line.expect("a line").len() as u64).sum::<u64>(), 64 * COUNT);
        source
    });
}

#[divan::bench(args = LOOK_AHEADS, sample_size = 1, sample_count = 20)]
fn numbers_of_64_bytes(bencher: Bencher<'_, '_>, look_ahead: usize) {
    bencher.counter(ItemsCount::new(COUNT)).with_inputs(Living::new).bench_local_values(|source| {
        let numbers = source.0.numbers(COUNT).look_ahead(look_ahead).wait().expect("a stream");
        assert_eq!(numbers.map(|it| it.expect("numbers")[7]).sum::<u64>(), COUNT * (COUNT - 1) / 2);
        source
    });
}

/// Beside it, `actor::typed_call_hot` is what one value costs.
#[divan::bench(sample_size = 100, sample_count = 100)]
fn one_item_and_the_end(bencher: Bencher<'_, '_>) {
    let source = Living::new();
    bencher.bench_local(|| source.0.numbers(1).wait().expect("a stream").count());
}
