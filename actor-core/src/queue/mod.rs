//! [`Queue`]: many senders, many receivers, any processes of a node; it survives the death of any.
//!
//! What `send` has returned `Ok` for is visible at once, and it is received, still queued, or held
//! by a living receiver, whatever dies at whatever instruction. There is no feeder thread and no
//! lock: a sender may exit at once, and a killed process never wedges the others.
//!
//! ```
//! use actor_core::queue::Queue;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = Queue::<String>::bounded(100)?;
//! queue.send("hello".into())?;
//! assert_eq!(queue.recv()?, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Handles
//! A `Queue` is a handle and plain data: clone it, send it in a message, pass it to a process.
//! Without having been sent anywhere, a queue is freed when its last handle is dropped. Once a
//! handle has been in a message, the queue stays, because that message may still be on its way:
//! until it is [closed](Queue::close) and the last handle is dropped, or the node ends.
//!
//! # Which way to receive
//! | | when the receiver dies with the item |
//! |---|---|
//! | [`recv`](Queue::recv) | it is acknowledged once decoded: dead before, it is handed out again; dead after, it is gone |
//! | [`recv_task`](Queue::recv_task) | it is handed out again, unless [`Task::done`] was called |

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::WindowId;
use crate::node;
use crate::shm::hands::Held;
use crate::shm::layout::Shape;
use crate::shm::post::Wake;
use crate::shm::table::MakeError;
use crate::time::Deadline;
use crate::wire;

mod batch;
mod error;
mod future;
mod raw;
mod task;
#[cfg(test)]
mod tests;

pub use error::{CreateError, RecvError, SendError};
pub use future::{RecvFuture, SendFuture};
use raw::RawQueue;
pub use task::Task;

/// How large a queue is; the start is [`Options::new`].
///
/// ```
/// use actor_core::queue::{Options, Queue};
/// let queue: Queue<Vec<u8>> = Options { message_max: 16 << 20, ..Options::new(8) }.create()?;
/// # Ok::<(), actor_core::queue::CreateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Items that can be queued.
    pub capacity: usize,
    /// Bytes of the largest encoded item. Room is reserved as address space, not as memory.
    pub message_max: usize,
    /// Bytes that large items (more than 112 encoded bytes) can have together, for each of the
    /// size classes 1 KiB, 4 KiB, 16 KiB, …; each class has room for one item at least.
    pub bytes: usize,
}

impl Options {
    /// Items of up to 1 MiB, and 8 MiB of large ones at once.
    pub fn new(capacity: usize) -> Options {
        Options { capacity, message_max: 1 << 20, bytes: 8 << 20 }
    }

    /// Makes the queue.
    ///
    /// # Errors
    /// See [`CreateError`]: a capacity of zero or out of bounds, too many queues, no memory.
    pub fn create<T>(self) -> Result<Queue<T>, CreateError> {
        let out_of_bounds = CreateError::OutOfBounds { capacity: self.capacity, message_max: self.message_max };
        let Ok(capacity) = u32::try_from(self.capacity) else { return Err(out_of_bounds) };
        let shape = Shape {
            capacity,
            hands: capacity.min(HANDS_MAX),
            message_max: self.message_max as u64,
            bytes: self.bytes as u64,
        };
        let segment = node::ensure().map_err(CreateError::Memory)?;
        match RawQueue::make(segment, shape) {
            Ok(raw) => Ok(Queue { raw, _items: PhantomData }),
            Err(MakeError::Shape(_)) => Err(out_of_bounds),
            Err(error) => Err(error.into()),
        }
    }
}

/// Tasks beyond this number, held at once, stay in their slots and reduce the room for senders.
const HANDS_MAX: u32 = 1024;

/// A bounded queue between processes; see the [module](self).
///
/// By convention a variable of this type is called `queue`.
///
/// | | waits | not at all | for a time | until a time | async |
/// |---|---|---|---|---|---|
/// | send | [`send`](Queue::send) | [`try_send`](Queue::try_send) | [`send_timeout`](Queue::send_timeout) | [`send_deadline`](Queue::send_deadline) | [`send_async`](Queue::send_async) |
/// | receive | [`recv`](Queue::recv) | [`try_recv`](Queue::try_recv) | [`recv_timeout`](Queue::recv_timeout) | [`recv_deadline`](Queue::recv_deadline) | [`recv_async`](Queue::recv_async) |
/// | receive, acknowledge later | [`recv_task`](Queue::recv_task) | [`try_recv_task`](Queue::try_recv_task) | [`recv_task_timeout`](Queue::recv_task_timeout) | [`recv_task_deadline`](Queue::recv_task_deadline) | |
#[doc(alias("JoinableQueue", "SimpleQueue"))]
pub struct Queue<T> {
    raw: RawQueue,
    _items: PhantomData<fn(T) -> T>,
}

