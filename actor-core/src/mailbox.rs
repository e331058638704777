//! The mailbox: many senders, one receiver, and a place that outlives the receiver.
//!
//! A mailbox belongs to the node, not to the actor: a restarted actor attaches to the same mailbox
//! and goes on with the next message. The message in hand stays at the head, claimed, until it is
//! acknowledged; when the receiver dies there, the node settles it by the policy that travels in
//! the envelope. Nothing here knows types, handlers or restarts.
//!
//! Here is how a message gets in and out; [`envelope`] is what it says of itself, [`life`] what is noted of
//! the receiver, [`waits`] what the receiver itself waits for.

mod envelope;
mod life;
#[cfg(test)]
mod tests;
mod waits;

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

pub use envelope::OnCrash;
pub(crate) use envelope::{Envelope, ReplyAddress};
pub(crate) use life::NEWS_HANDLER;
pub(crate) use waits::{Cause, Name, Wait};

use crate::id::{ActorId, Participant};
use crate::shm::event::Waited;
use crate::shm::lately;
use crate::shm::layout::{INLINE_MAX, Shape, SlotHead};
use crate::shm::payload::{self, Meta};
pub(crate) use crate::shm::post::PostError;
use crate::shm::post::{Wake, register_room};
use crate::shm::segment::{Segment, attached};
use crate::shm::slots::{self, Claim, Refused};
use crate::shm::spin::spin;
use crate::shm::table::MakeError;
use crate::shm::window::{self, Kind, Window, flags};
use crate::time::Deadline;
use crate::waker;

/// How large a mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct MailboxSize {
    /// Messages.
    pub(crate) capacity: u32,
    /// Bytes of the largest encoded message.
    pub(crate) message_max: u64,
    /// Bytes that large messages can have together, in each size class.
    pub(crate) bytes: u64,
}

impl MailboxSize {
    pub(crate) fn shape(&self) -> Shape {
        let message_max = self.message_max.saturating_add(Envelope::BYTES_MAX as u64);
        Shape { capacity: self.capacity, hands: 0, message_max, bytes: self.bytes }
    }
}

/// What the receiver gets next.
#[derive(Debug)]
pub(crate) enum Next {
    /// A message; its payload is in the buffer. It stays in the mailbox until acknowledged.
    Message {
        envelope: Envelope,
        position: Claim,
    },
    /// Somebody asked the actor to stop, and nothing is left to be handled first.
    Stop,
    /// There is something else than messages to look at; said once.
    News,
    TimedOut,
}

/// A mailbox, attached.
#[derive(Clone, Copy)]
pub(crate) struct Mailbox {
    pub(crate) window: Window,
}

