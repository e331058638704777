//! The mailbox: many senders, one receiver, and a place that outlives the receiver.
//!
//! A mailbox belongs to the node, not to the actor: a restarted actor attaches to the same mailbox
//! and goes on with the next message. The message in hand stays at the head, claimed, until it is
//! acknowledged; when the receiver dies there, the node settles it by the policy that travels in
//! the envelope. Nothing here knows types, handlers or restarts.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::id::{ActorId, Participant, WindowId};
use crate::shm::event::Waited;
use crate::shm::lately;
use crate::shm::layout::{INLINE_MAX, Shape};
use crate::shm::payload::{self, Meta};
pub(crate) use crate::shm::post::PostError;
use crate::shm::post::{Wake, register_room};
use crate::shm::segment::{Segment, attached};
use crate::shm::slots::{self, Claim, Refused, SlotWord};
use crate::shm::spin::spin;
use crate::shm::table::MakeError;
use crate::shm::window::{self, Kind, Window, flags};
use crate::time::Deadline;
use crate::waker;

/// What a message says of itself besides its payload: 24 bytes before it in the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Which handler it is for.
    pub(crate) handler: u16,
    pub(crate) on_crash: OnCrash,
    /// Where the answer goes; a cast has none.
    pub(crate) reply: Option<ReplyAddress>,
    /// The one life that it is for; 0 is any.
    pub(crate) life: u32,
    pub(crate) sender: Participant,
}

/// What becomes of the message that was being handled when its actor crashed. Messages that still
/// wait in the mailbox are never affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OnCrash {
    /// The caller gets the exit report at once. A cast, which has no caller, is kept for
    /// inspection.
    Fail,
    /// It is kept for inspection; a caller gets the exit report.
    DeadLetter,
    /// The next life gets it, until so many lives had it in hand, of at most 127; then it is a
    /// dead letter. A caller waits on, within its own time; a call is handed out again as well when
    /// its caller has given it up.
    Redeliver(u8),
}

impl OnCrash {
    /// How often a message is handed out at most.
    pub(crate) fn deliveries_max(self) -> u32 {
        match self {
            OnCrash::Fail | OnCrash::DeadLetter => 1,
            // Deliveries are counted so far and no further.
            OnCrash::Redeliver(lives) => u32::from(lives.clamp(1, SlotWord::COUNT_MAX)),
        }
    }

    fn to_bytes(self) -> [u8; 2] {
        match self {
            OnCrash::Fail => [0, 0],
            OnCrash::DeadLetter => [1, 0],
            OnCrash::Redeliver(lives) => [2, lives],
        }
    }

    fn from_bytes(bytes: [u8; 2]) -> OnCrash {
        match bytes {
            [0, _] => OnCrash::Fail,
            [2, lives] => OnCrash::Redeliver(lives),
            _ => OnCrash::DeadLetter,
        }
    }
}

