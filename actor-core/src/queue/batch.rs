//! Several items at once: the fences and the looks for sleepers are made once per batch.
//!
//! Batches of bytes are in `bytes.rs`.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Queue;
use super::error::{RecvError, SendError};
use super::raw::wake_producer;
use crate::shm::hands::Held;
use crate::shm::post::Wake;
use crate::time::Deadline;
use crate::wire::{self, travel};

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

    /// [`send_batch`](Queue::send_batch) until a point in time.
    ///
    /// # Errors
    /// As `send_batch`, and [`SendError::Full`].
    pub fn send_batch_deadline(&self, items: Vec<T>, deadline: Instant) -> Result<(), SendError<Vec<T>>> {
        self.send_batch_until(items, deadline.into())
    }

    fn send_batch_until(&self, items: Vec<T>, deadline: Deadline) -> Result<(), SendError<Vec<T>>> {
        let mut items = items.into_iter();
        let failed = wire::with_buffer(|buffer| {
            items.find_map(|item| {
                buffer.clear();
                let travellers = match travel::collect(|| wire::encode_into(buffer, &item)) {
                    Ok(((), travellers)) => travellers,
                    Err(error) => return Some(SendError::Encode { item, error }),
                };
                let posted = self.raw.post_with(buffer, &travellers, deadline, Wake::Later);
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

    /// [`recv_batch`](Queue::recv_batch) until a point in time.
    ///
    /// # Errors
    /// As `recv_batch`, and [`RecvError::Empty`].
    pub fn recv_batch_deadline(&self, max: usize, deadline: Instant) -> Result<Vec<T>, RecvError> {
        self.recv_batch_until(max, deadline.into())
    }

    fn recv_batch_until(&self, max: usize, deadline: Deadline) -> Result<Vec<T>, RecvError> {
        let mut items = Vec::new();
        if max == 0 {
            return Ok(items);
        }
        let mut next = Some(self.raw.take(deadline));
        while let Some(Ok(held)) = next {
            let item = self.raw.decode(held);
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
