//! [`Pending`]: a call that was sent and is waited for later, or not at all.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::answers::Answers;
use super::call::{Call, on_overrun};
use super::error::CallError;
use super::post::{self, Origin};
use crate::logs::Calling;
use crate::reply::ReplySlot;
use crate::time::Deadline;
use crate::wire;

/// A call under way: the value of [`Call::start`].
///
/// Its time runs from when it was sent. Each way to wait takes the handle; those that may come back without
/// an answer give it back, so that it can be waited for again. Dropped, the call is given up as by a
/// timeout: the actor may still handle it, and its answer is dropped.
///
/// It can be awaited as well. Of a process 256 calls can be under way at once.
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Squarer;
///
/// #[handlers]
/// impl Squarer {
///     #[call]
///     fn square(&self, n: u64) -> u64 {
///         n * n
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let (one, other) = (Squarer.spawn()?, Squarer.spawn()?);
///     let (three, four) = (one.square(3).start()?, other.square(4).start()?); // both work
///     assert_eq!(three.wait()? + four.wait()?, 25);
///
///     let mut five = one.square(5).start()?;
///     let answer = loop {
///         match five.wait_timeout(Duration::from_millis(10)) {
///             Ok(answer) => break answer?,
///             Err(pending) => five = pending, // do something else for a moment
///         }
///     };
///     assert_eq!(answer, 25);
///     Ok(())
/// }
/// ```
#[must_use = "a call that is dropped is given up"]
pub struct Pending<T: 'static, E: 'static = Infallible> {
    /// None once there was an answer.
    slot: Option<ReplySlot>,
    answers: Answers<T, E>,
    deadline: Deadline,
    /// The actor is to be killed when time is up, and was not yet.
    kills: bool,
    /// The span that it was sent in, until the call is over.
    _calling: Calling,
}

impl<M, T, E> Call<M, T, E> {
    /// Sends the call, to wait for its reply later.
    ///
    /// Waits, if it must, for room in the mailbox and for one of the 256 calls that a process can have
    /// under way, within the time of the call.
    ///
    /// # Errors
    /// It was not sent; see [`CallError`].
    #[doc(alias = "send_request")]
    pub fn start(self) -> Result<Pending<T, E>, CallError<E>> {
        let deadline = self.limit.deadline();
        let slot = self.open_slot(deadline)?;
        let calling = Calling::from_anywhere();
        let origin = Origin { reply: Some(slot.address()), trace: calling.trace() };
        wire::with_buffer(|buffer| post::post(self.address, self.handler, &self.message, origin, buffer, || deadline))
            .map_err(|failure| self.not_posted(failure))?;
        Ok(Pending { slot: Some(slot), answers: self.answers(), deadline, kills: self.kills, _calling: calling })
    }
}

#[expect(clippy::result_large_err, reason = "what comes back is the handle, not a description of a failure")]
impl<T, E> Pending<T, E> {
    /// Waits for the reply, until the time of the call is over.
    ///
    /// # Errors
    /// See [`CallError`].
    #[doc(alias = "receive_response")]
    pub fn wait(mut self) -> Result<T, CallError<E>> {
        loop {
            match self.look_until(Deadline::Never) {
                Ok(answer) => return answer,
                Err(pending) => self = pending,
            }
        }
    }

    /// The reply, if it is there.
    ///
    /// # Errors
    /// It is not: the handle, to wait again.
    pub fn try_wait(self) -> Result<Result<T, CallError<E>>, Pending<T, E>> {
        self.look_until(Deadline::Now)
    }

    /// Waits so long for the reply, but not longer than the time of the call.
    ///
    /// # Errors
    /// There is none yet: the handle, to wait again.
    #[doc(alias = "wait_response")]
    pub fn wait_timeout(self, timeout: Duration) -> Result<Result<T, CallError<E>>, Pending<T, E>> {
        self.look_until(Deadline::after(timeout))
    }

    /// Waits until then for the reply, but not longer than the time of the call.
    ///
    /// # Errors
    /// There is none yet: the handle, to wait again.
    pub fn wait_deadline(self, at: Instant) -> Result<Result<T, CallError<E>>, Pending<T, E>> {
        self.look_until(Deadline::from(at))
    }

    fn look_until(mut self, until: Deadline) -> Result<Result<T, CallError<E>>, Pending<T, E>> {
        let slot = self.slot.as_mut().expect("a handle that is left has no answer yet");
        let read = wire::with_buffer(|buffer| {
            let kind = slot.wait(until.min(self.deadline), buffer);
            kind.map(|kind| self.answers.read(kind, buffer))
        });
        match read {
            Some(answer) => Ok(answer),
            None if self.deadline.has_passed() && !self.has_more_time() => {
                Ok(Err(CallError::Timeout(self.answers.operation)))
            }
            None => Err(self),
        }
    }

    /// Time is up. True: whoever is at work on the call was killed for it, and the report is awaited.
    fn has_more_time(&mut self) -> bool {
        let Some(slot) = self.slot.as_ref().filter(|_| self.kills) else { return false };
        self.kills = false;
        self.deadline = on_overrun(self.answers.operation.actor, slot);
        !self.deadline.has_passed()
    }
}

/// # Panics
/// It is polled after it was ready.
impl<T, E> Future for Pending<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let pending = &mut *self;
            let slot = pending.slot.as_mut().expect("it is not polled after it was ready");
            let mut buffer = Vec::new();
            let answer = match ready!(slot.poll(context, pending.deadline, &mut buffer)) {
                Some(kind) => pending.answers.read(kind, &buffer),
                None if pending.has_more_time() => continue,
                None => Err(CallError::Timeout(pending.answers.operation)),
            };
            pending.slot = None;
            return Poll::Ready(answer);
        }
    }
}

impl<T, E> fmt::Debug for Pending<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("operation", &self.answers.operation).field("until", &self.deadline).finish()
    }
}
