//! Actors that would wait for each other: who says that it waits, and the look before it sleeps.
//!
//! Only the thread that runs the handlers of an actor says so, and only where it blocks: in `wait` of a
//! call and `send` of a cast. Who awaits does not block, and other threads keep no actor from its messages.
//! What is certain about such a look stands in [`shm::waits`](crate::shm::waits). Nothing here is run for a
//! call that is answered before its caller would sleep.

use std::time::Instant;

use super::context;
use super::cycle::Cycle;
use super::post::PostFailure;
use crate::id::ActorId;
use crate::mailbox::{Cause, Envelope, Mailbox, Name, PostError, Wait};
use crate::reply::{self, ReplyKind, ReplySlot};
use crate::shm::event::Waited;
use crate::shm::waits::{self, Hop, Waits};
use crate::shm::words::Mapped;
use crate::time::{Deadline, Moment};

/// Whom somebody is about to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) actor: ActorId,
    pub(super) name: &'static str,
}

/// Sleeps until a call is answered or `deadline`, unless that would be for ever. The call has begun at
/// `begin`.
///
/// # Errors
/// This would be waiting for itself.
pub(super) fn await_answer(
    target: Target,
    begin: Instant,
    slot: &mut ReplySlot,
    deadline: Deadline,
    buffer: &mut Vec<u8>,
) -> Result<Option<ReplyKind>, Cycle> {
    let Some(mailbox) = own() else { return Ok(slot.wait_asleep(deadline, buffer)) };
    let stamped = Stamped::new(mailbox, target, Cause::Answer(slot.address()), begin);
    slot.wait_watchfully(deadline, buffer, || stamped.find_cycle())
}

/// Posts to a mailbox that was full a moment ago, waiting for room until `deadline`.
///
/// # Errors
/// Nothing was posted; that it would wait for itself is among the reasons.
pub(super) fn post_to_full(
    target: Target,
    mailbox: &Mailbox,
    envelope: &Envelope,
    payload: &[u8],
    deadline: Deadline,
) -> Result<(), PostFailure> {
    let Some(own) = own() else { return Ok(mailbox.post(envelope, payload, deadline)?) };
    let (window, bytes) = (&mailbox.window, (envelope.length() + payload.len()) as u64);
    let begin = Instant::now();
    while !deadline.has_passed() {
        let mut has_slept = false;
        if !window.spin_for_room(bytes, deadline) {
            let stamped = Stamped::new(own, target, Cause::Room { bytes }, begin);
            match window.sleep_for_room(bytes, deadline, || stamped.find_cycle()) {
                Waited::Ready(Some(cycle)) | Waited::Slept(Some(cycle)) => {
                    return Err(PostFailure::WouldDeadlock(cycle));
                }
                waited => has_slept = matches!(waited, Waited::Slept(_)),
            }
        }
        // No longer stamped: who has posted must not look as if it waited.
        let posted = mailbox.post(envelope, payload, Deadline::Now);
        if has_slept {
            window.pass_room_on();
        }
        if posted != Err(PostError::Full) {
            return Ok(posted?);
        }
    }
    Err(PostFailure::Full)
}

/// The mailbox of the actor whose handlers run on this thread.
fn own() -> Option<Mailbox> {
    context::own().and_then(Mailbox::look)
}

/// An actor that says what it waits for, as long as this lives.
struct Stamped(Mailbox);

impl Stamped {
    fn new(own: Mailbox, target: Target, cause: Cause, begin: Instant) -> Stamped {
        let (target, name) = (target.actor, Name::of(target.name));
        own.stamp_wait(&Wait { target, cause, since_ns: Moment::of(begin).map_or(u64::MAX, Moment::nanos), name });
        Stamped(own)
    }

    /// The cycle that this wait closes, if it is this actor that is to go without what it waits for.
    fn find_cycle(&self) -> Option<Cycle> {
        let ring = waits::find_ring(&Actors, self.0.id())?;
        // Each is named by the one that waits for it.
        let names = ring.iter().rev().take(1).chain(&ring).map(|hop: &Hop<Actors>| hop.wait.name.text());
        Some(Cycle::new(ring.iter().map(|hop| hop.who).zip(names).collect()))
    }
}

impl Drop for Stamped {
    fn drop(&mut self) {
        self.0.clear_wait();
    }
}

/// What all actors have stamped.
struct Actors;

impl Waits for Actors {
    type Memory = Mapped;
    type Who = ActorId;
    type Wait = Wait;

    fn stamp_of(&self, actor: ActorId) -> Option<(u64, Wait)> {
        Mailbox::look(actor)?.wait()
    }

    fn target(wait: &Wait) -> ActorId {
        wait.target
    }

    fn holds(&self, wait: &Wait) -> bool {
        match wait.cause {
            Cause::Answer(call) => reply::is_owed(call),
            Cause::Room { bytes } => Mailbox::look(wait.target).is_some_and(|mailbox| mailbox.lacks_room(bytes)),
        }
    }

    fn age(actor: ActorId, wait: &Wait) -> (u64, u64) {
        (wait.since_ns, u64::from(actor.0.index) << 32 | u64::from(actor.0.generation))
    }

    fn nudge(&self, wait: &Wait) {
        match wait.cause {
            Cause::Answer(call) => reply::nudge(call),
            // Attached: should this process die between the two steps of a wake, the node makes up for it.
            Cause::Room { .. } => {
                if let Some(mailbox) = Mailbox::attach(wait.target) {
                    mailbox.window.wake_senders();
                }
            }
        }
    }
}