/// A reply slot of a waiting caller; see [`reply`](crate::reply).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReplyAddress {
    pub(crate) window: WindowId,
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl Envelope {
    /// Whether it is for this life of the actor.
    pub(crate) fn is_for(&self, life: u32) -> bool {
        self.life == 0 || self.life == life
    }

    pub(crate) const BYTES: usize = 24;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..2].copy_from_slice(&self.handler.to_le_bytes());
        bytes[2..4].copy_from_slice(&self.on_crash.to_bytes());
        bytes[4..6].copy_from_slice(&self.sender.0.to_le_bytes());
        if let Some(reply) = self.reply {
            bytes[6] = 1;
            bytes[8..10].copy_from_slice(&reply.slot.to_le_bytes());
            bytes[10..12].copy_from_slice(&reply.window.index.to_le_bytes());
            bytes[12..16].copy_from_slice(&reply.window.generation.to_le_bytes());
            bytes[16..20].copy_from_slice(&reply.generation.to_le_bytes());
        }
        bytes[20..24].copy_from_slice(&self.life.to_le_bytes());
        bytes
    }

    /// Reads an envelope back. Whatever the bytes are, the result is usable.
    fn from_bytes(bytes: &[u8]) -> Option<Envelope> {
        let bytes: &[u8; Self::BYTES] = bytes.get(..Self::BYTES)?.try_into().ok()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let reply = (bytes[6] == 1).then(|| ReplyAddress {
            window: WindowId { index: u16_at(10), generation: u32_at(12) },
            slot: u16_at(8),
            generation: u32_at(16),
        });
        let on_crash = OnCrash::from_bytes([bytes[2], bytes[3]]);
        Some(Envelope { handler: u16_at(0), on_crash, reply, life: u32_at(20), sender: Participant(u16_at(4)) })
    }
}

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
        let message_max = size.message_max.saturating_add(Envelope::BYTES as u64);
        let shape = Shape { capacity: size.capacity, hands: 0, message_max, bytes: size.bytes };
        Window::make(segment, Kind::Mailbox, shape).map(|window| Mailbox { window })
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
        self.window.layout.shape.message_max as usize - Envelope::BYTES
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
        self.window.post([&envelope.to_bytes(), payload], deadline, Wake::Now)
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
        let needs_extent = Envelope::BYTES + payload.len() > INLINE_MAX as usize;
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
    /// `buffer`. The message stays until [`Mailbox::acknowledge`].
    pub(crate) fn next(&self, buffer: &mut Vec<u8>, deadline: Deadline) -> Next {
        let mut test = || self.try_next(buffer);
        if let Some(next) = test() {
            return next;
        }
        if deadline.has_passed() {
            return Next::TimedOut;
        }
        if let Some(next) = spin(self.window.segment, deadline, &mut test) {
            return next;
        }
        match self.window.items().wait(deadline, test) {
            Waited::Ready(next) | Waited::Slept(next) => next,
            Waited::TimedOut => Next::TimedOut,
        }
    }

    /// [`Mailbox::next`] without waiting.
    #[inline]
    pub(crate) fn try_next(&self, buffer: &mut Vec<u8>) -> Option<Next> {
        let state = &self.window.header().state.flags;
        if window::has_flags(state, flags::STOP_NOW) {
            return Some(Next::Stop);
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
        let head = Meta { length: Envelope::BYTES as u32, ..meta };
        if !self.window.read_payload(slot, head, 0, buffer) {
            return None;
        }
        let envelope = Envelope::from_bytes(buffer)?;
        buffer.clear();
        if !self.window.read_payload(slot, meta, Envelope::BYTES, buffer) {
            return None;
        }
        Some(envelope)
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

    /// Refuses new messages and asks the receiver to stop: after all messages, or after the one in
    /// hand.
    pub(crate) fn stop(&self, after_all: bool) {
        let stop = if after_all { flags::STOP_AFTER } else { flags::STOP_NOW };
        window::raise_flags(&self.window, flags::CLOSING | stop);
    }

    /// Whether the actor was asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        window::has_flags(&self.window.header().state.flags, flags::STOP_AFTER | flags::STOP_NOW)
    }

    /// Takes messages again, for a new life. Called by the node between two lives.
    pub(crate) fn reopen(&self) {
        window::clear_flags(&self.window, flags::CLOSING | flags::CLOSED_NOW | flags::STOP_AFTER | flags::STOP_NOW);
        slots::unseal(&self.window);
    }

    /// Notes that a life begins. Called by the node.
    pub(crate) fn begin_life(&self, life: u32) {
        let actor = &self.window.header().actor;
        actor.handling.store(0, Relaxed);
        actor.handled.store(0, Relaxed);
        actor.life.store(life, Relaxed);
        self.set_living(Participant::NOBODY);
    }

    /// Notes who lives the life that has begun, and may be at work already. Called by the node.
    pub(crate) fn set_living(&self, participant: Participant) {
        let actor = &self.window.header().actor;
        actor.participant.store(u32::from(participant.0), std::sync::atomic::Ordering::Release);
    }

    /// Notes that nobody lives here. Called by the node after the proven death.
    pub(crate) fn end_life(&self) {
        self.window.header().actor.participant.store(0, std::sync::atomic::Ordering::Release);
    }

    /// The current life and who lives it, if anybody.
    pub(crate) fn life(&self) -> (u32, Option<Participant>) {
        let actor = &self.window.header().actor;
        let participant = Participant(actor.participant.load(Acquire) as u16);
        (actor.life.load(Relaxed), (participant != Participant::NOBODY).then_some(participant))
    }

    /// Stamps what the receiver does: a handler, or nothing.
    #[inline]
    pub(crate) fn stamp(&self, handler: Option<u16>) {
        let actor = &self.window.header().actor;
        match handler {
            Some(handler) => {
                actor.since_ns.store(coarse_now_ns(), Relaxed);
                actor.handling.store(u32::from(handler) + 1, Relaxed);
            }
            None => {
                actor.handling.store(0, Relaxed);
                actor.handled.store(actor.handled.load(Relaxed) + 1, Relaxed);
            }
        }
    }

    /// The handler in hand and for how long, and the number of messages handled in this life.
    pub(crate) fn stamped(&self) -> (Option<(u16, Duration)>, u64) {
        let actor = &self.window.header().actor;
        let handling = actor.handling.load(Relaxed).checked_sub(1).map(|handler| {
            let since = actor.since_ns.load(Relaxed);
            (handler as u16, Duration::from_nanos(coarse_now_ns().saturating_sub(since)))
        });
        (handling, actor.handled.load(Relaxed))
    }

    /// The message that `receiver` has in its hand, if any.
    pub(crate) fn in_hand(&self, receiver: Participant) -> Option<(Claim, Envelope)> {
        let claim = slots::find_claimed(&self.window, receiver)?;
        let slot = self.window.slot(claim.position.index());
        // Only the envelope: whoever asks must not wait for the copy of a large message.
        let mut head = [0; Envelope::BYTES];
        self.window.copy_payload(slot, Meta::load(slot), &mut head).then_some(())?;
        Envelope::from_bytes(&head).map(|envelope| (claim, envelope))
    }

    /// The extent of a claimed message, if it has one.
    pub(crate) fn extent(&self, claim: Claim) -> Option<u32> {
        Meta::load(self.window.slot(claim.position.index())).extent
    }
}

