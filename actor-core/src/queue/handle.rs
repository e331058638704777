//! [`Queue`] itself: a handle that is plain data, and what can be asked of the whole queue.
//!
//! What sends is in `send.rs`, what receives in `recv.rs`, several items at once in `batch.rs`, bytes that
//! are not encoded in `bytes.rs`, and the async forms in `future.rs`.

use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{CreateError, TooManyDone};
use super::ledger;
use super::options::Options;
use super::raw::RawQueue;
use crate::shm::handle::Handle;
use crate::shm::window::Kind;
#[cfg(feature = "testing")]
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wait::{Opened, Source};

/// A bounded queue between processes; see the [module](super).
///
/// By convention a variable of this type is called `queue`.
///
/// This is the one queue for what other libraries have several kinds of: what `send` returns `Ok` for is in the
/// queue, without a thread that feeds it, so it is as simple as a pipe with a lock; every item is counted
/// until it is acknowledged, so it can always be [joined](Queue::join); and it needs no server process.
///
/// | | waits | not at all | for a time | until a time | async |
/// |---|---|---|---|---|---|
/// | send | [`send`](Queue::send) | [`try_send`](Queue::try_send) | [`send_timeout`](Queue::send_timeout) | [`send_deadline`](Queue::send_deadline) | [`send_async`](Queue::send_async), [`sink`](Queue::sink) |
/// | receive | [`recv`](Queue::recv) | [`try_recv`](Queue::try_recv) | [`recv_timeout`](Queue::recv_timeout) | [`recv_deadline`](Queue::recv_deadline) | [`recv_async`](Queue::recv_async), [`stream`](Queue::stream) |
/// | receive, acknowledge later | [`recv_task`](Queue::recv_task) | [`try_recv_task`](Queue::try_recv_task) | [`recv_task_timeout`](Queue::recv_task_timeout) | [`recv_task_deadline`](Queue::recv_task_deadline) | [`recv_task_async`](Queue::recv_task_async) |
/// | send several | [`send_batch`](Queue::send_batch) | [`try_send_batch`](Queue::try_send_batch) | [`send_batch_timeout`](Queue::send_batch_timeout) | [`send_batch_deadline`](Queue::send_batch_deadline) | |
/// | receive several | [`recv_batch`](Queue::recv_batch) | [`try_recv_batch`](Queue::try_recv_batch) | [`recv_batch_timeout`](Queue::recv_batch_timeout) | [`recv_batch_deadline`](Queue::recv_batch_deadline) | |
/// | send bytes | [`send_bytes`](Queue::send_bytes) | [`try_send_bytes`](Queue::try_send_bytes) | [`send_bytes_timeout`](Queue::send_bytes_timeout) | [`send_bytes_deadline`](Queue::send_bytes_deadline) | |
/// | receive bytes | [`recv_into`](Queue::recv_into) | [`try_recv_into`](Queue::try_recv_into) | [`recv_into_timeout`](Queue::recv_into_timeout) | [`recv_into_deadline`](Queue::recv_into_deadline) | |
/// | send bytes, several | [`send_bytes_batch`](Queue::send_bytes_batch) | [`try_send_bytes_batch`](Queue::try_send_bytes_batch) | [`send_bytes_batch_timeout`](Queue::send_bytes_batch_timeout) | [`send_bytes_batch_deadline`](Queue::send_bytes_batch_deadline) | |
/// | receive bytes, several | [`recv_bytes_batch`](Queue::recv_bytes_batch) | [`try_recv_bytes_batch`](Queue::try_recv_bytes_batch) | [`recv_bytes_batch_timeout`](Queue::recv_bytes_batch_timeout) | [`recv_bytes_batch_deadline`](Queue::recv_bytes_batch_deadline) | |
#[doc(alias("JoinableQueue", "SimpleQueue"))]
pub struct Queue<T> {
    pub(super) raw: RawQueue,
    _items: PhantomData<fn(T) -> T>,
}

/// What closing a queue does to the items in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// They are still received; then receivers get [`RecvError::Closed`](super::RecvError::Closed).
    /// An item that a receiver holds by then is not waited for, other than by
    /// [`join`](Queue::join): if it is given back, whoever receives after that gets it.
    Drain,
    /// They are discarded, and receivers get [`RecvError::Closed`](super::RecvError::Closed) at
    /// once.
    Now,
}

