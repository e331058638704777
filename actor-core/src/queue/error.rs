//! What can go wrong with a queue: one type per operation, and a failed send gives the item back.

use std::fmt;

use crate::shm::post::PostError;
use crate::shm::table::MakeError;
use crate::wire::{DecodeError, EncodeError};

/// Why a queue could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The capacity is zero, or a size is beyond what [`Options`](super::Options) allows.
    #[error("a queue of {capacity} messages of up to {message_max} bytes is out of bounds")]
    OutOfBounds {
        /// Messages.
        capacity: usize,
        /// Bytes of the largest message.
        message_max: usize,
    },
    /// The node's table of queues of this size is full.
    #[error("the node has no room for another queue of this size")]
    Exhausted,
    /// The system refuses memory, or lacks what a node needs; or a control group has hardly any left, as
    /// for [`SendError::NoMemory`].
    #[error("there is no memory for the queue")]
    Memory(#[source] std::io::Error),
}

impl From<MakeError> for CreateError {
    fn from(error: MakeError) -> CreateError {
        match error {
            MakeError::Shape(shape) => {
                CreateError::OutOfBounds { capacity: shape.capacity as usize, message_max: shape.message_max as usize }
            }
            MakeError::Exhausted => CreateError::Exhausted,
            MakeError::Memory(error) => CreateError::Memory(error),
        }
    }
}

/// Why an item was not sent. The item comes back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<T> {
    /// The queue had no room in time.
    #[error("the queue is full")]
    Full(T),
    /// The queue was closed.
    #[error("the queue is closed")]
    Closed(T),
    /// The encoded item is larger than the queue takes.
    #[error("the encoded item has {size} bytes, the queue takes {max}")]
    TooLarge {
        /// The item.
        item: T,
        /// Its encoded size in bytes.
        size: usize,
        /// The queue's limit in bytes.
        max: usize,
    },
    /// The item could not be encoded.
    #[error("the item cannot be encoded: {error}")]
    Encode {
        /// The item.
        item: T,
        /// What its `Serialize` did.
        error: EncodeError,
    },
    /// The system has no memory for a large item, or a control group has hardly any left: a sixteenth of
    /// its limit, or 64 MiB. At the limit itself the kernel refuses nothing and kills a process of the
    /// group, which is then reported as [`OomKilled`](crate::ExitReason::OomKilled): that can still
    /// happen to who takes memory of his own.
    #[error("there is no memory for the item")]
    NoMemory(T),
}

impl<T> SendError<T> {
    pub(super) fn new(error: PostError, item: T) -> SendError<T> {
        match error {
            PostError::Full => SendError::Full(item),
            PostError::Closed | PostError::Gone => SendError::Closed(item),
            PostError::TooLarge { size, max } => SendError::TooLarge { item, size, max },
            PostError::NoMemory => SendError::NoMemory(item),
        }
    }

    /// The item that was not sent.
    pub fn into_item(self) -> T {
        match self {
            SendError::Full(item) | SendError::Closed(item) | SendError::NoMemory(item) => item,
            SendError::TooLarge { item, .. } | SendError::Encode { item, .. } => item,
        }
    }

    /// Whether a later attempt may succeed.
    pub fn is_full(&self) -> bool {
        matches!(self, SendError::Full(_))
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> SendError<U> {
        match self {
            SendError::Full(item) => SendError::Full(change(item)),
            SendError::Closed(item) => SendError::Closed(change(item)),
            SendError::NoMemory(item) => SendError::NoMemory(change(item)),
            SendError::TooLarge { item, size, max } => SendError::TooLarge { item: change(item), size, max },
            SendError::Encode { item, error } => SendError::Encode { item: change(item), error },
        }
    }
}

// The item need not be printable.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Full(_) => f.write_str("Full(..)"),
            SendError::Closed(_) => f.write_str("Closed(..)"),
            SendError::NoMemory(_) => f.write_str("NoMemory(..)"),
            SendError::TooLarge { size, max, .. } => write!(f, "TooLarge {{ size: {size}, max: {max}, .. }}"),
            SendError::Encode { error, .. } => write!(f, "Encode {{ error: {error:?}, .. }}"),
        }
    }
}

/// [`task_done`](super::Queue::task_done) was called, and this process has kept nothing of the queue that is
/// unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more was called done than this process has kept of the queue")]
pub struct TooManyDone;

/// Why nothing was received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// There was nothing, now or before the deadline.
    #[error("the queue is empty")]
    Empty,
    /// The queue was closed, and what was in it has been received or discarded.
    #[error("the queue is closed")]
    Closed,
    /// What was received is not an item of this type. It is gone.
    #[error("the item cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// What lies first has more bytes than the buffer. It stays in the queue.
    #[error("the item has {size} bytes, the buffer {max}")]
    TooLarge {
        /// Bytes of the item.
        size: usize,
        /// Bytes of the buffer.
        max: usize,
    },
}
