//! What can go wrong with a pipe: one type per operation, and a failed send gives the message back.

use std::fmt;

use super::half::{Half, Other};
use crate::exit::ExitReport;
use crate::id::{ProcessId, WindowId};
use crate::node;
use crate::queue;
use crate::shm::handle::Handle;
use crate::shm::post::PostError;
use crate::wire::{DecodeError, EncodeError};

/// Why a message was not sent. The message comes back, and with it whatever ends of pipes were in it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<T> {
    /// The pipe had no room in time.
    #[error("the pipe is full")]
    Full(T),
    /// The other end was closed or dropped.
    #[error("the other end of the pipe is closed")]
    #[doc(alias = "BrokenPipeError")]
    Closed(T),
    /// Nobody has the other end any more, and nobody has closed it.
    #[error("{cause}")]
    Disconnected {
        /// The message.
        item: T,
        /// Who had it.
        cause: Disconnected,
    },
    /// This end was sent to somebody else.
    #[error("this end of the pipe was sent to somebody else")]
    Moved(T),
    /// The encoded message is larger than the pipe takes.
    #[error("the encoded message has {size} bytes, the pipe takes {max}")]
    TooLarge {
        /// The message.
        item: T,
        /// Its encoded size in bytes.
        size: usize,
        /// The pipe's limit in bytes.
        max: usize,
    },
    /// The message could not be encoded.
    #[error("the message cannot be encoded: {error}")]
    Encode {
        /// The message.
        item: T,
        /// What its `Serialize` did.
        error: EncodeError,
    },
    /// There is no memory for a large message; see
    /// [`queue::SendError::NoMemory`](crate::queue::SendError::NoMemory).
    #[error("there is no memory for the message")]
    NoMemory(T),
}

impl<T> SendError<T> {
    pub(super) fn new(error: PostError, item: T, half: &Half) -> SendError<T> {
        match error {
            PostError::Full => SendError::Full(item),
            PostError::TooLarge { size, max } => SendError::TooLarge { item, size, max },
            PostError::NoMemory => SendError::NoMemory(item),
            PostError::Closed | PostError::Gone if !half.is_here() => SendError::Moved(item),
            PostError::Closed | PostError::Gone => match half.other() {
                Other::Closed => SendError::Closed(item),
                Other::Disconnected(cause) => SendError::Disconnected { item, cause },
            },
        }
    }

    /// The message that was not sent.
    pub fn into_item(self) -> T {
        match self {
            SendError::Full(item) | SendError::Closed(item) | SendError::Moved(item) | SendError::NoMemory(item) => {
                item
            }
            SendError::Disconnected { item, .. }
            | SendError::TooLarge { item, .. }
            | SendError::Encode { item, .. } => item,
        }
    }

    /// Whether a later attempt may succeed.
    pub fn is_full(&self) -> bool {
        matches!(self, SendError::Full(_))
    }

    /// The same error, for those who cannot keep the message.
    pub(crate) fn without_item(self) -> SendError<()> {
        match self {
            SendError::Full(_) => SendError::Full(()),
            SendError::Closed(_) => SendError::Closed(()),
            SendError::Moved(_) => SendError::Moved(()),
            SendError::NoMemory(_) => SendError::NoMemory(()),
            SendError::Disconnected { cause, .. } => SendError::Disconnected { item: (), cause },
            SendError::TooLarge { size, max, .. } => SendError::TooLarge { item: (), size, max },
            SendError::Encode { error, .. } => SendError::Encode { item: (), error },
        }
    }
}

// The message need not be printable.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Full(_) => f.write_str("Full(..)"),
            SendError::Closed(_) => f.write_str("Closed(..)"),
            SendError::Moved(_) => f.write_str("Moved(..)"),
            SendError::NoMemory(_) => f.write_str("NoMemory(..)"),
            SendError::Disconnected { cause, .. } => write!(f, "Disconnected {{ cause: {cause:?}, .. }}"),
            SendError::TooLarge { size, max, .. } => write!(f, "TooLarge {{ size: {size}, max: {max}, .. }}"),
            SendError::Encode { error, .. } => write!(f, "Encode {{ error: {error:?}, .. }}"),
        }
    }
}

/// Why nothing was received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// There was nothing, now or before the deadline.
    #[error("the pipe is empty")]
    Empty,
    /// The other end was closed or dropped, and all that was sent has been received.
    #[error("the other end of the pipe is closed, and all that was sent has been received")]
    #[doc(alias = "EOFError")]
    Eof,
    /// Nobody has the other end any more, nobody has closed it, and all that was sent whole has been received.
    #[error("{0}")]
    Disconnected(Disconnected),
    /// This end was sent to somebody else, or came in a message that was handed out a second time.
    #[error("this end of the pipe was sent to somebody else")]
    Moved,
    /// What was received is not a message of this type. It is gone.
    #[error("the message cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// The next message has more bytes than were asked for. It stays in the pipe, whole.
    #[error("the message has {size} bytes, more than {max}")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// Bytes that were asked for.
        max: usize,
    },
}

impl RecvError {
    pub(super) fn new(error: queue::RecvError, half: &Half) -> RecvError {
        match error {
            queue::RecvError::Empty => RecvError::Empty,
            queue::RecvError::Decode(error) => RecvError::Decode(error),
            queue::RecvError::TooLarge { size, max } => RecvError::TooLarge { size, max },
            queue::RecvError::Closed if !half.is_here() => RecvError::Moved,
            queue::RecvError::Closed => match half.other() {
                Other::Closed => RecvError::Eof,
                Other::Disconnected(cause) => RecvError::Disconnected(cause),
            },
        }
    }
}

/// Who had the other end of a pipe when it was lost, and how that came.
#[derive(Clone)]
pub struct Disconnected {
    process: Option<ProcessId>,
    pipe: WindowId,
    /// The report is there for as long as somebody has a handle on the pipe.
    _kept: Box<Handle>,
}

impl Disconnected {
    pub(super) fn new(process: Option<ProcessId>, pipe: WindowId, handle: &Handle) -> Disconnected {
        Disconnected { process, pipe, _kept: Box::new(handle.clone()) }
    }

    /// The process that has died with the end. `None`: it was in a message that was thrown away.
    pub fn process(&self) -> Option<ProcessId> {
        self.process
    }

    /// How that process ended. Asks the node, which takes some tens of microseconds, and 5 s at most where
    /// it does not answer. `None`: there is no such process, or the node does not know any more: it keeps
    /// the reports of 4096 who died with something in their hands, for as long as that is there.
    pub fn report(&self) -> Option<ExitReport> {
        node::obituary(self.pipe, self.process?)
    }
}

impl PartialEq for Disconnected {
    fn eq(&self, other: &Disconnected) -> bool {
        (self.process, self.pipe) == (other.process, other.pipe)
    }
}

impl Eq for Disconnected {}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => write!(f, "the other end of the pipe was lost with process {process}"),
            None => f.write_str("the other end of the pipe was lost with the message that it was in"),
        }
    }
}

impl fmt::Debug for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnected").field("process", &self.process).finish_non_exhaustive()
    }
}
