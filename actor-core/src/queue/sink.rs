//! [`QueueSink`]: a queue as a sink.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;
use serde::Serialize;

use super::Queue;
use super::error::SendError;
use super::waiting::{Encoded, Sending, encoded};
use crate::shm::post::{PostError, Wake};
use crate::time::Deadline;

/// Sends into a queue, one item after the other: the value of [`Queue::sink`].
///
/// It holds one encoded item at most. What it is given it sends at once if there is room; if not, it holds
/// the item, and takes no other before that is sent. After a flush everything is visible to receivers.
/// An item that cannot be sent comes back with the error, which the item's own flush may give.
///
/// Dropped with an item in hand, it tries once more to send it, without waiting; if there still is no
/// room, the item is lost. [`take_unsent`](QueueSink::take_unsent) gives it back before. To close the sink
/// is to flush it: the queue stays open for others.
///
/// It has a handle on the queue: while it lives, the queue does.
#[must_use = "sinks do nothing unless polled"]
pub struct QueueSink<T> {
    // Before the queue, which it leaves.
    sending: Sending,
    held: Option<(T, Encoded)>,
    queue: Queue<T>,
}

impl<T> Queue<T> {
    /// The queue as a sink, for one of its senders; see [`stream`](Queue::stream) for an example.
    pub fn sink(&self) -> QueueSink<T> {
        QueueSink { sending: Sending::new(), held: None, queue: self.clone() }
    }
}

impl<T> QueueSink<T> {
    /// Gives back the item for which there was no room yet, if there is one.
    pub fn take_unsent(&mut self) -> Option<T> {
        self.held.take().map(|(item, _)| item)
    }

    /// Sends what is held, or has the waker woken when there may be room.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let Some((item, encoded)) = self.held.take() else { return Poll::Ready(Ok(())) };
        match self.sending.post(&self.queue.raw, &encoded, context) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(PostError::Full) => {
                self.held = Some((item, encoded));
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(SendError::new(error, item))),
        }
    }
}

// Nothing in it is ever pinned: the item moves freely.
impl<T> Unpin for QueueSink<T> {}

impl<T: Serialize> Sink<T> for QueueSink<T> {
    type Error = SendError<T>;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_send(context)
    }

    /// # Errors
    /// The item cannot be sent and comes back: [`SendError::Full`] if the sink was not ready.
    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), SendError<T>> {
        if self.held.is_some() {
            return Err(SendError::Full(item));
        }
        let encoded = match encoded(&item) {
            Ok(encoded) => encoded,
            Err(error) => return Err(SendError::Encode { item, error }),
        };
        match self.queue.raw.post_with(&encoded.0, &encoded.1, Deadline::Now, Wake::Now) {
            Ok(()) => Ok(()),
            Err(PostError::Full) => {
                self.held = Some((item, encoded));
                Ok(())
            }
            Err(error) => Err(SendError::new(error, item)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_send(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        ready!(self.poll_send(context))?;
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for QueueSink<T> {
    fn drop(&mut self) {
        if let Some((_item, (bytes, travellers))) = self.held.take() {
            let _ = self.queue.raw.post_with(&bytes, &travellers, Deadline::Now, Wake::Now);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::task::noop_waker;
    use futures::{SinkExt, StreamExt};

    use super::*;
    use crate::queue::{Close, RecvError};

    fn poll_flush(sink: &mut QueueSink<u32>) -> Poll<Result<(), SendError<u32>>> {
        Pin::new(sink).poll_flush(&mut Context::from_waker(&noop_waker()))
    }

    #[test]
    fn smoke() {
        let queue = Queue::<u32>::bounded(2).unwrap();
        let (mut sink, mut stream) = (queue.sink(), queue.stream());
        block_on(async {
            sink.feed(1).await.unwrap();
            assert_eq!(queue.len(), 1, "with room it is there at once");
            sink.send(2).await.unwrap();
            assert_eq!((stream.next().await, stream.next().await), (Some(Ok(1)), Some(Ok(2))));
            queue.close(Close::Drain);
            assert_eq!((stream.next().await, stream.next().await), (None, None));
            assert_eq!(sink.send(3).await.unwrap_err().into_item(), 3);
        });
    }

    #[test]
    fn one_item_is_held_and_no_more() {
        let queue = Queue::<u32>::bounded(1).unwrap();
        let mut sink = queue.sink();
        Pin::new(&mut sink).start_send(1).unwrap();
        Pin::new(&mut sink).start_send(2).unwrap();
        assert!(matches!(Pin::new(&mut sink).start_send(3), Err(SendError::Full(3))));
        assert!(poll_flush(&mut sink).is_pending());
        assert_eq!(queue.recv(), Ok(1));
        assert!(matches!(poll_flush(&mut sink), Poll::Ready(Ok(()))));
        assert_eq!((queue.recv(), sink.take_unsent()), (Ok(2), None));
        Pin::new(&mut sink).start_send(4).unwrap();
        Pin::new(&mut sink).start_send(5).unwrap();
        assert_eq!((sink.take_unsent(), queue.len()), (Some(5), 1));
    }

    #[test]
    fn a_sink_that_is_dropped_tries_once_more() {
        let queue = Queue::<u32>::bounded(1).unwrap();
        let mut sink = queue.sink();
        Pin::new(&mut sink).start_send(1).unwrap();
        Pin::new(&mut sink).start_send(2).unwrap();
        assert_eq!(queue.recv(), Ok(1));
        drop(sink);
        assert_eq!(queue.try_recv(), Ok(2));
        let mut sink = queue.sink();
        Pin::new(&mut sink).start_send(3).unwrap();
        Pin::new(&mut sink).start_send(4).unwrap();
        drop(sink);
        assert_eq!((queue.try_recv(), queue.try_recv()), (Ok(3), Err(RecvError::Empty)));
    }

    #[test]
    fn an_item_that_is_refused_late_comes_back_by_the_flush() {
        let queue = Queue::<u32>::bounded(1).unwrap();
        let mut sink = queue.sink();
        Pin::new(&mut sink).start_send(1).unwrap();
        Pin::new(&mut sink).start_send(2).unwrap();
        queue.close(Close::Drain);
        assert!(matches!(poll_flush(&mut sink), Poll::Ready(Err(SendError::Closed(2)))));
        assert!(matches!(poll_flush(&mut sink), Poll::Ready(Ok(()))), "nothing is left to be sent");
    }

    #[test]
    fn what_is_no_item_does_not_end_the_stream() {
        let numbers = Queue::<u32>::bounded(4).unwrap();
        numbers.send_bytes(&[0xc1]).unwrap();
        numbers.send(7).unwrap();
        numbers.close(Close::Drain);
        let received: Vec<_> = block_on(numbers.stream().collect());
        assert!(matches!(received[..], [Err(RecvError::Decode(_)), Ok(7)]), "{received:?}");
    }

    /// Both sides wait for each other all the time.
    #[test]
    fn everything_that_goes_in_comes_out_in_order() {
        let queue = Queue::<u32>::bounded(1).unwrap();
        let (sink, stream) = (queue.sink(), queue.stream());
        let sending = std::thread::spawn(move || {
            let numbers = futures::stream::iter((0..10_000).map(Ok));
            block_on(numbers.forward(sink)).map_err(|error| error.to_string())
        });
        let received: Vec<_> = block_on(stream.take(10_000).collect());
        assert!(received.into_iter().eq((0..10_000).map(Ok)));
        assert_eq!(sending.join().unwrap(), Ok(()));
    }
}
