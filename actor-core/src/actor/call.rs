//! [`Call`]: a request with its arguments, which becomes a reply or the reason why there is none.
//!
//! Nothing is sent before [`Call::wait`] or `.await`. Then the arguments are encoded, posted, and
//! a reply slot of this process is waited for; an answer that comes after the caller has given up
//! finds another generation there and is dropped.

use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant};

use super::actor_ref::Address;
use super::answers::Answers;
use super::context;
use super::deadlock::{self, Target};
use super::error::{CallError, Operation};
use super::handler::Handler;
use super::post::{self, Limit, Origin, PostFailure};
use crate::id::ActorId;
use crate::logs::Calling;
use crate::node::{self, Answer, Request};
use crate::reply::{OpenError, Purpose, ReplyKind, ReplySlot};
use crate::shm::segment::attached;
use crate::time::Deadline;
use crate::wire;

/// A call that is not sent yet: the value of `counter.add("two words".into())`.
///
/// | to | write |
/// |---|---|
/// | wait for the reply, at most the actor's `timeout` (5 s) | `call.wait()?` |
/// | do so in async code | `call.await?` |
/// | wait longer or less | `call.timeout(d).wait()?`, `call.deadline(at).wait()?` |
/// | stop the work for real if it takes too long | `call.kill_after(d).wait()?` |
/// | send it now and wait later | `let pending = call.start()?;`, then `pending.wait()?` |
/// | make many, and take the answers as they come | [`gather`](crate::gather)`(calls)` |
///
/// The time covers queueing as well as handling. A timeout does not take the call back: the actor
/// may still handle it. When the actor dies with the call in hand, the caller gets
/// [`CallError::Died`] with the exit report at once, unless the call's policy hands it to the next
/// life. When the actor is being restarted, the call waits in the mailbox for the next life.
///
/// # Actors that wait for each other
/// An actor that blocks in a handler answers nobody meanwhile. If the actor that it calls waits for it,
/// by itself or by way of others, 256 in all at most, none would ever go on: the one whose wait began last
/// gets [`CallError::WouldDeadlock`] at once, which names them all, and the others go on. To wait for room in
/// a full mailbox counts as well, in [`Cast::send`](super::Cast::send) and here.
///
/// Only what blocks the thread that runs an actor's handlers counts. A handler that awaits, another
/// thread, `main`, a process that runs a function, and who stops or joins another, are not seen: what
/// they wait for ends with their time.
///
/// # Example
/// ```
/// use std::time::Duration;
///
/// use actor_core::KilledBy;
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Worker;
///
/// #[handlers]
/// impl Worker {
///     #[call]
///     fn square(&self, n: u64) -> u64 {
///         n * n
///     }
///
///     #[call]
///     fn hang(&self) {
///         loop {
///             std::thread::park();
///         }
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let worker = Worker.spawn()?;
///     assert_eq!(worker.square(7).wait()?, 49);
///     // This one never comes to an end, so it is given one.
///     let Err(CallError::Died(report)) = worker.hang().kill_after(Duration::from_millis(20)).wait() else {
///         panic!("nobody answers");
///     };
///     assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
///     Ok(())
/// }
/// ```
#[must_use = "a call does nothing until it is sent: `.wait()` for the reply, or `.await` it"]
pub struct Call<M: 'static, T: 'static = (), E: 'static = Infallible> {
    pub(super) address: Address,
    pub(super) handler: &'static Handler<M, T, E>,
    pub(super) message: M,
    pub(super) limit: Limit,
    pub(super) kills: bool,
}

/// How long a killed actor's exit report may take.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

impl<M, T, E> Call<M, T, E> {
    /// A call of `handler` at `address`; generated code and hand-written calls types use this.
    pub fn new(address: Address, handler: &'static Handler<M, T, E>, message: M) -> Call<M, T, E> {
        Call { address, handler, message, limit: Limit::After(handler.info.timeout), kills: false }
    }

    /// Waits so long for the reply, counted from when the call is sent.
    pub fn timeout(self, timeout: Duration) -> Call<M, T, E> {
        Call { limit: Limit::After(timeout), kills: false, ..self }
    }

    /// Waits for the reply until then.
    pub fn deadline(self, at: Instant) -> Call<M, T, E> {
        Call { limit: Limit::Until(at), kills: false, ..self }
    }

    /// Waits so long for the reply, and kills the actor if it is then still at work on this call.
    ///
    /// The caller gets [`CallError::Died`], whose report says so, and a supervisor restarts the
    /// actor by its rules. A call that still waits behind others is given up as
    /// [`CallError::Timeout`]: the actor is not killed for the work of somebody else. So is one whose
    /// handler has returned and kept the [`ReplyTo`](crate::ReplyTo), or has passed it on.
    pub fn kill_after(self, limit: Duration) -> Call<M, T, E> {
        Call { limit: Limit::After(limit), kills: true, ..self }
    }