/// Monotonic nanoseconds at the resolution of the timer interrupt: a few instructions to read.
fn coarse_now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::segment::segment;

    const SIZE: MailboxSize = MailboxSize { capacity: 4, message_max: 10_000, bytes: 40_000 };
    const NOW: Duration = Duration::ZERO;

    fn mailbox() -> Mailbox {
        Mailbox::make(segment().unwrap(), SIZE).unwrap()
    }

    fn cast(handler: u16) -> Envelope {
        Envelope { handler, on_crash: OnCrash::DeadLetter, reply: None, life: 0, sender: Participant::NODE }
    }

    fn take(mailbox: &Mailbox, buffer: &mut Vec<u8>) -> (Envelope, Claim) {
        match mailbox.next(buffer, Deadline::after(NOW)) {
            Next::Message { envelope, position } => (envelope, position),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    #[test]
    fn smoke() {
        let (mailbox, mut buffer) = (mailbox(), Vec::new());
        mailbox.post(&cast(7), b"hello", Deadline::Never).unwrap();
        assert_eq!(mailbox.len(), 1);
        let (envelope, claim) = take(&mailbox, &mut buffer);
        assert_eq!((envelope, buffer.as_slice()), (cast(7), b"hello".as_slice()));
        mailbox.acknowledge(claim);
        assert!(matches!(mailbox.next(&mut buffer, Deadline::after(NOW)), Next::TimedOut));
    }

    #[test]
    fn every_size_arrives_and_one_more_byte_is_refused() {
        let (mailbox, mut buffer) = (mailbox(), Vec::new());
        for size in [0, 1, 87, 88, 89, 999, 1024, 4096, 10_000] {
            let payload: Vec<u8> = (0..size).map(|i| i as u8).collect();
            mailbox.post(&cast(1), &payload, Deadline::after(NOW)).unwrap();
            let (_, claim) = take(&mailbox, &mut buffer);
            assert_eq!(buffer, payload);
            mailbox.acknowledge(claim);
        }
        assert_eq!(
            mailbox.post(&cast(1), &[0; 10_001], Deadline::after(NOW)),
            Err(PostError::TooLarge { size: 10_001, max: 10_000 })
        );
    }

    #[test]
    fn the_message_in_hand_stays_until_acknowledged() {
        let (mailbox, mut buffer) = (mailbox(), Vec::new());
        for handler in 1..=4 {
            mailbox.post(&cast(handler), b"", Deadline::after(NOW)).unwrap();
        }
        assert_eq!(mailbox.post(&cast(5), b"", Deadline::after(NOW)), Err(PostError::Full));
        let (first, _) = take(&mailbox, &mut buffer);
        let (again, claim) = take(&mailbox, &mut buffer);
        assert_eq!((first.handler, again.handler), (1, 1));
        mailbox.acknowledge(claim);
        mailbox.post(&cast(5), b"", Deadline::after(NOW)).unwrap();
        for expected in 2..=5 {
            let (envelope, claim) = take(&mailbox, &mut buffer);
            assert_eq!(envelope.handler, expected);
            mailbox.acknowledge(claim);
        }
    }

    #[test]
    fn stop_after_all_drains_and_stop_now_does_not() {
        let (mailbox, mut buffer) = (mailbox(), Vec::new());
        mailbox.post(&cast(1), b"", Deadline::after(NOW)).unwrap();
        mailbox.stop(true);
        assert_eq!(mailbox.post(&cast(2), b"", Deadline::after(NOW)), Err(PostError::Closed));
        let (_, claim) = take(&mailbox, &mut buffer);
        mailbox.acknowledge(claim);
        assert!(matches!(mailbox.next(&mut buffer, Deadline::Never), Next::Stop));
        mailbox.reopen();
        mailbox.post(&cast(3), b"", Deadline::after(NOW)).unwrap();
        mailbox.stop(false);
        assert!(matches!(mailbox.next(&mut buffer, Deadline::Never), Next::Stop));
        assert_eq!(mailbox.len(), 1);
    }

    #[test]
    fn a_taken_down_mailbox_is_gone_for_old_handles() {
        let mailbox = mailbox();
        let stale = mailbox;
        assert!(crate::shm::table::take_down(&mailbox.window));
        assert_eq!(stale.post(&cast(1), b"", Deadline::after(NOW)), Err(PostError::Gone));
        assert!(Mailbox::attach(stale.id()).is_none());
    }

    #[test]
    fn envelopes_survive_the_trip() {
        let reply = ReplyAddress { window: WindowId { index: 9, generation: 8 }, slot: 7, generation: 6 };
        let envelope = Envelope { reply: Some(reply), on_crash: OnCrash::Redeliver(3), life: 70_000, ..cast(500) };
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()), Some(envelope));
        assert_eq!(Envelope::from_bytes(&[0; 23]), None);
    }
}
