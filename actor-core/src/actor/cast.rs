//! [`Cast`]: a message without reply. It is handled later, or becomes a dead letter.

use std::fmt;
use std::time::{Duration, Instant};

use super::actor_ref::Address;
use super::error::SendError;
use super::handler::Handler;
use super::post::{self, Limit, Origin, PostFailure};
use crate::logs;
use crate::time::Deadline;
use crate::wire;

/// A cast that is not sent yet: the value of `counter.reset()`.
///
/// | to | write |
/// |---|---|
/// | send it, waiting for room at most the actor's `timeout` (5 s) | `cast.send()?` |
/// | do so in async code | `cast.await?` |
/// | send it only if there is room now | `cast.try_send()?` |
/// | wait longer or less for room | `cast.timeout(d).send()?`, `cast.deadline(at).send()?` |
/// | send it later, or again and again | `cast.send_after(d)?`, `cast.send_at(at)?`, `cast.send_every(d, missed)?` |
///
/// What was sent is in the mailbox when this returns, and outlives a crash of the actor. A send
/// that fails gives the cast back inside its error.
///
/// An actor that sends to a full mailbox while its receiver waits for it, by itself or by way of others,
/// does not wait: see [`Call`](super::Call) about actors that wait for each other.
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// #[actor(capacity = 2)]
/// struct Journal {
///     lines: Vec<String>,
/// }
///
/// #[handlers]
/// impl Journal {
///     #[cast]
///     fn write(&mut self, line: String) {
///         self.lines.push(line);
///     }
///
///     #[call]
///     fn count(&self) -> usize {
///         self.lines.len()
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let journal = Journal { lines: Vec::new() }.spawn()?;
///     journal.write("one".into()).send()?;
///     journal.write("two".into()).send()?;
///     match journal.write("three".into()).try_send() {
///         // It has come back, to be sent with more patience.
///         Err(SendError::Full(cast)) => cast.timeout(Duration::from_secs(10)).send()?,
///         other => other?,
///     }
///     assert_eq!(journal.count().wait()?, 3);
///     Ok(())
/// }
/// ```
#[must_use = "a cast does nothing until it is sent: `.send()`, `.try_send()` or `.await` it"]
pub struct Cast<M: 'static> {
    pub(super) address: Address,
    pub(super) handler: &'static Handler<M>,
    pub(super) message: M,
    pub(super) limit: Limit,
    /// Whether it is sent later although this process has ended.
    pub(super) survives: bool,
}

impl<M> Cast<M> {
    /// A cast to `handler` at `address`; generated code and hand-written calls types use this.
    pub fn new(address: Address, handler: &'static Handler<M>, message: M) -> Cast<M> {
        Cast { address, handler, message, limit: Limit::After(handler.info.timeout), survives: false }
    }

    /// Waits so long for room, counted from when the cast is sent.
    pub fn timeout(self, timeout: Duration) -> Cast<M> {
        Cast { limit: Limit::After(timeout), ..self }
    }

    /// Waits for room until then.
    pub fn deadline(self, at: Instant) -> Cast<M> {
        Cast { limit: Limit::Until(at), ..self }
    }

    /// Sends the cast, waiting for room in the mailbox. An actor that sends to itself does not
    /// wait: it alone makes room.
    ///
    /// # Errors
    /// Nothing was sent; see [`SendError`], which gives the cast back.
    pub fn send(self) -> Result<(), SendError<M>> {
        let limit = self.limit;
        self.send_until(|| limit.deadline())
    }

    /// Sends the cast if there is room now.
    ///
    /// # Errors
    /// As for [`send`](Cast::send).
    pub fn try_send(self) -> Result<(), SendError<M>> {
        self.send_until(|| Deadline::Now)
    }

    fn send_until(self, deadline: impl FnOnce() -> Deadline) -> Result<(), SendError<M>> {
        let origin = Origin { reply: None, trace: logs::casting() };
        let posted =
            wire::with_buffer(|buffer| post::post(self.address, self.handler, &self.message, origin, buffer, deadline));
        posted.map_err(|failure| self.not_sent(failure))
    }

    /// The arguments that would be sent.
    pub fn message(&self) -> &M {
        &self.message
    }

    /// The arguments, instead of sending them.
    pub fn into_message(self) -> M {
        self.message
    }

    pub(super) fn not_sent(self, failure: PostFailure) -> SendError<M> {
        match failure {
            PostFailure::Full => SendError::Full(self),
            PostFailure::WouldDeadlock(cycle) => SendError::WouldDeadlock { cast: self, cycle },
            PostFailure::Closed => SendError::Closed(self),
            PostFailure::NoProc => SendError::NoProc(self),
            PostFailure::TooLarge { size, max } => SendError::TooLarge { cast: self, size, max },
            PostFailure::NoMemory => SendError::NoMemory(self),
            PostFailure::Encode(source) => SendError::Encode { cast: self, source },
        }
    }
}

/// What would be sent where.
impl<M> fmt::Display for Cast<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handler.info.operation("cast", self.address).fmt(f)
    }
}

/// Asks nothing of the arguments.
impl<M> fmt::Debug for Cast<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cast({self})")
    }
}
