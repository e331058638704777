//! Errors: a type per operation. Texts name the actor and the operation.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use super::behaviour::Failure;
use super::cast::Cast;
use super::cycle::Cycle;
use crate::exit::ExitReport;
use crate::id::ActorId;
use crate::wire::{DecodeError, EncodeError};

/// Why a call has no reply.
///
/// After [`Timeout`](CallError::Timeout) and [`WouldDeadlock`](CallError::WouldDeadlock) the actor may
/// still handle the call, or have handled it; its late reply is dropped. After all others but
/// [`Died`](CallError::Died), [`Handler`](CallError::Handler), [`Unanswered`](CallError::Unanswered),
/// [`Decode`](CallError::Decode) and [`Failed`](CallError::Failed) it surely was not handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The handler returned this error; the actor lives on.
    #[error("{0}")]
    Handler(E),
    /// The actor died with the call in hand, or for good before it came to it; or whoever had the
    /// [`ReplyTo`](crate::ReplyTo) of the call has ended.
    #[error("{0}")]
    Died(Box<ExitReport>),
    /// There was no reply in time.
    #[error("{0} had no reply in time")]
    Timeout(Operation),
    /// There is no such actor any more.
    #[error("{0} failed: the actor has ended")]
    NoProc(Operation),
    /// The actor is stopping, and did not come to this call.
    #[error("{0} was refused: the actor is stopping")]
    Closed(Operation),
    /// Whoever had the [`ReplyTo`](crate::ReplyTo) of the call has dropped it.
    #[error("{0} was handled and not answered")]
    Unanswered(Operation),
    /// The actor called itself and would wait for ever.
    #[error("{0} comes from the actor itself, which would wait for ever")]
    CallingSelf(Operation),
    /// The actor waits, by itself or by way of others, for the actor that calls; see [`Call`](super::Call).
    /// The call is given up at once. It may still be handled, as after a timeout, if it was in the mailbox
    /// already.
    #[error("{operation} would wait for itself: {cycle}")]
    WouldDeadlock {
        /// What was tried.
        operation: Operation,
        /// Who waits for whom.
        cycle: Cycle,
    },
    /// The encoded arguments do not fit into the mailbox.
    #[error("{operation}: the message has {size} bytes, of at most {max}")]
    TooLarge {
        /// What was tried.
        operation: Operation,
        /// Bytes of the message.
        size: usize,
        /// Bytes of the largest message that the actor takes.
        max: usize,
    },
    /// The arguments could not be encoded; nothing was sent.
    #[error("{operation}: the arguments cannot be sent")]
    Encode {
        /// What was tried.
        operation: Operation,
        /// What serde said.
        source: EncodeError,
    },
    /// The reply could not be decoded.
    #[error("{operation}: the reply cannot be read")]
    Decode {
        /// What was tried.
        operation: Operation,
        /// What serde said.
        source: DecodeError,
    },
    /// The system or the actor could not do its part; a text.
    #[error("{operation}: {text}")]
    Failed {
        /// What was tried.
        operation: Operation,
        /// What was in the way.
        text: String,
    },
}

/// Which handler of which actor an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub(super) verb: &'static str,
    pub(super) handler: &'static str,
    pub(super) name: &'static str,
    pub(super) actor: ActorId,
}

impl Operation {
    /// The actor.
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// The handler.
    pub fn handler(&self) -> &'static str {
        self.handler
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { verb, handler, name, actor } = self;
        write!(f, "{verb} `{handler}` to `{name}` {actor}")
    }
}

/// Why a cast was not sent. It gives the cast back, to be sent again or elsewhere.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M: 'static> {
    /// The mailbox had no room in time.
    #[error("{0} found no room in the mailbox")]
    Full(Cast<M>),
    /// The mailbox had no room, and its actor waits, by itself or by way of others, for the actor that
    /// sends; see [`Call`](super::Call).
    #[error("{cast} would wait for itself: {cycle}")]
    WouldDeadlock {
        /// What was not sent.
        cast: Cast<M>,
        /// Who waits for whom.
        cycle: Cycle,
    },
    /// The actor is stopping.
    #[error("{0} was refused: the actor is stopping")]
    Closed(Cast<M>),
    /// There is no such actor any more.
    #[error("{0} failed: the actor has ended")]
    NoProc(Cast<M>),
    /// The encoded message does not fit into the mailbox.
    #[error("{cast}: the message has {size} bytes, of at most {max}")]
    TooLarge {
        /// What was not sent.
        cast: Cast<M>,
        /// Bytes of the message.
        size: usize,
        /// Bytes of the largest message that the actor takes.
        max: usize,
    },
    /// The message could not be encoded.
    #[error("{cast}: the message cannot be sent")]
    Encode {
        /// What was not sent.
        cast: Cast<M>,
        /// What serde said.
        source: EncodeError,
    },
    /// The system had no memory for the message.
    #[error("{0} found no memory for the message")]
    NoMemory(Cast<M>),
}

