//! Receiving one item: acknowledged once decoded, or as a [`Task`] when its work is done.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::handle::OrderedQueue;
use super::order::Order;
use crate::queue::Task;
use crate::queue::error::RecvError;
use crate::queue::future::{RecvFuture, RecvTaskFuture};
use crate::time::Deadline;

impl<T: DeserializeOwned, O: Order<T>> OrderedQueue<T, O> {
    /// Receives the item that comes first, waiting for one. It is acknowledged once decoded.
    ///
    /// # Errors
    /// [`RecvError::Closed`] when the queue is closed and drained; [`RecvError::Decode`] when what
    /// was sent is not a `T`, and then it is gone.
    #[doc(alias = "get")]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(Deadline::Never)
    }

    /// [`recv`](OrderedQueue::recv) without waiting.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    #[doc(alias = "get_nowait")]
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.recv_until(Deadline::Now)
    }

    /// [`recv`](OrderedQueue::recv) for a time.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_until(Deadline::after(timeout))
    }

    /// [`recv`](OrderedQueue::recv) until a point in time.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvError> {
        self.recv_until(deadline.into())
    }

    /// [`recv`](OrderedQueue::recv), async. A dropped future has received nothing.
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(self)
    }

    /// Receives the item that comes first as a [`Task`] that is acknowledged when its work is done.
    ///
    /// # Errors
    /// As [`recv`](OrderedQueue::recv).
    pub fn recv_task(&self) -> Result<Task<T>, RecvError> {
        self.recv_task_until(Deadline::Never)
    }

    /// [`recv_task`](OrderedQueue::recv_task) without waiting.
    ///
    /// # Errors
    /// As `recv_task`, and [`RecvError::Empty`].
    pub fn try_recv_task(&self) -> Result<Task<T>, RecvError> {
        self.recv_task_until(Deadline::Now)
    }

    /// [`recv_task`](OrderedQueue::recv_task) for a time.
    ///
    /// # Errors
    /// As `recv_task`, and [`RecvError::Empty`].
    pub fn recv_task_timeout(&self, timeout: Duration) -> Result<Task<T>, RecvError> {
        self.recv_task_until(Deadline::after(timeout))
    }

    /// [`recv_task`](OrderedQueue::recv_task) until a point in time.
    ///
    /// # Errors
    /// As `recv_task`, and [`RecvError::Empty`].
    pub fn recv_task_deadline(&self, deadline: Instant) -> Result<Task<T>, RecvError> {
        self.recv_task_until(deadline.into())
    }

    /// [`recv_task`](OrderedQueue::recv_task), async. A dropped future has received nothing.
    pub fn recv_task_async(&self) -> RecvTaskFuture<'_, T> {
        RecvTaskFuture::new(self)
    }

    /// Receives until the queue is closed and drained. Items that cannot be decoded are passed over.
    pub fn iter(&self) -> Iter<'_, T, O> {
        Iter { queue: self }
    }

    fn recv_until(&self, deadline: Deadline) -> Result<T, RecvError> {
        self.raw.take_first(O::take_first, deadline).and_then(|held| self.raw.decode_and_finish(held))
    }

    fn recv_task_until(&self, deadline: Deadline) -> Result<Task<T>, RecvError> {
        self.raw.take_first(O::take_first, deadline).and_then(|held| self.raw.decode_as_task(held))
    }
}

/// The iterator of [`OrderedQueue::iter`].
pub struct Iter<'a, T, O> {
    queue: &'a OrderedQueue<T, O>,
}

impl<T: DeserializeOwned, O: Order<T>> Iterator for Iter<'_, T, O> {
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

impl<'a, T: DeserializeOwned, O: Order<T>> IntoIterator for &'a OrderedQueue<T, O> {
    type Item = T;
    type IntoIter = Iter<'a, T, O>;

    fn into_iter(self) -> Iter<'a, T, O> {
        self.iter()
    }
}