/// What closing a queue does to the items in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// They are still received; then receivers get [`RecvError::Closed`].
    Drain,
    /// They are discarded, and receivers get [`RecvError::Closed`] at once.
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

    /// Closes the queue for everybody: senders get [`SendError::Closed`] from now on, those that
    /// wait included. Closing again, with [`Close::Now`] after [`Close::Drain`] too, is fine.
    #[doc(alias = "shutdown")]
    pub fn close(&self, close: Close) {
        self.raw.close(close == Close::Now);
    }

    /// Whether the queue was closed, or has gone with its node.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Waits until every item that was sent has been received and acknowledged: by
    /// [`recv`](Queue::recv) itself, or by [`Task::done`].
    ///
    /// Items whose receiver died count as not received. Also returns when the queue is gone.
    pub fn join(&self) {
        self.raw.join(Deadline::Never);
    }

    /// [`join`](Queue::join) for a time. False: something was still unfinished.
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.raw.join(Deadline::after(timeout))
    }

    /// Sends bytes as they are, without encoding, waiting for room. For
    /// [`recv_into`](Queue::recv_into) at the other end.
    ///
    /// # Errors
    /// Closed, too large, no memory; see [`SendError`].
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.send_bytes_deadline(bytes, Deadline::Never)
    }

    /// [`send_bytes`](Queue::send_bytes) without waiting.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn try_send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.send_bytes_deadline(bytes, Deadline::Now)
    }

    /// [`send_bytes`](Queue::send_bytes) for a time.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn send_bytes_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), SendError<()>> {
        self.send_bytes_deadline(bytes, Deadline::after(timeout))
    }

    fn send_bytes_deadline(&self, bytes: &[u8], deadline: Deadline) -> Result<(), SendError<()>> {
        self.raw.post(bytes, deadline, Wake::Now).map_err(|error| SendError::new(error, ()))
    }

    /// Receives the bytes of the next item into `buffer`, waiting for one, and returns how many
    /// they are. The item is acknowledged.
    ///
    /// # Errors
    /// [`RecvError::Closed`]; [`RecvError::TooLarge`], and then the item is the next one again.
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_into_deadline(buffer, Deadline::Never)
    }

    /// [`recv_into`](Queue::recv_into) without waiting.
    ///
    /// # Errors
    /// As `recv_into`, and [`RecvError::Empty`].
    pub fn try_recv_into(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_into_deadline(buffer, Deadline::Now)
    }

    /// [`recv_into`](Queue::recv_into) for a time.
    ///
    /// # Errors
    /// As `recv_into`, and [`RecvError::Empty`].
    pub fn recv_into_timeout(&self, buffer: &mut [u8], timeout: Duration) -> Result<usize, RecvError> {
        self.recv_into_deadline(buffer, Deadline::after(timeout))
    }

    fn recv_into_deadline(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, RecvError> {
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
}

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
        SendFuture::new(self, item)
    }

    fn send_until(&self, item: T, deadline: Deadline) -> Result<(), SendError<T>> {
        wire::with_buffer(|buffer| match wire::encode_into(buffer, &item) {
            Err(error) => Err(SendError::Encode { item, error }),
            Ok(()) => self.raw.post(buffer, deadline, Wake::Now).map_err(|error| SendError::new(error, item)),
        })
    }
}

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
        RecvFuture::new(self)
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

    /// Receives until the queue is closed and drained. Items that cannot be decoded are passed over.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }

    fn recv_until(&self, deadline: Deadline) -> Result<T, RecvError> {
        self.raw.take(deadline).and_then(|held| self.decode_and_finish(held))
    }

    fn recv_task_until(&self, deadline: Deadline) -> Result<Task<T>, RecvError> {
        let held = self.raw.take(deadline)?;
        let window = self.raw.window().ok_or(RecvError::Closed)?;
        match self.decode(held) {
            Ok(item) => Ok(Task::new(item, self.raw.clone(), window.move_to_hand(held))),
            Err(error) => {
                window.finish(held, Wake::Now);
                Err(error)
            }
        }
    }

    fn decode(&self, held: Held) -> Result<T, RecvError> {
        let window = self.raw.window().ok_or(RecvError::Closed)?;
        wire::with_buffer(|buffer| match window.read_held(held, buffer) {
            true => Ok(wire::decode(buffer)?),
            false => Err(wire::DecodeError::Damaged.into()),
        })
    }

    fn decode_and_finish(&self, held: Held) -> Result<T, RecvError> {
        let item = self.decode(held);
        if let Some(window) = self.raw.window() {
            window.finish(held, Wake::Now);
        }
        item
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

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue { raw: self.raw.clone(), _items: PhantomData }
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
        self.raw.mark_escaped();
        self.raw.id().serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Queue<T>, D::Error> {
        let id = WindowId::deserialize(deserializer)?;
        Ok(Queue { raw: RawQueue::from_id(id), _items: PhantomData })
    }
}
