//! Sending one item: encoded into this thread's buffer, then posted.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::handle::OrderedQueue;
use super::order::Order;
use crate::queue::error::SendError;
use crate::queue::future::SendFuture;
use crate::time::Deadline;
use crate::wire::travel::{self, Travellers};
use crate::wire::{self, EncodeError};

impl<T: Serialize, O: Order<T>> OrderedQueue<T, O> {
    /// Sends an item, waiting for room. It is visible to receivers when this returns.
    ///
    /// # Errors
    /// The queue is closed, or the item cannot be encoded or is too large. Nothing was queued and
    /// the item comes back; see [`SendError`].
    #[doc(alias = "put")]
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_until(item, Deadline::Never)
    }

    /// [`send`](OrderedQueue::send) without waiting.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`].
    #[doc(alias = "put_nowait")]
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_until(item, Deadline::Now)
    }

    /// [`send`](OrderedQueue::send) for a time.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`]; the item then never appears later.
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_until(item, Deadline::after(timeout))
    }

    /// [`send`](OrderedQueue::send) until a point in time.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`].
    pub fn send_deadline(&self, item: T, deadline: Instant) -> Result<(), SendError<T>> {
        self.send_until(item, deadline.into())
    }

    /// [`send`](OrderedQueue::send), async. A dropped future has sent nothing.
    pub fn send_async(&self, item: T) -> SendFuture<'_, T> {
        SendFuture::new(self, item)
    }

    fn send_until(&self, item: T, deadline: Deadline) -> Result<(), SendError<T>> {
        wire::with_buffer(|buffer| match self.encode(buffer, &item) {
            Err(error) => Err(SendError::Encode { item, error }),
            Ok(travellers) => {
                let posted = self.raw.post_ranked(buffer, &travellers, O::RANK, deadline);
                posted.map_err(|error| SendError::new(error, item))
            }
        })
    }

    fn encode(&self, buffer: &mut Vec<u8>, item: &T) -> Result<Travellers, EncodeError> {
        if O::CARRIES {
            return travel::collect(|| wire::encode_into(buffer, item)).map(|((), travellers)| travellers);
        }
        wire::encode_into(buffer, item)?;
        Ok(Travellers::default())
    }
}
