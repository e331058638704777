//! Casts that are sent later: a cast and a time, held by the node, and what is known of it meanwhile.
//!
//! The message is encoded and checked here and now, so whatever is wrong with it is an error of whoever
//! sends it. From then on it is bytes. Times that an actor sets for itself are [`ticks`](super::ticks), which
//! need no node.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::cast::Cast;
use super::error::Unsent;
use super::post::{self, Limit, PostFailure};
use crate::core::{Missed, Period};
use crate::id::ProcessId;
use crate::mailbox::Mailbox;
use crate::node::{self, Answer, LATER_BYTES_MAX, LATER_PERIOD_MIN, LaterSpec, Request};
use crate::time::{Deadline, Moment};
use crate::wire::{Bytes, EncodeError};

/// How long to wait for the node.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message that is to be sent later, as plain data: it means the same in every process of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerRef(u64);

impl TimerRef {
    /// Has the message not sent. True: it is in no mailbox and will not be. False: it was sent, or became a
    /// dead letter, or was cancelled before, or whoever set it has ended.
    ///
    /// Of a periodic one, true says that there will be no further message.
    ///
    /// # Errors
    /// The node is gone or does not answer within 5 s.
    pub fn cancel(self) -> io::Result<bool> {
        match node::ask(&Request::CancelLater { number: self.0 }, Deadline::after(PATIENCE)) {
            Ok(answer) => Ok(matches!(answer, Answer::Done)),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl<M> Cast<M> {
    /// Sends the cast after `delay`. After the end of the clock is never.
    ///
    /// The message is encoded now, and held by the node until its time has come. Then it is a message like
    /// any other. It goes with the process that has set it: if that has ended by then, it is not sent,
    /// unless it is [`surviving`](Cast::surviving). An actor that is being restarted gets it in its next
    /// life. Where the mailbox is full it waits, for as long as the cast would: the actor's `timeout`, or
    /// what [`timeout`](Cast::timeout) says. After that it becomes a dead letter; so does one for an actor that
    /// has ended for good, as soon as it has.
    ///
    /// The node is asked once, which in async code blocks for a moment.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actor_core::prelude::*;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Actor, Serialize, Deserialize)]
    /// struct Oven {
    ///     is_hot: bool,
    /// }
    ///
    /// #[handlers]
    /// impl Oven {
    ///     #[cast]
    ///     fn heat(&mut self, is_hot: bool) {
    ///         self.is_hot = is_hot;
    ///     }
    ///
    ///     #[call]
    ///     fn is_hot(&self) -> bool {
    ///         self.is_hot
    ///     }
    /// }
    ///
    /// fn main() -> actor_core::Result<()> {
    ///     let oven = Oven { is_hot: false }.spawn()?;
    ///     let soon = oven.heat(true).send_after(Duration::from_millis(10))?;
    ///     let later = oven.heat(false).send_after(Duration::from_secs(3600))?;
    ///     while !oven.is_hot().wait()? {}
    ///     assert!(later.cancel()?);
    ///     assert!(!soon.cancel()?, "it was sent");
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`LaterError`], which gives the cast back.
    pub fn send_after(self, delay: Duration) -> Result<TimerRef, LaterError<M>> {
        self.set(Instant::now().checked_add(delay), None)
    }

    /// [`send_after`](Cast::send_after) at a moment; now, if that has passed.
    ///
    /// # Errors
    /// See [`LaterError`], which gives the cast back.
    pub fn send_at(self, at: Instant) -> Result<TimerRef, LaterError<M>> {
        self.set(Some(at), None)
    }

    /// [`send_after`](Cast::send_after) again and again, first after one `period`, until somebody cancels it,
    /// its sender ends, or the actor for good.
    ///
    /// Its times do not drift. There is one message of it on its way at a time: while one waits for room
    /// in the mailbox, the others are late, and `missed` says what becomes of those.
    ///
    /// # Errors
    /// See [`LaterError`], which gives the cast back. The shortest period is 1 ms; an actor that needs shorter
    /// ones has [`Context::every`](crate::Context::every).
    pub fn send_every(self, period: Duration, missed: Missed) -> Result<TimerRef, LaterError<M>> {
        if period < LATER_PERIOD_MIN {
            return Err(LaterError::Period(self));
        }
        self.set(Instant::now().checked_add(period), Some(Period { every: period, missed }))
    }

    /// One that is sent later is sent even if this process has ended by then: it belongs to the node. Says
    /// nothing to [`send`](Cast::send) and its like.
    ///
    /// An actor that is started again sets such a timer again, if it does so at its start.
    pub fn surviving(self) -> Cast<M> {
        Cast { survives: true, ..self }
    }

    fn set(self, at: Option<Instant>, period: Option<Period>) -> Result<TimerRef, LaterError<M>> {
        let mut payload = Vec::new();
        if let Err(failure) = post::encode_behind(&[], self.handler, &self.message, &mut payload) {
            return Err(match failure {
                PostFailure::Encode(source) => LaterError::Encode { cast: self, source },
                _ => LaterError::NoProc(self),
            });
        }
        // Before the node is asked: who is in no process of a node has nobody to send to.
        let Some(mailbox) = Mailbox::attach(self.address.actor) else { return Err(LaterError::NoProc(self)) };
        let max = mailbox.payload_max().min(LATER_BYTES_MAX);
        if max < payload.len() {
            return Err(LaterError::TooLarge { size: payload.len(), max, cast: self });
        }
        let spec = match self.spec(at, period, payload) {
            Ok(spec) => spec,
            Err(error) => return Err(LaterError::System { text: error.to_string(), cast: self }),
        };
        match node::ask(&Request::Later(spec), Deadline::after(PATIENCE)) {
            Ok(Answer::Later { number }) => Ok(TimerRef(number)),
            Ok(Answer::NoProc) => Err(LaterError::NoProc(self)),
            Ok(Answer::TooMany) => Err(LaterError::TooMany(self)),
            Ok(other) => Err(LaterError::System { text: format!("the node answered {other:?}"), cast: self }),
            Err(error) => Err(LaterError::System { text: error.to_string(), cast: self }),
        }
    }

    fn spec(&self, at: Option<Instant>, period: Option<Period>, payload: Vec<u8>) -> io::Result<LaterSpec> {
        let segment = node::ensure()?;
        let by = ProcessId { participant: segment.me(), generation: segment.record(segment.me()).generation() };
        let patience = match (self.limit, at) {
            (Limit::After(patience), _) => patience,
            (Limit::Until(until), Some(at)) => until.saturating_duration_since(at),
            (Limit::Until(_), None) => Duration::ZERO,
        };
        Ok(LaterSpec {
            by,
            to: self.address.actor,
            life: self.address.life,
            handler: self.handler.info.index,
            on_crash: self.handler.info.on_crash,
            at: at.and_then(Moment::of),
            period,
            patience,
            survives: self.survives,
            payload: Bytes(payload),
        })
    }
}

/// Why a cast will not be sent later. It gives the cast back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum LaterError<M: 'static> {
    /// The actor has ended for good.
    #[error("{0} will not be sent: the actor has ended")]
    NoProc(Cast<M>),
    /// This process has 65 536 messages, or 16 MiB of them, that wait for their time; or there are as many,
    /// or 64 MiB, that survive, of all processes together.
    #[error("{0} will not be sent: too many others wait for their time")]
    TooMany(Cast<M>),
    /// The period is shorter than 1 ms.
    #[error("{0} will not be sent: its period is shorter than {LATER_PERIOD_MIN:?}")]
    Period(Cast<M>),
    /// The encoded message does not fit into the mailbox, or has more than 1 MiB.
    #[error("{cast}: the message has {size} bytes, of at most {max}")]
    TooLarge {
        /// What will not be sent.
        cast: Cast<M>,
        /// Bytes of the message.
        size: usize,
        /// Bytes of the largest message that can be sent later.
        max: usize,
    },
    /// The message could not be encoded.
    #[error("{cast}: the message cannot be sent")]
    Encode {
        /// What will not be sent.
        cast: Cast<M>,
        /// What serde said.
        source: EncodeError,
    },
    /// The node did not answer, or there is none; a text.
    #[error("{cast}: {text}")]
    System {
        /// What will not be sent.
        cast: Cast<M>,
        /// What was in the way.
        text: String,
    },
}

impl<M> LaterError<M> {
    /// The cast that will not be sent.
    pub fn into_cast(self) -> Cast<M> {
        match self {
            LaterError::NoProc(cast) | LaterError::TooMany(cast) | LaterError::Period(cast) => cast,
            LaterError::TooLarge { cast, .. } | LaterError::Encode { cast, .. } => cast,
            LaterError::System { cast, .. } => cast,
        }
    }

    /// What stands in its place where nobody wants the cast back.
    pub(crate) fn without_message(self) -> Unsent {
        let text = self.to_string();
        match self {
            LaterError::Encode { source, .. } => Unsent { text, source: Some(source) },
            _ => Unsent { text, source: None },
        }
    }

    fn variant(&self) -> &'static str {
        match self {
            LaterError::NoProc(_) => "NoProc",
            LaterError::TooMany(_) => "TooMany",
            LaterError::Period(_) => "Period",
            LaterError::TooLarge { .. } => "TooLarge",
            LaterError::Encode { .. } => "Encode",
            LaterError::System { .. } => "System",
        }
    }
}

/// Asks nothing of the message: `unwrap` works on every cast.
impl<M> fmt::Debug for LaterError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.variant())
    }
}
