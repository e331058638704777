//! [`OrderedQueue`] itself: a handle that is plain data, and what can be asked of the whole queue.

use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::order::{Latest, Order, Smallest};
use crate::queue::error::{CreateError, TooManyDone};
use crate::queue::raw::RawQueue;
use crate::queue::waiting::{Channel, Look};
use crate::queue::{Close, Options, ledger};
use crate::shm::handle::Handle;
use crate::shm::post::PostError;
use crate::shm::window::Kind;
use crate::time::Deadline;
use crate::wait::{Opened, Source};
use crate::wire::travel::Travellers;

/// A queue from which the smallest item is received first, and equal ones in the order of sending.
///
/// Wrapped in [`Reverse`](std::cmp::Reverse), the largest comes first. Items are put in order by their own
/// [`Ord`], in the processes that receive: for each item a few are decoded and compared, as many as the
/// number of items has binary digits, twice. A comparison that panics is a panic of whoever receives, and
/// nothing is lost by it; it must not itself receive from an ordered queue, and panics if it does. For the
/// sake of these copies an item cannot hold the end of a pipe or a reply handle: that is an error of the send.
///
/// ```
/// use actor_core::queue::PriorityQueue;
///
/// # fn main() -> actor_core::Result<()> {
/// let queue = PriorityQueue::bounded(10)?;
/// queue.send((3, "sweep".to_owned()))?;
/// queue.send((1, "wake up".to_owned()))?;
/// queue.send((2, "cook".to_owned()))?;
/// assert_eq!(queue.recv()?, (1, "wake up".to_owned()));
/// assert_eq!(queue.recv()?.1, "cook");
/// # Ok(())
/// # }
/// ```
pub type PriorityQueue<T> = OrderedQueue<T, Smallest>;

/// A queue from which the item is received first that was sent last: a stack.
///
/// ```
/// use actor_core::queue::LifoQueue;
///
/// # fn main() -> actor_core::Result<()> {
/// let queue = LifoQueue::bounded(10)?;
/// for number in [1, 2, 3] {
///     queue.send(number)?;
/// }
/// assert_eq!((queue.recv()?, queue.recv()?, queue.recv()?), (3, 2, 1));
/// # Ok(())
/// # }
/// ```
pub type LifoQueue<T> = OrderedQueue<T, Latest>;

/// A bounded queue between processes with an order of its own: [`PriorityQueue`] or [`LifoQueue`].
///
/// It has the forms of [`Queue`](super::super::Queue), and behaves as that does when somebody dies, when it
/// is closed, and when a handle is sent. An item that is given back has its old place in the order. What it
/// does not have are batches, items as bytes or by a reader, and the stream and the sink: where these are
/// wanted, mostly the order is not.
///
/// | | waits | not at all | for a time | until a time | async |
/// |---|---|---|---|---|---|
/// | send | [`send`](OrderedQueue::send) | [`try_send`](OrderedQueue::try_send) | [`send_timeout`](OrderedQueue::send_timeout) | [`send_deadline`](OrderedQueue::send_deadline) | [`send_async`](OrderedQueue::send_async) |
/// | receive | [`recv`](OrderedQueue::recv) | [`try_recv`](OrderedQueue::try_recv) | [`recv_timeout`](OrderedQueue::recv_timeout) | [`recv_deadline`](OrderedQueue::recv_deadline) | [`recv_async`](OrderedQueue::recv_async) |
/// | receive, acknowledge later | [`recv_task`](OrderedQueue::recv_task) | [`try_recv_task`](OrderedQueue::try_recv_task) | [`recv_task_timeout`](OrderedQueue::recv_task_timeout) | [`recv_task_deadline`](OrderedQueue::recv_task_deadline) | [`recv_task_async`](OrderedQueue::recv_task_async) |
///
/// # Who is stopped
/// Senders wait for nobody but for room. Receivers take turns, for as long as it takes to find what comes
/// first; one that is stopped in the middle of that holds the others up until it goes on or is killed.
/// Whoever has given a time limit gets [`RecvError::Empty`](super::super::RecvError::Empty) in time, and
/// who does not wait at all after 20 ms.
#[doc(alias("PriorityQueue", "LifoQueue"))]
pub struct OrderedQueue<T, O> {
    pub(super) raw: RawQueue,
    _items: PhantomData<fn(T) -> (T, O)>,
}

