//! Receiving one item: acknowledged once decoded, or as a [`Task`] when its work is done.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::Queue;
use super::error::RecvError;
use super::future::{RecvFuture, RecvTaskFuture};
use super::task::Task;
use crate::time::Deadline;

impl<T: DeserializeOwned> Queue<T> {
    /// Receives the next item, waiting for one. It is acknowledged once decoded.
    ///
    /// # Errors
    /// [`RecvError::Closed`] when the queue is closed and drained; [`RecvError::Decode`] when what
    /// was sent is not a `T`, and then it is gone.
    #[doc(alias = "get")]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(Deadline::Never)
    }

    /// [`recv`](Queue::recv) without waiting.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    #[doc(alias = "get_nowait")]
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.recv_until(Deadline::Now)
    }

    /// [`recv`](Queue::recv) for a time.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_until(Deadline::after(timeout))
    }

    /// [`recv`](Queue::recv) until a point in time.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvError> {
        self.recv_until(deadline.into())
    }

    /// [`recv`](Queue::recv), async. A dropped future has received nothing.
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(&self.raw)
    }

    /// Receives the next item as a [`Task`] that is acknowledged when its work is done.
    ///
    /// # Errors
    /// As [`recv`](Queue::recv).
    pub fn recv_task(&self) -> Result<Task<T>, RecvError> {
        self.recv_task_until(Deadline::Never)
    }

    /// [`recv_task`](Queue::recv_task) without waiting.
    ///
    /// # Errors
    /// As `recv_task`, and [`RecvError::Empty`].
    pub fn try_recv_task(&self) -> Result<Task<T>, RecvError> {
        self.recv_task_until(Deadline::Now)
    }

    /// [`recv_task`](Queue::recv_task) for a time.
    ///
    /// # Errors
    /// As `recv_task`, and [`RecvError::Empty`].
    pub fn recv_task_timeout(&self, timeout: Duration) -> Result<Task<T>, RecvError> {
        self.recv_task_until(Deadline::after(timeout))
    }

    /// [`recv_task`](Queue::recv_task) until a point in time.
    ///
    /// # Errors
    /// As `recv_task`, and [`RecvError::Empty`].
    pub fn recv_task_deadline(&self, deadline: Instant) -> Result<Task<T>, RecvError> {
        self.recv_task_until(deadline.into())
    }

    /// [`recv_task`](Queue::recv_task), async. A dropped future has received nothing.
    pub fn recv_task_async(&self) -> RecvTaskFuture<'_, T> {
        RecvTaskFuture::new(&self.raw)
    }

    /// Receives until the queue is closed and drained. Items that cannot be decoded are passed over.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }

    fn recv_until(&self, deadline: Deadline) -> Result<T, RecvError> {
        self.raw.take(deadline).and_then(|held| self.raw.decode_and_finish(held))
    }

    fn recv_task_until(&self, deadline: Deadline) -> Result<Task<T>, RecvError> {
        self.raw.take(deadline).and_then(|held| self.raw.decode_as_task(held))
    }
}

/// The iterator of [`Queue::iter`].
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
}

impl<T: DeserializeOwned> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            match self.queue.recv() {
                Ok(item) => return Some(item),
                Err(RecvError::Closed) => return None,
                Err(_) => {}
            }
        }
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a Queue<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
