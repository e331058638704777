//! Bytes as items: sent as they are and received as they are, one or several at once.
//!
//! Nothing is encoded, so what is received is what was sent, whatever the queue's item type says.

use std::time::{Duration, Instant};

use super::Queue;
use super::error::{RecvError, SendError};
use super::raw::wake_producer;
use crate::shm::hands::Held;
use crate::shm::post::Wake;
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wire;

impl<T> Queue<T> {
    /// Sends bytes as they are, without encoding, waiting for room. For
    /// [`recv_into`](Queue::recv_into) at the other end.
    ///
    /// # Errors
    /// Closed, too large, no memory; see [`SendError`].
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, Deadline::Never)
    }

    /// [`send_bytes`](Queue::send_bytes) without waiting.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn try_send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, Deadline::Now)
    }

    /// [`send_bytes`](Queue::send_bytes) for a time.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn send_bytes_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, Deadline::after(timeout))
    }

    /// [`send_bytes`](Queue::send_bytes) until a point in time.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn send_bytes_deadline(&self, bytes: &[u8], deadline: Instant) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, deadline.into())
    }

    fn send_bytes_until(&self, bytes: &[u8], deadline: Deadline) -> Result<(), SendError<()>> {
        self.raw.post(bytes, deadline, Wake::Now).map_err(|error| SendError::new(error, ()))
    }

    /// Receives the bytes of the next item into `buffer`, waiting for one, and returns how many
    /// they are. The item is acknowledged.
    ///
    /// # Errors
    /// [`RecvError::Closed`]; [`RecvError::TooLarge`], and then the item is the next one again.
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_into_until(buffer, Deadline::Never)
    }

    /// [`recv_into`](Queue::recv_into) without waiting.
    ///
    /// # Errors
    /// As `recv_into`, and [`RecvError::Empty`].
    pub fn try_recv_into(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_into_until(buffer, Deadline::Now)
    }

    /// [`recv_into`](Queue::recv_into) for a time.
    ///
    /// # Errors
    /// As `recv_into`, and [`RecvError::Empty`].
    pub fn recv_into_timeout(&self, buffer: &mut [u8], timeout: Duration) -> Result<usize, RecvError> {
        self.recv_into_until(buffer, Deadline::after(timeout))
    }

    /// [`recv_into`](Queue::recv_into) until a point in time.
    ///
    /// # Errors
    /// As `recv_into`, and [`RecvError::Empty`].
    pub fn recv_into_deadline(&self, buffer: &mut [u8], deadline: Instant) -> Result<usize, RecvError> {
        self.recv_into_until(buffer, deadline.into())
    }

    fn recv_into_until(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
        let held = self.raw.take(deadline)?;
        let window = self.raw.window().ok_or(RecvError::Closed)?;
        let size = window.held_length(held);
        if size > buffer.len() {
            window.give_back(held, false);
            return Err(RecvError::TooLarge { size, max: buffer.len() });
        }
        let is_whole = window.copy_held(held, &mut buffer[..size]);
        window.finish(held, Wake::Now);
        if is_whole { Ok(size) } else { Err(wire::DecodeError::Damaged.into()) }
    }

    /// Sends each slice as one item, without encoding, waiting for room for each.
    ///
    /// # Errors
    /// As [`send_bytes`](Queue::send_bytes), for the first slice that was not sent; it and all behind
    /// it come back, those before it were sent.
    pub fn send_bytes_batch<'a, B: AsRef<[u8]>>(&self, batch: &'a [B]) -> Result<(), SendError<&'a [B]>> {
        self.send_bytes_batch_until(batch, Deadline::Never)
    }

    /// [`send_bytes_batch`](Queue::send_bytes_batch) without waiting.
    ///
    /// # Errors
    /// As `send_bytes_batch`, and [`SendError::Full`].
    pub fn try_send_bytes_batch<'a, B: AsRef<[u8]>>(&self, batch: &'a [B]) -> Result<(), SendError<&'a [B]>> {
        self.send_bytes_batch_until(batch, Deadline::Now)
    }

    /// [`send_bytes_batch`](Queue::send_bytes_batch) for a time, that of the whole batch.
    ///
    /// # Errors
    /// As `send_bytes_batch`, and [`SendError::Full`].
    pub fn send_bytes_batch_timeout<'a, B: AsRef<[u8]>>(
        &self,
        batch: &'a [B],
        timeout: Duration,
    ) -> Result<(), SendError<&'a [B]>> {
        self.send_bytes_batch_until(batch, Deadline::after(timeout))
    }

    /// [`send_bytes_batch`](Queue::send_bytes_batch) until a point in time.
    ///
    /// # Errors
    /// As `send_bytes_batch`, and [`SendError::Full`].
    pub fn send_bytes_batch_deadline<'a, B: AsRef<[u8]>>(
        &self,
        batch: &'a [B],
        deadline: Instant,
    ) -> Result<(), SendError<&'a [B]>> {
        self.send_bytes_batch_until(batch, deadline.into())
    }

    fn send_bytes_batch_until<'a, B: AsRef<[u8]>>(
        &self,
        batch: &'a [B],
        deadline: Deadline,
    ) -> Result<(), SendError<&'a [B]>> {
        let post = |bytes: &B| self.raw.post(bytes.as_ref(), deadline, Wake::Later);
        let failed = batch.iter().enumerate().find_map(|(sent, bytes)| post(bytes).err().map(|error| (error, sent)));
        self.raw.end_batch();
        match failed {
            None => Ok(()),
            Some((error, sent)) => Err(SendError::new(error, &batch[sent..])),
        }
    }

    /// Waits for an item and passes its bytes and those of whatever else is there, `max` items at
    /// most, to `receive`; returns how many it was. Each item is acknowledged after its call. One
    /// whose call panics goes back to the queue, delivered once more.
    ///
    /// # Errors
    /// As [`recv_into`](Queue::recv_into), but no item is too large. An item that cannot be read ends
    /// the batch before it; if it is the first, it is the error, and gone.
    pub fn recv_bytes_batch(&self, max: usize, receive: impl FnMut(&[u8])) -> Result<usize, RecvError> {
        self.recv_bytes_batch_until(max, Deadline::Never, receive)
    }

    /// [`recv_bytes_batch`](Queue::recv_bytes_batch) without waiting.
    ///
    /// # Errors
    /// As `recv_bytes_batch`, and [`RecvError::Empty`].
    pub fn try_recv_bytes_batch(&self, max: usize, receive: impl FnMut(&[u8])) -> Result<usize, RecvError> {
        self.recv_bytes_batch_until(max, Deadline::Now, receive)
    }

    /// [`recv_bytes_batch`](Queue::recv_bytes_batch) that waits for the first item for a time.
    ///
    /// # Errors
    /// As `recv_bytes_batch`, and [`RecvError::Empty`].
    pub fn recv_bytes_batch_timeout(
        &self,
        max: usize,
        timeout: Duration,
        receive: impl FnMut(&[u8]),
    ) -> Result<usize, RecvError> {
        self.recv_bytes_batch_until(max, Deadline::after(timeout), receive)
    }

    /// [`recv_bytes_batch`](Queue::recv_bytes_batch) that waits for the first item until a point in time.
    ///
    /// # Errors
    /// As `recv_bytes_batch`, and [`RecvError::Empty`].
    pub fn recv_bytes_batch_deadline(
        &self,
        max: usize,
        deadline: Instant,
        receive: impl FnMut(&[u8]),
    ) -> Result<usize, RecvError> {
        self.recv_bytes_batch_until(max, deadline.into(), receive)
    }

    fn recv_bytes_batch_until(
        &self,
        max: usize,
        deadline: Deadline,
        mut receive: impl FnMut(&[u8]),
    ) -> Result<usize, RecvError> {
        let Some(window) = self.raw.window() else { return Err(RecvError::Closed) };
        if max == 0 {
            return Ok(0);
        }
        let mut batch = Batch { window, in_hand: Some(self.raw.take(deadline)?) };
        let mut received = 0;
        wire::with_buffer(|buffer| {
            while let Some(held) = batch.in_hand {
                buffer.clear();
                if !window.read_held(held, buffer) {
                    return batch.end_at_damaged(held, received);
                }
                receive(buffer);
                received += 1;
                batch.in_hand = None;
                window.finish(held, Wake::Later);
                if received < max
                    && let Some(Ok(next)) = self.raw.try_take()
                {
                    batch.in_hand = Some(next);
                }
            }
            Ok(received)
        })
    }
}

/// A batch of items in the course of being received. However that ends: who is in hand goes back, and
/// those who wait for what was finished quietly are woken.
struct Batch<'a> {
    window: &'a Window,
    in_hand: Option<Held>,
}

impl Batch<'_> {
    /// What lies here is no message. The call that comes to it first reports it.
    fn end_at_damaged(&mut self, held: Held, received: usize) -> Result<usize, RecvError> {
        self.in_hand = None;
        if received == 0 {
            self.window.finish(held, Wake::Later);
            return Err(wire::DecodeError::Damaged.into());
        }
        self.window.give_back(held, false);
        Ok(received)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.in_hand {
            self.window.give_back(held, true);
        }
        wake_producer(self.window);
    }
}
