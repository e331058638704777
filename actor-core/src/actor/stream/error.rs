//! [`StreamError`]: why a stream has ended before its last item.

use crate::actor::error::Operation;
use crate::exit::ExitReport;
use crate::wire::DecodeError;

/// Why there are no more items, though the handler may have had some. It is the last that a stream gives,
/// after all items that the actor has sent.
///
/// What goes wrong before the handler has returned its iterator is a [`CallError`](crate::CallError). What
/// the handler itself has to say about an item is part of the item: let it give `Result`s.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The actor died in the middle.
    #[error("{0}")]
    Died(Box<ExitReport>),
    /// There was no next item in time.
    #[error("{0} had no next item in time")]
    Timeout(Operation),
    /// The caller has read nothing for longer than it would have waited for an item, and the actor has gone
    /// on with other messages.
    #[error("{0} was ended by the actor, since nothing was read for too long")]
    Stalled(Operation),
    /// Somebody asked the actor to stop, and it did between two items.
    #[error("{0} was cut short: the actor is stopping")]
    Closed(Operation),
    /// An item could not be decoded.
    #[error("{operation}: an item cannot be read")]
    Decode {
        /// What was tried.
        operation: Operation,
        /// What serde said.
        source: DecodeError,
    },
    /// The system or the actor could not do its part, such as to encode an item; a text.
    #[error("{operation}: {text}")]
    Failed {
        /// What was tried.
        operation: Operation,
        /// What was in the way.
        text: String,
    },
}
