//! [`Items`] and [`ItemStream`]: a stream as its reader has it, in code that waits and in async code.
//!
//! Two types, because one that were an iterator and a stream would have two methods of each name as soon as
//! the extension trait of streams is in scope. What they do is in `reading.rs`.

use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::FusedStream;

use super::error::StreamError;
use super::reading::Reading;

/// The items of a streamed reply, as they come: from [`StreamCall::wait`](super::StreamCall::wait).
///
/// An iterator that waits for each item. It gives `Ok` with what the handler's iterator has given, in its
/// order; then one `Err` if the stream was cut short; then nothing more.
///
/// Dropped, the stream is at its end: the actor drops its iterator before the next item and goes on with
/// other messages. What was sent and not read is gone.
#[must_use = "a stream that is dropped ends at once"]
pub struct Items<T>(pub(super) Reading<T>);

/// The items of a streamed reply for async code: from `.await` on a [`StreamCall`](super::StreamCall), or
/// made from [`Items`].
///
/// The same as `Items`, as a [`Stream`] that needs no runtime: `StreamExt` of the crate `futures` has `next`.
/// A future of the next item that is dropped has taken none.
#[must_use = "a stream that is dropped ends at once"]
pub struct ItemStream<T>(pub(super) Reading<T>);

impl<T> Iterator for Items<T> {
    type Item = Result<T, StreamError>;

    #[inline]
    fn next(&mut self) -> Option<Result<T, StreamError>> {
        self.0.next()
    }
}

impl<T> FusedIterator for Items<T> {}

impl<T> Stream for ItemStream<T> {
    type Item = Result<T, StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

// Nothing in it is pinned in place.
impl<T> Unpin for ItemStream<T> {}

impl<T> FusedStream for ItemStream<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_ended()
    }
}

impl<T> From<Items<T>> for ItemStream<T> {
    fn from(items: Items<T>) -> ItemStream<T> {
        ItemStream(items.0)
    }
}

impl<T> From<ItemStream<T>> for Items<T> {
    fn from(stream: ItemStream<T>) -> Items<T> {
        Items(stream.0)
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Items({}, {})", self.0.operation(), if self.0.is_ended() { "ended" } else { "open" })
    }
}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ItemStream({}, {})", self.0.operation(), if self.0.is_ended() { "ended" } else { "open" })
    }
}