impl Mailbox {
    /// Makes a mailbox.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub(crate) fn make(segment: &'static Segment, size: MailboxSize) -> Result<Mailbox, MakeError> {
        Window::make(segment, Kind::Mailbox, size.shape()).map(|window| Mailbox { window })
    }

    /// The mailbox of an actor. `None`: the actor has ended for good.
    pub(crate) fn attach(actor: ActorId) -> Option<Mailbox> {
        lately::attach(attached()?, actor.0, Kind::Mailbox).map(|window| Mailbox { window })
    }

    pub(crate) fn id(&self) -> ActorId {
        ActorId(self.window.id)
    }

    /// Bytes of the largest payload.
    pub(crate) fn payload_max(&self) -> usize {
        // Somebody may have written that it is less.
        (self.window.layout.shape.message_max as usize).saturating_sub(Envelope::BYTES_MAX)
    }

    /// Posts a message, waiting for room until `deadline`. It is visible when this returns `Ok`.
    ///
    /// # Errors
    /// Nothing was posted, see [`PostError`].
    pub(crate) fn post(&self, envelope: &Envelope, payload: &[u8], deadline: Deadline) -> Result<(), PostError> {
        let max = self.payload_max();
        if payload.len() > max {
            return Err(PostError::TooLarge { size: payload.len(), max });
        }
        self.window.post([&envelope.to_bytes()[..envelope.length()], payload], deadline, Wake::Now)
    }

    /// [`Mailbox::post`] for async senders: the waker is woken when there may be room or at the
    /// deadline. `Full` is only said when the deadline has passed.
    pub(crate) fn poll_post(
        &self,
        envelope: &Envelope,
        payload: &[u8],
        context: &mut Context<'_>,
        deadline: Deadline,
    ) -> Poll<Result<(), PostError>> {
        let now = Deadline::after(Duration::ZERO);
        match self.post(envelope, payload, now) {
            Err(PostError::Full) if !deadline.has_passed() => {}
            result => return Poll::Ready(result),
        }
        // A large message waits for a place for its bytes as well as for a slot.
        let needs_extent = envelope.length() + payload.len() > INLINE_MAX as usize;
        for is_large in [false, true].into_iter().take(1 + usize::from(needs_extent)) {
            let (word, seen) = register_room(&self.window, is_large);
            waker::register(self.window.segment, word, seen, deadline, context.waker());
        }
        // There may have been room before the registration; then nobody rings.
        match self.post(envelope, payload, now) {
            Err(PostError::Full) => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Takes the next message as the mailbox's only receiver; its payload replaces what is in
    /// `buffer`. The message stays until [`Mailbox::acknowledge`]. `None`: it is time to sleep.
    #[inline]
    pub(crate) fn next_awake(&self, buffer: &mut Vec<u8>) -> Option<Next> {
        let mut test = || self.try_next(buffer);
        test().or_else(|| spin(self.window.segment, Deadline::Never, test))
    }

    /// [`Mailbox::next_awake`] that sleeps until there is something, or until `deadline`.
    pub(crate) fn next(&self, buffer: &mut Vec<u8>, deadline: Deadline) -> Next {
        match self.window.items().wait(deadline, || self.try_next(buffer)) {
            Waited::Ready(next) | Waited::Slept(next) => next,
            Waited::TimedOut => Next::TimedOut,
        }
    }

    /// [`Mailbox::next`] without waiting.
    #[inline]
    pub(crate) fn try_next(&self, buffer: &mut Vec<u8>) -> Option<Next> {
        let state = &self.window.header().state.flags;
        if window::has_flags(state, flags::STOP_NOW | flags::NEWS) {
            return Some(self.beside_messages());
        }
        loop {
            match slots::take_next(&self.window, self.window.segment.me()) {
                Ok(claim) => {
                    if let Some(envelope) = self.read(claim, buffer) {
                        return Some(Next::Message { envelope, position: claim });
                    }
                    // Not a message of ours: only a broken peer can have left it.
                    self.acknowledge(claim);
                }
                Err(Refused::Sealed) => return Some(Next::Stop),
                Err(Refused::NotNow) => {
                    let is_last = window::has_flags(state, flags::STOP_AFTER) && slots::seal(&self.window);
                    return is_last.then_some(Next::Stop);
                }
            }
        }
    }

    /// What goes before any message.
    #[cold]
    fn beside_messages(&self) -> Next {
        if window::has_flags(&self.window.header().state.flags, flags::STOP_NOW) {
            return Next::Stop;
        }
        // Cleared first: who comes during the look says so again.
        window::clear_flags(&self.window, flags::NEWS);
        Next::News
    }

    /// Copies the message at a claimed position: the payload into `buffer`.
    pub(crate) fn read(&self, claim: Claim, buffer: &mut Vec<u8>) -> Option<Envelope> {
        if let Some(number) = self.extent(claim) {
            self.window.take_over_extent(number);
        }
        self.copy(claim, buffer)
    }

    /// [`Mailbox::read`] by one who only looks.
    pub(crate) fn copy(&self, claim: Claim, buffer: &mut Vec<u8>) -> Option<Envelope> {
        let slot = self.window.slot(claim.position.index());
        let meta = Meta::load(slot);
        if meta.length as u64 > self.window.layout.shape.message_max {
            return None;
        }
        // Two reads, so that a large payload starts where its reader wants it.
        buffer.clear();
        let envelope = self.envelope(slot, meta)?;
        if !self.window.read_payload(slot, meta, envelope.length(), buffer) {
            return None;
        }
        Some(envelope)
    }

    /// Copies what a message says of itself, and nothing behind it.
    fn envelope(&self, slot: &SlotHead, meta: Meta) -> Option<Envelope> {
        let mut head = [0; Envelope::BYTES_MAX];
        let head = &mut head[..Envelope::BYTES_MAX.min(meta.length as usize)];
        self.window.copy_payload(slot, meta, head).then_some(())?;
        Envelope::from_bytes(head)
    }

    /// Notes that the message in hand was handled to its end. Called before it is answered: whoever
    /// finds the call no longer waited for knows by this whether it was answered or given up.
    #[inline]
    pub(crate) fn mark_handled(&self, claim: Claim) {
        payload::mark_handled(self.window.slot(claim.position.index()), true);
    }

    /// The message in hand is to be handled once more.
    pub(crate) fn unmark_handled(&self, claim: Claim) {
        payload::mark_handled(self.window.slot(claim.position.index()), false);
    }

    pub(crate) fn is_handled(&self, claim: Claim) -> bool {
        payload::is_handled(self.window.slot(claim.position.index()))
    }

    /// The message in hand is done with: its slot is free.
    #[inline]
    pub(crate) fn acknowledge(&self, claim: Claim) {
        let extent = Meta::load(self.window.slot(claim.position.index())).extent;
        slots::release(&self.window, claim.position);
        slots::pass(&self.window, claim.position);
        self.window.room().notify();
        // After the release: dead in between, the extent is ours and nothing refers to it.
        if let Some(number) = extent {
            self.window.free_extent(number);
            self.window.ask_for_trim();
        }
    }

    /// Messages that wait, the one in hand not counted.
    pub(crate) fn len(&self) -> u64 {
        slots::len(&self.window)
    }

    /// The message that `receiver` has in its hand, if any.
    pub(crate) fn in_hand(&self, receiver: Participant) -> Option<(Claim, Envelope)> {
        let claim = slots::find_claimed(&self.window, receiver)?;
        let slot = self.window.slot(claim.position.index());
        // Only the envelope: whoever asks must not wait for the copy of a large message.
        self.envelope(slot, Meta::load(slot)).map(|envelope| (claim, envelope))
    }

    /// The extent of a claimed message, if it has one.
    pub(crate) fn extent(&self, claim: Claim) -> Option<u32> {
        Meta::load(self.window.slot(claim.position.index())).extent
    }
}

impl From<MakeError> for io::Error {
    fn from(error: MakeError) -> io::Error {
        match error {
            MakeError::Memory(error) => error,
            MakeError::Shape(_) => io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
            MakeError::Exhausted => io::Error::new(io::ErrorKind::StorageFull, error.to_string()),
        }
    }
}
