//! [`Context`]: what an actor knows of itself while it runs, and how it says that it is done.

use std::cell::Cell;
use std::marker::PhantomData;

use super::actor_ref::ActorRef;
use super::behaviour::{Actor, Failure};
use crate::exit::ExitReason;
use crate::id::{ActorId, Incarnation};
use crate::mailbox::{Envelope, Mailbox};
use crate::shm::slots::Claim;

/// The surroundings of an actor in its process; a handler takes a `&mut Context<Self>` to have it.
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Countdown { left: u32 }
///
/// #[handlers]
/// impl Countdown {
///     #[cast]
///     fn tick(&mut self, context: &mut Context<Self>) {
///         self.left -= 1;
///         if self.left == 0 {
///             context.stop();
///         }
///     }
/// }
/// ```
pub struct Context<A: Actor> {
    mailbox: Mailbox,
    life: u32,
    /// How often the message in hand was delivered, this time included; 0 outside of handlers.
    deliveries: u32,
    /// Why the actor ends after the message in hand.
    ending: Option<ExitReason>,
    actor: PhantomData<fn() -> A>,
}

thread_local! {
    /// The actor whose handlers run on this thread.
    static OWN: Cell<Option<ActorId>> = const { Cell::new(None) };
}

/// Whether this thread runs the handlers of `actor`, so that waiting for it would be for ever.
pub(super) fn is_own(actor: ActorId) -> bool {
    OWN.get() == Some(actor)
}

impl<A: Actor> Context<A> {
    /// For the main thread of the actor's process.
    pub(super) fn new(mailbox: Mailbox, life: u32) -> Context<A> {
        OWN.set(Some(mailbox.id()));
        Context { mailbox, life, deliveries: 0, ending: None, actor: PhantomData }
    }

    /// A message is about to be handled.
    pub(super) fn begin(&mut self, envelope: &Envelope, claim: Claim) {
        self.deliveries = u32::from(claim.count) + 1;
        self.mailbox.stamp(Some(envelope.handler));
    }

    /// The message in hand is handled and answered.
    pub(super) fn finish(&mut self, claim: Claim, failure: Option<Failure>) {
        self.mailbox.acknowledge(claim);
        self.mailbox.stamp(None);
        self.deliveries = 0;
        if let Some(failure) = failure {
            self.fail(failure);
        }
    }

    pub(super) fn take_ending(&mut self) -> Option<ExitReason> {
        self.ending.take()
    }

    /// The actor's own address, to hand out.
    pub fn actor_ref(&self) -> ActorRef<A> {
        ActorRef::new(self.mailbox.id())
    }

    /// Which life of the actor this is.
    pub fn incarnation(&self) -> Incarnation {
        Incarnation { actor: self.mailbox.id(), life: self.life }
    }

    /// How often the message in hand has been delivered, this time included. More than once: an
    /// earlier life ended with it in hand.
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// Whether an earlier life ended with the message in hand.
    pub fn is_redelivered(&self) -> bool {
        1 < self.deliveries
    }

    /// Whether somebody has asked the actor to stop. A handler that takes long may look at this.
    pub fn is_stopping(&self) -> bool {
        self.mailbox.is_stopping()
    }

    /// Messages that wait, the one in hand not counted.
    pub fn queued(&self) -> u64 {
        self.mailbox.len()
    }

    /// Ends the actor normally after the message in hand. What is queued waits for the next life
    /// if there is one; else calls fail and casts become dead letters.
    pub fn stop(&mut self) {
        self.ending.get_or_insert(ExitReason::Normal);
    }

    /// Ends the actor as failed after the message in hand.
    pub fn fail(&mut self, failure: Failure) {
        self.ending.get_or_insert(failure.into_reason());
    }
}
