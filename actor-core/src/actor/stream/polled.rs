//! [`polled`]: a handler's `impl Stream` as an iterator, for the loop that sends its items.
//!
//! For generated code. Between two items the actor's thread sleeps in the runtime of the actor, as it does
//! in an `async` handler.

use std::future::poll_fn;
use std::pin::Pin;

use futures::Stream;

use crate::actor::behaviour::{Runtime, block_on_in};

/// Waits in `runtime` for each item of `stream`.
pub fn polled<S: Stream>(runtime: &Runtime, stream: S) -> impl Iterator<Item = S::Item> + use<S> {
    Polled { runtime: *runtime, stream: Box::pin(stream) }
}

struct Polled<S> {
    runtime: Runtime,
    stream: Pin<Box<S>>,
}

impl<S: Stream> Iterator for Polled<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        block_on_in(&self.runtime, poll_fn(|context| self.stream.as_mut().poll_next(context)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
