//! [`Options`]: how large a queue is, and the making of one.
//!
//! Sizes are checked where the window is laid out, not here: there is one place that knows the bounds.

use super::error::CreateError;
use super::raw::RawQueue;
use super::{LifoQueue, OrderedQueue, PriorityQueue, Queue};
use crate::node;
use crate::shm::layout::Shape;
use crate::shm::table::MakeError;
use crate::shm::window::Kind;

/// How large a queue is; the start is [`Options::new`].
///
/// All that can be in a queue at once may take up to 4 GiB of address space. A node has room for 17 000
/// queues and mailboxes of up to 512 MiB each, the default sizes among them, 1 024 of these larger, and
/// 47 000 more of up to 16 MiB.
///
/// ```
/// use actor_core::queue::{Options, Queue};
/// let queue: Queue<Vec<u8>> = Options { message_max: 16 << 20, ..Options::new(8) }.create()?;
/// # Ok::<(), actor_core::queue::CreateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Items that can be queued, from 1 to 8 388 608.
    pub capacity: usize,
    /// Bytes of the largest encoded item, up to 1 GiB. Room is reserved as address space, not as memory.
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
        self.make(Kind::Queue).map(Queue::from_raw)
    }

    /// Makes a queue from which the smallest item is received first.
    ///
    /// # Errors
    /// As for [`create`](Options::create).
    pub fn priority<T: Ord>(self) -> Result<PriorityQueue<T>, CreateError> {
        self.make(Kind::Ordered).map(OrderedQueue::from_raw)
    }

    /// Makes a queue from which the item is received first that was sent last.
    ///
    /// # Errors
    /// As for [`create`](Options::create).
    pub fn lifo<T>(self) -> Result<LifoQueue<T>, CreateError> {
        self.make(Kind::Ordered).map(OrderedQueue::from_raw)
    }

    pub(super) fn make(self, kind: Kind) -> Result<RawQueue, CreateError> {
        let out_of_bounds = CreateError::OutOfBounds { capacity: self.capacity, message_max: self.message_max };
        let Ok(capacity) = u32::try_from(self.capacity) else { return Err(out_of_bounds) };
        let shape = Shape {
            capacity,
            hands: capacity.min(HANDS_MAX),
            message_max: self.message_max as u64,
            bytes: self.bytes as u64,
        };
        let segment = node::ensure().map_err(CreateError::Memory)?;
        match RawQueue::make_kind(segment, kind, shape) {
            Ok(raw) => Ok(raw),
            Err(MakeError::Shape(_)) => Err(out_of_bounds),
            Err(error) => Err(error.into()),
        }
    }
}

/// Tasks beyond this number, held at once, stay in their slots and reduce the room for senders.
const HANDS_MAX: u32 = 1024;
