//! [`Context`]: what an actor knows of itself while it runs, and how it says that it is done.

use std::cell::Cell;
use std::marker::PhantomData;

use super::actor_ref::ActorRef;
use super::behaviour::{Actor, Failure};
use super::dropped;
use super::info::Info;
use super::watch::Watches;
use crate::core::Timetable;
use crate::exit::ExitReason;
use crate::id::{ActorId, Incarnation};
use crate::link::{self, Told};
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
    pub(super) mailbox: Mailbox,
    life: u32,
    /// How often the message in hand was delivered, this time included; 0 outside of handlers.
    deliveries: u32,
    /// Why the actor ends after what it has in hand.
    ending: Option<Ending>,
    /// What it is to be told at a time that it has set.
    pub(super) ticks: Timetable,
    pub(super) watches: Watches,
    actor: PhantomData<fn() -> A>,
}

/// How an actor comes to its orderly end.
#[derive(Debug)]
pub(super) enum Ending {
    /// By itself, or because it was asked to.
    Own(ExitReason),
    /// Whoever has started it has ended like this, and it would not die of that.
    WithParent(ExitReason),
}

impl Ending {
    pub(super) fn reason(&self) -> &ExitReason {
        match self {
            Ending::Own(reason) | Ending::WithParent(reason) => reason,
        }
    }
}

thread_local! {
    /// The actor whose handlers run on this thread.
    static OWN: Cell<Option<ActorId>> = const { Cell::new(None) };
}

/// The actor whose handlers run on this thread, if it is one of those.
pub(super) fn own() -> Option<ActorId> {
    OWN.get()
}

/// Whether this thread runs the handlers of `actor`, so that waiting for it would be for ever.
pub(super) fn is_own(actor: ActorId) -> bool {
    OWN.get() == Some(actor)
}

impl<A: Actor> Context<A> {
    /// For the main thread of the actor's process.
    pub(super) fn new(mailbox: Mailbox, life: u32) -> Context<A> {
        OWN.set(Some(mailbox.id()));
        link::set_actor(mailbox);
        let (ticks, watches) = (Timetable::default(), Watches::default());
        Context { mailbox, life, deliveries: 0, ending: None, ticks, watches, actor: PhantomData }
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

    pub(super) fn take_ending(&mut self) -> Option<Ending> {
        self.ending.take()
    }

    /// Has the actor told what there is to be told beside messages, until it decides to end.
    pub(super) fn tell(&mut self, actor: &mut A) {
        dropped::answer_left();
        link::look();
        while self.ending.is_none()
            && let Some(told) = link::next_told()
        {
            let info = match told {
                Told::Down(down) => Info::Down(down),
                Told::Exit(signal, false) => Info::Exit(signal),
                Told::Exit(signal, true) => {
                    self.ending = Some(Ending::WithParent(signal.reason));
                    return;
                }
            };
            self.inform(actor, info);
        }
        self.tell_ready(actor);
    }

    /// Tells the actor one thing.
    pub(super) fn inform(&mut self, actor: &mut A, info: Info) {
        self.mailbox.stamp_news(true);
        let outcome = actor.info(info, self);
        self.mailbox.stamp_news(false);
        if let Err(failure) = outcome {
            self.fail(failure);
        }
    }

    /// Whether the actor has decided to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Tells the actor what is due of the times that it has set, if it has set any.
    #[inline]
    pub(super) fn look_at_ticks(&mut self, actor: &mut A) {
        if !self.ticks.is_empty() {
            self.tick(actor);
        }
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
        self.ending.get_or_insert(Ending::Own(ExitReason::Normal));
    }

    /// Ends the actor as failed after the message in hand.
    pub fn fail(&mut self, failure: Failure) {
        self.ending.get_or_insert(Ending::Own(failure.into_reason()));
    }
}