impl<T> Queue<T> {
    /// Makes a queue for `capacity` items of up to 1 MiB; see [`Options`] for other sizes.
    ///
    /// # Errors
    /// See [`CreateError`]: a capacity of zero or out of bounds, too many queues, no memory.
    #[doc(alias = "maxsize")]
    pub fn bounded(capacity: usize) -> Result<Queue<T>, CreateError> {
        Options::new(capacity).create()
    }

    /// Items in the queue, those that a receiver holds not counted. Exact while nobody sends or
    /// receives; otherwise a snapshot that may be old when it is returned.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.raw.window().map_or(0, |window| window.len() as usize)
    }

    /// Whether [`len`](Queue::len) is 0.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a sender would have to wait.
    #[doc(alias = "full")]
    pub fn is_full(&self) -> bool {
        self.raw.window().is_none_or(|window| !window.has_room())
    }

    /// Items that fit.
    pub fn capacity(&self) -> usize {
        self.raw.window().map_or(0, |window| window.layout.shape.capacity as usize)
    }

    /// Closes the queue for everybody: senders get [`SendError::Closed`](super::SendError::Closed)
    /// from now on, those that wait included. Closing again, with [`Close::Now`] after
    /// [`Close::Drain`] too, is fine.
    #[doc(alias = "shutdown")]
    pub fn close(&self, close: Close) {
        self.raw.close(close == Close::Now);
    }

    /// Whether the queue was closed, or has gone with its node.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Waits until every item that was sent has been received and acknowledged: by
    /// [`recv`](Queue::recv) itself, or by [`Task::done`](super::Task::done).
    ///
    /// Items whose receiver died count as not received. Also returns when the queue is gone.
    pub fn join(&self) {
        self.raw.join(Deadline::Never);
    }

    /// [`join`](Queue::join) for a time. False: something was still unfinished.
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.raw.join(Deadline::after(timeout))
    }

    /// [`join`](Queue::join) until a point in time. False: something was still unfinished.
    pub fn join_deadline(&self, deadline: Instant) -> bool {
        self.raw.join(deadline.into())
    }

    /// Acknowledges one item that was taken with [`Task::keep`](super::Task::keep) in this process, the one
    /// that was kept first. Where a [`Task`](super::Task) can be passed along, [`Task::done`](super::Task::done)
    /// does the same and cannot be called too often.
    ///
    /// ```
    /// use actor_core::queue::{Queue, TooManyDone};
    ///
    /// # fn main() -> actor_core::Result<()> {
    /// let queue = Queue::bounded(10)?;
    /// queue.send(7)?;
    /// let item = queue.recv_task()?.keep();
    /// assert!(item == 7 && !queue.join_timeout(std::time::Duration::ZERO));
    /// assert_eq!(queue.task_done(), Ok(()));
    /// assert_eq!(queue.task_done(), Err(TooManyDone));
    /// queue.join(); // nothing is unfinished
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Nothing that was kept is unfinished; nothing has changed.
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        ledger::finish_one(self.raw.handle())
    }

    #[cfg(feature = "testing")]
    pub(crate) fn window(&self) -> Option<&Window> {
        self.raw.window()
    }

    pub(super) fn from_raw(raw: RawQueue) -> Queue<T> {
        Queue { raw, _items: PhantomData }
    }
}

/// Ready while there is something to receive, or nothing any more.
impl<T> Source for Queue<T> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Words(&self.raw))
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue::from_raw(self.raw.clone())
    }
}

/// Two handles are equal when they are on the same queue.
impl<T> PartialEq for Queue<T> {
    fn eq(&self, other: &Queue<T>) -> bool {
        self.raw.id() == other.raw.id()
    }
}

impl<T> Eq for Queue<T> {}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.raw.id();
        write!(f, "Queue({}.{}, {} of {})", id.index, id.generation, self.len(), self.capacity())
    }
}

impl<T> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.handle().send(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Queue<T>, D::Error> {
        Ok(Queue::from_raw(RawQueue::of_handle(Handle::receive(deserializer, Kind::Queue)?)))
    }
}
