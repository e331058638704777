//! [`QueueStream`]: a queue as a stream of what is received from it.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::FusedStream;
use serde::de::DeserializeOwned;

use super::Queue;
use super::error::RecvError;
use super::waiting::Receiving;

/// What is received from a queue, one item after the other: the value of [`Queue::stream`].
///
/// An item is claimed only in the poll that returns it, so a stream can be dropped at any time and loses
/// nothing. What cannot be decoded is an `Err` and is gone; the stream goes on. It ends when the queue is
/// closed and drained, or gone.
///
/// It has a handle on the queue: while it lives, the queue does.
#[must_use = "streams do nothing unless polled"]
pub struct QueueStream<T> {
    // Before the queue, which it leaves.
    receiving: Receiving,
    queue: Queue<T>,
    is_over: bool,
}

impl<T> Queue<T> {
    /// The queue as a stream, for one of its receivers.
    ///
    /// ```
    /// use actor_core::queue::{Close, Queue};
    /// use futures::{SinkExt, StreamExt, TryStreamExt};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let queue = Queue::<u32>::bounded(8)?;
    /// let sum = futures::executor::block_on(async {
    ///     let mut sink = queue.sink();
    ///     for number in [1, 2, 3] {
    ///         sink.send(number).await.expect("there is room, and nobody has closed it");
    ///     }
    ///     queue.close(Close::Drain);
    ///     queue.stream().try_fold(0, |sum, number| async move { Ok(sum + number) }).await
    /// });
    /// assert_eq!(sum, Ok(6));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self) -> QueueStream<T> {
        QueueStream { receiving: Receiving::new(), queue: self.clone(), is_over: false }
    }
}

// Nothing in it is ever pinned.
impl<T> Unpin for QueueStream<T> {}

impl<T: DeserializeOwned> Stream for QueueStream<T> {
    type Item = Result<T, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        let taken = this.receiving.poll_take(&this.queue.raw, context);
        taken.map(|taken| match taken.and_then(|held| this.queue.raw.decode_and_finish(held)) {
            Err(RecvError::Closed) => {
                this.is_over = true;
                None
            }
            received => Some(received),
        })
    }
}

impl<T: DeserializeOwned> FusedStream for QueueStream<T> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}
