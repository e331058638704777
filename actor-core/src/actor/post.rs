//! From a typed message to bytes in a mailbox: what calls and casts have in common.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use super::actor_ref::Address;
use super::context;
use super::cycle::Cycle;
use super::deadlock::{self, Target};
use super::error::Operation;
use super::handler::{Handler, HandlerInfo};
use crate::id::Participant;
use crate::logs::TraceContext;
use crate::mailbox::{Envelope, Mailbox, PostError, ReplyAddress};
use crate::shm::segment::attached;
use crate::time::Deadline;
use crate::wire::EncodeError;
use crate::wire::travel::{self, Travellers};

/// How long an operation may take: counted from when it begins, or until a moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    After(Duration),
    Until(Instant),
}

impl Limit {
    /// The same, with its time counted from `begun`.
    pub(super) fn counted_from(self, begun: Instant) -> Limit {
        match self {
            Limit::After(timeout) => begun.checked_add(timeout).map_or(self, Limit::Until),
            Limit::Until(_) => self,
        }
    }

    pub(super) fn deadline(self) -> Deadline {
        match self {
            Limit::After(timeout) => Deadline::after(timeout),
            Limit::Until(at) => Deadline::from(at),
        }
    }

    /// When the operation has begun that was given this deadline, as far as that can be told.
    pub(super) fn begin(self, deadline: Deadline) -> Instant {
        let begin = match (self, deadline) {
            (Limit::After(timeout), Deadline::At(at)) => at.checked_sub(timeout),
            _ => None,
        };
        begin.unwrap_or_else(Instant::now)
    }
}

/// Where a message comes from: who waits for its answer, and the span that it was sent in.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) reply: Option<ReplyAddress>,
    pub(super) trace: Option<TraceContext>,
}

/// Why a message was not posted.
#[derive(Debug)]
pub(super) enum PostFailure {
    /// No room in time, or none ever: the actor would wait for itself.
    Full,
    /// Nor would there ever have been any: the actor waits, by way of these, for the one that sends.
    WouldDeadlock(Cycle),
    Closed,
    NoProc,
    TooLarge {
        size: usize,
        max: usize,
    },
    NoMemory,
    Encode(EncodeError),
}

impl HandlerInfo {
    pub(super) fn operation(&self, verb: &'static str, address: Address) -> Operation {
        Operation { verb, handler: self.name, name: self.actor, actor: address.actor }
    }

    fn envelope(&self, address: Address, origin: Origin, carries: bool) -> Envelope {
        let sender = attached().map_or(Participant::NOBODY, |segment| segment.me());
        let Origin { reply, trace } = origin;
        Envelope { handler: self.index, on_crash: self.on_crash, reply, carries, life: address.life, sender, trace }
    }
}

/// Encodes a message into `buffer` and posts it, waiting for room until `deadline`, which is only
/// asked for if there is none: reading the clock costs as much as posting.
pub(super) fn post<M, T, E>(
    address: Address,
    handler: &Handler<M, T, E>,
    message: &M,
    origin: Origin,
    buffer: &mut Vec<u8>,
    deadline: impl FnOnce() -> Deadline,
) -> Result<(), PostFailure> {
    let travellers = encode(handler, message, buffer)?;
    post_encoded(address, &handler.info, buffer, origin, !travellers.is_empty(), deadline)?;
    travellers.let_go();
    Ok(())
}

/// [`post`] of a message that is encoded already.
#[inline]
pub(super) fn post_encoded(
    address: Address,
    info: &HandlerInfo,
    payload: &[u8],
    origin: Origin,
    carries: bool,
    deadline: impl FnOnce() -> Deadline,
) -> Result<(), PostFailure> {
    let mailbox = mailbox_at(address).ok_or(PostFailure::NoProc)?;
    let envelope = info.envelope(address, origin, carries);
    match mailbox.post(&envelope, payload, Deadline::Now) {
        // Room in its own mailbox is made by this very thread, and not while it waits.
        Err(PostError::Full) if !context::is_own(address.actor) => {}
        posted => return Ok(posted?),
    }
    let target = Target { actor: address.actor, name: info.actor };
    deadlock::post_to_full(target, &mailbox, &envelope, payload, deadline())
}

/// Encodes a message, to be posted by [`post_async`] for instance, and says which handles it carries.
pub(super) fn encode<M, T, E>(
    handler: &Handler<M, T, E>,
    message: &M,
    buffer: &mut Vec<u8>,
) -> Result<Travellers, PostFailure> {
    buffer.clear();
    let encoded = travel::collect(|| (handler.message.encode)(buffer, message));
    encoded.map(|((), travellers)| travellers).map_err(PostFailure::Encode)
}

/// Encodes a message that can carry no handles, behind other bytes that travel with it.
#[inline]
pub(super) fn encode_behind<M, T, E>(
    head: &[u8],
    handler: &Handler<M, T, E>,
    message: &M,
    buffer: &mut Vec<u8>,
) -> Result<(), PostFailure> {
    buffer.clear();
    buffer.extend_from_slice(head);
    (handler.message.encode)(buffer, message).map_err(PostFailure::Encode)
}

/// Posts an encoded message for an async sender.
pub(super) async fn post_async(
    address: Address,
    info: &HandlerInfo,
    encoded: Result<(Vec<u8>, Travellers), PostFailure>,
    origin: Origin,
    deadline: Deadline,
) -> Result<(), PostFailure> {
    let (payload, travellers) = encoded?;
    let mailbox = mailbox_at(address).ok_or(PostFailure::NoProc)?;
    let envelope = info.envelope(address, origin, !travellers.is_empty());
    poll_fn(|task| mailbox.poll_post(&envelope, &payload, task, deadline)).await?;
    travellers.let_go();
    Ok(())
}

/// The mailbox at an address, unless the life that it means is over.
#[inline]
fn mailbox_at(address: Address) -> Option<Mailbox> {
    let mailbox = Mailbox::attach(address.actor)?;
    // It may end before the message is read: the receiver looks as well.
    (address.life == 0 || address.life == mailbox.life().0).then_some(mailbox)
}

impl From<PostError> for PostFailure {
    fn from(error: PostError) -> PostFailure {
        match error {
            PostError::Full => PostFailure::Full,
            PostError::Closed => PostFailure::Closed,
            PostError::Gone => PostFailure::NoProc,
            PostError::TooLarge { size, max } => PostFailure::TooLarge { size, max },
            PostError::NoMemory => PostFailure::NoMemory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ActorId, WindowId};
    use crate::mailbox::OnCrash;

    #[test]
    fn smoke() {
        let options = crate::actor::ActorOptions::named("test");
        let info = HandlerInfo::cast(3, "note", &options);
        let address = Address { actor: ActorId(WindowId { index: 1, generation: 1 }), life: 0 };
        let origin = Origin { reply: None, trace: None };
        assert_eq!(info.envelope(address, origin, false).on_crash, OnCrash::DeadLetter);
        let info = info.on_crash(OnCrash::Redeliver(3));
        let envelope = info.envelope(address, Origin { reply: None, trace: None }, false);
        assert_eq!((envelope.handler, envelope.on_crash), (3, OnCrash::Redeliver(3)));
    }
}
