//! [`Reading`]: the caller's end of a stream, for those who wait as a thread and those who do as a future.
//!
//! It looks at two places, the window where items lie and the reply slot of the call, and sleeps on the
//! word of the second: whoever puts an item into the first wakes it there. It takes an answer only when the
//! window is empty behind it, so nothing that was sent before the actor's end is lost by that end.

use std::task::{Context, Poll};

use super::end::End;
use super::error::StreamError;
use super::produce::END;
use crate::actor::error::Operation;
use crate::actor::post::{Limit, Origin};
use crate::exit::ExitReport;
use crate::logs::Calling;
use crate::queue::RawQueue;
use crate::reply::{ReplyKind, ReplySlot};
use crate::shm::hands::Held;
use crate::shm::post::Wake;
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wire::{self, DecodeError};

/// A stream that has begun.
pub(super) struct Reading<T> {
    /// `None` once the end was told.
    open: Option<Open>,
    read: Read<T>,
    /// Until when the next item is waited for, if a future does.
    due: Option<Deadline>,
}

/// How items of a stream are read and waited for.
pub(super) struct Read<T> {
    pub(super) operation: Operation,
    pub(super) decode: fn(&[u8]) -> Result<T, DecodeError>,
    pub(super) limit: Limit,
}

/// A stream that has not ended: where its items and its answer come.
pub(super) struct Open {
    pub(super) queue: RawQueue,
    pub(super) slot: ReplySlot,
    /// The span that it was sent in, which is that of all that comes.
    pub(super) calling: Calling,
}

/// What there is to be read next.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Item(Held),
    /// Nothing more, and the answer says why.
    End,
}

impl<T> Reading<T> {
    pub(super) fn new(open: Open, read: Read<T>) -> Reading<T> {
        Reading { open: Some(open), read, due: None }
    }

    /// Waits for the next item.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Result<T, StreamError>> {
        let limit = self.read.limit;
        let next = self.open.as_ref()?.wait(|| limit.deadline());
        self.take(next)
    }

    /// [`Reading::next`] for a future.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, StreamError>>> {
        let Some(open) = &self.open else { return Poll::Ready(None) };
        let (due, limit) = (&mut self.due, self.read.limit);
        // Counted from the poll that has found nothing.
        match open.poll(context, || *due.get_or_insert_with(|| limit.deadline())) {
            Poll::Ready(next) => Poll::Ready(self.take(next)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether the end was told.
    pub(super) fn is_ended(&self) -> bool {
        self.open.is_none()
    }

    pub(super) fn operation(&self) -> Operation {
        self.read.operation
    }

    /// What was found, as the item that it is; `None`: nothing in time.
    #[inline]
    fn take(&mut self, next: Option<Next>) -> Option<Result<T, StreamError>> {
        self.due = None;
        let operation = self.read.operation;
        let open = self.open.as_mut()?;
        let item = match next {
            None => Err(StreamError::Timeout(operation)),
            Some(Next::Item(held)) => {
                let decoded = open.with_bytes(held, self.read.decode);
                decoded.map_err(|source| StreamError::Decode { operation, source })
            }
            Some(Next::End) => match open.end(operation) {
                Some(error) => Err(error),
                None => {
                    self.open = None;
                    return None;
                }
            },
        };
        if item.is_err() {
            self.open = None;
        }
        Some(item)
    }
}

impl Open {
    pub(super) fn origin(&self) -> Origin {
        Origin { reply: Some(self.slot.address()), trace: self.calling.trace() }
    }

    /// What there is, if there is something.
    #[inline]
    pub(super) fn look(&self) -> Option<Next> {
        // In this order: what was sent before the answer is seen behind it.
        let is_answered = self.slot.is_answered();
        match self.queue.try_take() {
            Some(Ok(held)) => Some(Next::Item(held)),
            // Nobody closes it but this end. A broken peer has.
            Some(Err(_)) => Some(Next::End),
            None => is_answered.then_some(Next::End),
        }
    }

    /// Waits for something; `None`: not before the deadline.
    #[inline]
    pub(super) fn wait(&self, deadline: impl FnOnce() -> Deadline) -> Option<Next> {
        // The clock is only read by those who have to wait.
        self.look().or_else(|| self.slot.wait_for(deadline(), || self.look()))
    }

    /// [`Open::wait`] for async callers.
    pub(super) fn poll(&self, context: &mut Context<'_>, deadline: impl FnOnce() -> Deadline) -> Poll<Option<Next>> {
        if let Some(next) = self.look() {
            return Poll::Ready(Some(next));
        }
        let deadline = deadline();
        if deadline.has_passed() {
            return Poll::Ready(None);
        }
        self.slot.register(context, deadline);
        // Something may have come before the registration; then nobody rings.
        self.look().map_or(Poll::Pending, |next| Poll::Ready(Some(next)))
    }

    /// Passes the bytes of an item on, whose place is free by then.
    #[inline]
    pub(super) fn with_bytes<R>(
        &self,
        held: Held,
        use_bytes: impl FnOnce(&[u8]) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        let Some(window) = self.queue.window() else { return Err(DecodeError::Damaged) };
        wire::with_buffer(|buffer| {
            let is_whole = window.read_held(held, buffer);
            window.finish(held, Wake::Now);
            if is_whole { use_bytes(buffer) } else { Err(DecodeError::Damaged) }
        })
    }

    /// What the answer says about the end; `None`: that it is one like any other.
    fn end(&mut self, operation: Operation) -> Option<StreamError> {
        let mut answer = Vec::new();
        let failed = |text: &str| StreamError::Failed { operation, text: text.to_owned() };
        let Some(kind) = self.slot.take_answer(&mut answer) else {
            return Some(failed("somebody else has closed the stream"));
        };
        let decode_error = |source| StreamError::Decode { operation, source };
        match kind {
            ReplyKind::Value => match (END.decode)(&answer) {
                Ok(End::Done) => None,
                Ok(End::Stopped) => Some(StreamError::Closed(operation)),
                Ok(End::Stalled) => Some(StreamError::Stalled(operation)),
                Ok(End::GivenUp) => Some(failed("the actor took the stream for given up")),
                Ok(End::Failed(text)) => Some(failed(&text)),
                Err(error) => Some(decode_error(error)),
            },
            ReplyKind::Exit => {
                let report = wire::decode::<ExitReport>(&answer);
                Some(report.map_or_else(decode_error, |report| StreamError::Died(Box::new(report))))
            }
            ReplyKind::NoProc | ReplyKind::Closed => Some(StreamError::Closed(operation)),
            ReplyKind::Error | ReplyKind::Unanswered => Some(failed("an error came in the middle of the stream")),
            ReplyKind::Failed => Some(failed(&String::from_utf8_lossy(&answer))),
        }
    }
}

impl Drop for Open {
    /// An actor that waits for room, or is about to send, finds the window closed.
    fn drop(&mut self) {
        let is_producing = !self.slot.is_answered() && self.queue.window().is_some_and(Window::is_live);
        if is_producing {
            self.queue.close(true);
        }
    }
}