    /// Sends the call and waits for the reply.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn wait(self) -> Result<T, CallError<E>> {
        let deadline = self.limit.deadline();
        let mut slot = self.open_slot(deadline)?;
        let calling = Calling::here();
        let origin = Origin { reply: Some(slot.address()), trace: calling.trace() };
        wire::with_buffer(|buffer| {
            let posted = post::post(self.address, self.handler, &self.message, origin, buffer, || deadline);
            posted.map_err(|failure| self.not_posted(failure))?;
            if let Some(kind) = self.await_answer(&mut slot, deadline, buffer)? {
                return self.read(kind, buffer);
            }
            let patience = self.on_overrun(&slot);
            match slot.wait(patience, buffer) {
                Some(kind) => self.read(kind, buffer),
                None => Err(CallError::Timeout(self.operation())),
            }
        })
    }

    #[inline]
    fn await_answer(
        &self,
        slot: &mut ReplySlot,
        deadline: Deadline,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<ReplyKind>, CallError<E>> {
        match slot.wait_awake(deadline, buffer) {
            Some(kind) => Ok(Some(kind)),
            None => self.await_answer_asleep(slot, deadline, buffer),
        }
    }

    #[cold]
    fn await_answer_asleep(
        &self,
        slot: &mut ReplySlot,
        deadline: Deadline,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<ReplyKind>, CallError<E>> {
        let operation = self.operation();
        let target = Target { actor: self.address.actor, name: operation.name };
        deadlock::await_answer(target, self.limit.begin(deadline), slot, deadline, buffer)
            .map_err(|cycle| CallError::WouldDeadlock { operation, cycle })
    }

    pub(super) fn open_slot(&self, deadline: Deadline) -> Result<ReplySlot, CallError<E>> {
        self.refuse_own()?;
        self.opened(attached().map(|segment| ReplySlot::open(segment, Purpose::Call, deadline)))
    }

    /// `None`: whoever has an address in a process without a segment got it from another node.
    pub(super) fn opened(&self, slot: Option<Result<ReplySlot, OpenError>>) -> Result<ReplySlot, CallError<E>> {
        match slot {
            Some(Ok(slot)) => Ok(slot),
            Some(Err(OpenError::Full)) => Err(CallError::Timeout(self.operation())),
            Some(Err(OpenError::Make(error))) => Err(self.failed(error.to_string())),
            None => Err(CallError::NoProc(self.operation())),
        }
    }

    pub(super) fn refuse_own(&self) -> Result<(), CallError<E>> {
        match context::is_own(self.address.actor) {
            true => Err(CallError::CallingSelf(self.operation())),
            false => Ok(()),
        }
    }

    /// What to do when time is up: the deadline until which an answer may still come.
    pub(super) fn on_overrun(&self, slot: &ReplySlot) -> Deadline {
        if self.kills { on_overrun(self.address.actor, slot) } else { Deadline::Now }
    }

    /// The answer as the caller's result.
    #[inline]
    pub(super) fn read(&self, kind: ReplyKind, payload: &[u8]) -> Result<T, CallError<E>> {
        self.answers().read(kind, payload)
    }

    #[inline]
    pub(super) fn answers(&self) -> Answers<T, E> {
        Answers { operation: self.operation(), reply: &self.handler.reply, error: self.handler.error.as_ref() }
    }

    pub(super) fn not_posted(&self, failure: PostFailure) -> CallError<E> {
        let operation = self.operation();
        match failure {
            PostFailure::Full => CallError::Timeout(operation),
            PostFailure::WouldDeadlock(cycle) => CallError::WouldDeadlock { operation, cycle },
            PostFailure::Closed => CallError::Closed(operation),
            PostFailure::NoProc => CallError::NoProc(operation),
            PostFailure::TooLarge { size, max } => CallError::TooLarge { operation, size, max },
            PostFailure::NoMemory => self.failed("there is no memory for the message".to_owned()),
            PostFailure::Encode(source) => CallError::Encode { operation, source },
        }
    }

    pub(super) fn operation(&self) -> Operation {
        self.handler.info.operation("call", self.address)
    }

    pub(super) fn failed(&self, text: String) -> CallError<E> {
        CallError::Failed { operation: self.operation(), text }
    }
}

/// Has the actor killed if it is at work on this call: the deadline until which an answer may still come.
#[cold]
pub(super) fn on_overrun(actor: ActorId, slot: &ReplySlot) -> Deadline {
    let request = Request::KillOverrun { actor, reply: slot.address() };
    match node::ask(&request, Deadline::after(REPORT_TIMEOUT)) {
        Ok(Answer::Done) => Deadline::after(REPORT_TIMEOUT),
        // It is not at work on this call, or has just answered it.
        _ => Deadline::Now,
    }
}

/// Asks nothing of the arguments.
impl<M, T, E> fmt::Debug for Call<M, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation()).field("limit", &self.limit).finish()
    }
}
