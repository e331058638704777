//! Sending one item: encoded into this thread's buffer, then posted.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Queue;
use super::error::SendError;
use super::future::SendFuture;
use crate::shm::post::Wake;
use crate::time::Deadline;
use crate::wire::{self, travel};

impl<T: Serialize> Queue<T> {
    /// Sends an item, waiting for room. It is visible to receivers when this returns.
    ///
    /// # Errors
    /// The queue is closed, or the item cannot be encoded or is too large. Nothing was queued and
    /// the item comes back; see [`SendError`].
    #[doc(alias = "put")]
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_until(item, Deadline::Never)
    }

    /// [`send`](Queue::send) without waiting.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`].
    #[doc(alias = "put_nowait")]
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_until(item, Deadline::Now)
    }

    /// [`send`](Queue::send) for a time.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`]; the item then never appears later.
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_until(item, Deadline::after(timeout))
    }

    /// [`send`](Queue::send) until a point in time.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`].
    pub fn send_deadline(&self, item: T, deadline: Instant) -> Result<(), SendError<T>> {
        self.send_until(item, deadline.into())
    }

    /// [`send`](Queue::send), async. A dropped future has sent nothing.
    pub fn send_async(&self, item: T) -> SendFuture<'_, T> {
        SendFuture::new(&self.raw, item)
    }

    fn send_until(&self, item: T, deadline: Deadline) -> Result<(), SendError<T>> {
        wire::with_buffer(|buffer| match travel::collect(|| wire::encode_into(buffer, &item)) {
            Err(error) => Err(SendError::Encode { item, error }),
            Ok(((), travellers)) => {
                let posted = self.raw.post_with(buffer, &travellers, deadline, Wake::Now);
                posted.map_err(|error| SendError::new(error, item))
            }
        })
    }
}
