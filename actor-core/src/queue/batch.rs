//! Several items at once: the fences and the looks for sleepers are made once per batch.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{RecvError, SendError};
use super::raw::wake_producer;
use super::{Queue, wire};
use crate::shm::hands::Held;
use crate::shm::post::Wake;
use crate::shm::window::Window;
use crate::time::Deadline;

impl<T: Serialize> Queue<T> {
    /// Sends the items in order, waiting for room for each.
    ///
    /// # Errors
    /// As [`send`](Queue::send), for the first item that was not sent; it and all behind it come
    /// back, those before it were sent.
    pub fn send_batch(&self, items: Vec<T>) -> Result<(), SendError<Vec<T>>> {
        self.send_batch_until(items, Deadline::Never)
    }

    /// [`send_batch`](Queue::send_batch) without waiting.
    ///
    /// # Errors
    /// As `send_batch`, and [`SendError::Full`].
    pub fn try_send_batch(&self, items: Vec<T>) -> Result<(), SendError<Vec<T>>> {
        self.send_batch_until(items, Deadline::Now)
    }

    /// [`send_batch`](Queue::send_batch) for a time.
    ///
    /// # Errors
    /// As `send_batch`, and [`SendError::Full`].
    pub fn send_batch_timeout(&self, items: Vec<T>, timeout: Duration) -> Result<(), SendError<Vec<T>>> {
        self.send_batch_until(items, Deadline::after(timeout))
    }

    fn send_batch_until(&self, items: Vec<T>, deadline: Deadline) -> Result<(), SendError<Vec<T>>> {
        let mut items = items.into_iter();
        let failed = wire::with_buffer(|buffer| {
            items.find_map(|item| {
                buffer.clear();
                if let Err(error) = wire::encode_into(buffer, &item) {
                    return Some(SendError::Encode { item, error });
                }
                let posted = self.raw.post(buffer, deadline, Wake::Later);
                posted.err().map(|error| SendError::new(error, item))
            })
        });
        self.raw.end_batch();
        match failed {
            None => Ok(()),
            Some(error) => Err(error.map(|item| std::iter::once(item).chain(items).collect())),
        }
    }
}

impl<T: DeserializeOwned> Queue<T> {
    /// Waits for an item and returns it with whatever else is there, `max` items at most.
    ///
    /// # Errors
    /// As [`recv`](Queue::recv). An item that cannot be decoded ends the batch before it; if it is
    /// the first, it is the error.
    pub fn recv_batch(&self, max: usize) -> Result<Vec<T>, RecvError> {
        self.recv_batch_until(max, Deadline::Never)
    }

    /// [`recv_batch`](Queue::recv_batch) without waiting.
    ///
    /// # Errors
    /// As `recv_batch`, and [`RecvError::Empty`].
    pub fn try_recv_batch(&self, max: usize) -> Result<Vec<T>, RecvError> {
        self.recv_batch_until(max, Deadline::Now)
    }

    /// [`recv_batch`](Queue::recv_batch) for a time.
    ///
    /// # Errors
    /// As `recv_batch`, and [`RecvError::Empty`].
    pub fn recv_batch_timeout(&self, max: usize, timeout: Duration) -> Result<Vec<T>, RecvError> {
        self.recv_batch_until(max, Deadline::after(timeout))
    }

    fn recv_batch_until(&self, max: usize, deadline: Deadline) -> Result<Vec<T>, RecvError> {
        let mut items = Vec::new();
        if max == 0 {
            return Ok(items);
        }
        let mut next = Some(self.raw.take(deadline));
        while let Some(Ok(held)) = next {
            let item = self.decode(held);
            match item {
                Err(error) if items.is_empty() => {
                    self.finish(held, Wake::Now);
                    return Err(error);
                }
                Err(_) => {
                    // The next call reports it.
                    self.raw.window().inspect(|window| window.give_back(held, false));
                    break;
                }
                Ok(item) => items.push(item),
            }
            self.finish(held, Wake::Later);
            next = if items.len() < max { self.raw.try_take() } else { None };
        }
        self.raw.window().inspect(|window| wake_producer(window));
        match next {
            Some(Err(error)) if items.is_empty() => Err(error),
            _ => Ok(items),
        }
    }

    fn finish(&self, held: Held, wake: Wake) {
        self.raw.window().inspect(|window| window.finish(held, wake));
    }
}

impl<T> Queue<T> {
    /// Sends each slice as one item, without encoding, waiting for room for each.
    ///
    /// # Errors
    /// As [`send_bytes`](Queue::send_bytes), for the first slice that was not sent; it and all behind
    /// it come back, those before it were sent.
    pub fn send_bytes_batch<'a, B: AsRef<[u8]>>(&self, batch: &'a [B]) -> Result<(), SendError<&'a [B]>> {
        let post = |bytes: &B| self.raw.post(bytes.as_ref(), Deadline::Never, Wake::Later);
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
    pub fn recv_bytes_batch(&self, max: usize, mut receive: impl FnMut(&[u8])) -> Result<usize, RecvError> {
        let Some(window) = self.raw.window() else { return Err(RecvError::Closed) };
        if max == 0 {
            return Ok(0);
        }
        let mut batch = Batch { window, in_hand: Some(self.raw.take(Deadline::Never)?) };
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