impl<M> SendError<M> {
    /// The cast that was not sent.
    pub fn into_cast(self) -> Cast<M> {
        match self {
            SendError::Full(cast) | SendError::Closed(cast) | SendError::NoProc(cast) => cast,
            SendError::WouldDeadlock { cast, .. } => cast,
            SendError::TooLarge { cast, .. } | SendError::Encode { cast, .. } => cast,
            SendError::NoMemory(cast) => cast,
        }
    }

    /// What stands in its place where nobody wants the cast back.
    pub(crate) fn without_message(self) -> Unsent {
        let text = self.to_string();
        match self {
            SendError::Encode { source, .. } => Unsent { text, source: Some(source) },
            _ => Unsent { text, source: None },
        }
    }

    fn variant(&self) -> &'static str {
        match self {
            SendError::Full(_) => "Full",
            SendError::WouldDeadlock { .. } => "WouldDeadlock",
            SendError::Closed(_) => "Closed",
            SendError::NoProc(_) => "NoProc",
            SendError::TooLarge { .. } => "TooLarge",
            SendError::Encode { .. } => "Encode",
            SendError::NoMemory(_) => "NoMemory",
        }
    }
}

/// Asks nothing of the message: `unwrap` works on every send.
impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.variant())
    }
}

/// The text of a [`SendError`] or [`LaterError`](super::LaterError) whose cast was dropped.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Unsent {
    pub(super) text: String,
    pub(super) source: Option<EncodeError>,
}

/// Why an actor was not spawned, one whose `init` fails with `E`. Nothing of it is left.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError<E = Infallible> {
    /// Its `init` returned an error.
    #[error("actor `{name}` could not begin: {failure}")]
    Init {
        /// The name of the actor.
        name: String,
        /// The text of the error.
        failure: Failure,
        /// The error itself, if it can travel: if serde can write and read it.
        error: Option<E>,
    },
    /// Its process ended before `init` had returned: a panic, a signal, an exit.
    #[error("actor `{name}` did not come up: {report}")]
    Died {
        /// The name of the actor.
        name: String,
        /// How the process ended.
        report: Box<ExitReport>,
    },
    /// Its `init` had not returned in time, and the process was killed.
    #[error("actor `{name}` was not up within {after:?}")]
    Timeout {
        /// The name of the actor.
        name: String,
        /// The time it was given.
        after: Duration,
    },
    /// Its arguments could not be encoded; no process was made.
    #[error("the arguments of actor `{name}` cannot be sent")]
    Encode {
        /// The name of the actor.
        name: String,
        /// What serde said.
        source: EncodeError,
    },
    /// The system has no room for another process or mailbox, or lacks what this crate needs; or the
    /// node has 16 000 processes already, about as many as it can have at once.
    #[error("actor `{name}` cannot be spawned: {text}")]
    System {
        /// The name of the actor.
        name: String,
        /// What was in the way.
        text: String,
    },
}

impl<E> SpawnError<E> {
    /// What `init` returned, if that is why, and if it can travel.
    pub fn into_init_error(self) -> Option<E> {
        match self {
            SpawnError::Init { error, .. } => error,
            _ => None,
        }
    }

    /// The same without the error that `init` returned, of which the text stays: one type for the
    /// actors of all types.
    pub fn without_init_error(self) -> SpawnError {
        match self {
            SpawnError::Init { name, failure, .. } => SpawnError::Init { name, failure, error: None },
            SpawnError::Died { name, report } => SpawnError::Died { name, report },
            SpawnError::Timeout { name, after } => SpawnError::Timeout { name, after },
            SpawnError::Encode { name, source } => SpawnError::Encode { name, source },
            SpawnError::System { name, text } => SpawnError::System { name, text },
        }
    }

    fn variant(&self) -> &'static str {
        match self {
            SpawnError::Init { .. } => "Init",
            SpawnError::Died { .. } => "Died",
            SpawnError::Timeout { .. } => "Timeout",
            SpawnError::Encode { .. } => "Encode",
            SpawnError::System { .. } => "System",
        }
    }
}

/// Asks nothing of the error: `unwrap` works on every spawn.
impl<E> fmt::Debug for SpawnError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.variant())
    }
}

/// Why an actor could not be stopped, killed or looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// It had ended before.
    #[error("`{name}` {actor} has ended")]
    NoProc {
        /// The name of the actor.
        name: &'static str,
        /// The actor.
        actor: ActorId,
    },
    /// It was the actor itself that asked, and would wait for its own end.
    #[error("`{name}` {actor} waits for its own end: use `Context::stop`")]
    CallingSelf {
        /// The name of the actor.
        name: &'static str,
        /// The actor.
        actor: ActorId,
    },
    /// The node could not do it.
    #[error("`{name}` {actor} cannot be stopped: {text}")]
    System {
        /// The name of the actor.
        name: &'static str,
        /// The actor.
        actor: ActorId,
        /// What was in the way.
        text: String,
    },
}