impl<T, O> OrderedQueue<T, O> {
    /// Makes a queue for `capacity` items of up to 1 MiB; see [`Options`] for other sizes.
    ///
    /// # Errors
    /// See [`CreateError`]: a capacity of zero or out of bounds, too many queues, no memory.
    #[doc(alias = "maxsize")]
    pub fn bounded(capacity: usize) -> Result<OrderedQueue<T, O>, CreateError> {
        Options::new(capacity).make(Kind::Ordered).map(OrderedQueue::from_raw)
    }

    /// Items in the queue, those that a receiver holds not counted. Exact while nobody sends or
    /// receives; otherwise a snapshot that may be old when it is returned.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.raw.window().map_or(0, |window| window.len() as usize)
    }

    /// Whether [`len`](OrderedQueue::len) is 0.
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

    /// Closes the queue for everybody, as [`Queue::close`](super::super::Queue::close) does.
    #[doc(alias = "shutdown")]
    pub fn close(&self, close: Close) {
        self.raw.close(close == Close::Now);
    }

    /// Whether the queue was closed, or has gone with its node.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Waits until every item that was sent has been received and acknowledged, as
    /// [`Queue::join`](super::super::Queue::join) does.
    pub fn join(&self) {
        self.raw.join(Deadline::Never);
    }

    /// [`join`](OrderedQueue::join) for a time. False: something was still unfinished.
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.raw.join(Deadline::after(timeout))
    }

    /// [`join`](OrderedQueue::join) until a point in time. False: something was still unfinished.
    pub fn join_deadline(&self, deadline: Instant) -> bool {
        self.raw.join(deadline.into())
    }

    /// Acknowledges one item that this process has kept, as
    /// [`Queue::task_done`](super::super::Queue::task_done) does.
    ///
    /// # Errors
    /// Nothing that was kept is unfinished; nothing has changed.
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        ledger::finish_one(self.raw.handle())
    }

    #[cfg(feature = "testing")]
    pub(crate) fn window(&self) -> Option<&crate::shm::window::Window> {
        self.raw.window()
    }

    pub(in crate::queue) fn from_raw(raw: RawQueue) -> OrderedQueue<T, O> {
        OrderedQueue { raw, _items: PhantomData }
    }
}

impl<T, O: Order<T>> Channel for OrderedQueue<T, O> {
    fn raw(&self) -> &RawQueue {
        &self.raw
    }

    fn look(&self) -> Look {
        self.raw.look_first(O::take_first, Deadline::Now)
    }

    fn carries(&self) -> bool {
        O::CARRIES
    }

    fn try_post(&self, item: &[u8], travellers: &Travellers) -> Result<(), PostError> {
        self.raw.post_ranked(item, travellers, O::RANK, Deadline::Now)
    }
}

/// Ready while there is something to receive, or nothing any more.
impl<T, O> Source for OrderedQueue<T, O> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Words(&self.raw))
    }
}

impl<T, O> Clone for OrderedQueue<T, O> {
    fn clone(&self) -> OrderedQueue<T, O> {
        OrderedQueue::from_raw(self.raw.clone())
    }
}

/// Two handles are equal when they are on the same queue.
impl<T, O> PartialEq for OrderedQueue<T, O> {
    fn eq(&self, other: &OrderedQueue<T, O>) -> bool {
        self.raw.id() == other.raw.id()
    }
}

impl<T, O> Eq for OrderedQueue<T, O> {}

impl<T, O> std::fmt::Debug for OrderedQueue<T, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.raw.id();
        write!(f, "OrderedQueue({}.{}, {} of {})", id.index, id.generation, self.len(), self.capacity())
    }
}

impl<T, O> Serialize for OrderedQueue<T, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.handle().send(serializer)
    }
}

impl<'de, T, O> Deserialize<'de> for OrderedQueue<T, O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OrderedQueue<T, O>, D::Error> {
        Ok(OrderedQueue::from_raw(RawQueue::of_handle(Handle::receive(deserializer, Kind::Ordered)?)))
    }
}
