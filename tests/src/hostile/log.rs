//! What a process says of its log: the ring, and the frames in it.
//!
//! Whatever lies there, it is read to an end, and what is heard of it is no more than there was room for.

use std::sync::atomic::{AtomicU64, Ordering};

use actor_core::testing::raw;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::Target;

/// See the module.
pub const TARGET: Target = Target {
    name: "log",
    about: "rings of log events and the frames in them",
    body,
    samples,
    length_max: 512,
    runs: 20_000,
};

/// The shortest frame: a head, and a byte that fills eight.
const FRAME_BYTES: usize = 16;

/// Lays the bytes down as the beginning of a ring, behind the number at which it is said to end, and hears it.
pub fn body(data: &[u8]) {
    // Others may have installed one already: then theirs hears.
    let _ = tracing::subscriber::set_global_default(Hearing);
    let Some((tail, frames)) = data.split_first_chunk() else { return };
    let before = HEARD.load(Ordering::Relaxed);
    let read = raw::log_ring(u64::from_le_bytes(*tail), frames);
    let heard = HEARD.load(Ordering::Relaxed) - before;
    assert!(heard <= read, "{heard} events in {read} frames");
    // Behind the bytes there are zeroes, in which there is no frame, but the ring may be said to go on at its start.
    assert!(read <= 2 * (frames.len() / FRAME_BYTES + 1) as u64, "{read} frames in {} bytes", frames.len());
}

fn samples() -> Vec<Vec<u8>> {
    let sample = raw::log_sample();
    let ring = |tail: u64| [&tail.to_le_bytes()[..], &sample].concat();
    vec![ring(sample.len() as u64), ring(u64::MAX), ring(0)]
}

static HEARD: AtomicU64 = AtomicU64::new(0);

/// Hears everything, and looks at all of it.
struct Hearing;

impl Subscriber for Hearing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| drop(format!("{value:?}")));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| drop(format!("{value:?}")));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        HEARD.fetch_add(1, Ordering::Relaxed);
        event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| drop(format!("{value:?}")));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
