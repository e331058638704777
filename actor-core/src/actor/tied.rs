//! What an actor does about the ends of others: monitors, links, and actors of its own.
//!
//! The same as [`link`] does for any thread; what comes of it is told by the loop, between two
//! messages, to the `#[info]` handlers.

use super::actor_ref::ActorRef;
use super::behaviour::Actor;
use super::context::Context;
use super::error::SpawnError;
use super::spawn::Definition;
use crate::link::{self, LinkError, MonitorError, MonitorRef, Target};

impl<A: Actor> Context<A> {
    /// Has the actor told of the end of `target`, by one [`Down`](crate::Down) to its `#[info]` handler.
    ///
    /// Each call makes a monitor of its own. Nobody is asked: this costs about as much as to send a
    /// message. Where nobody is there the `Down` comes at once, with the reason `NoProc`.
    ///
    /// # Errors
    /// See [`MonitorError`].
    pub fn monitor(&mut self, target: impl Target) -> Result<MonitorRef, MonitorError> {
        link::monitor_for_actor(target)
    }

    /// Gives up a monitor: no `Down` of it is told afterwards, not even one that was on its way. False: it
    /// was told before, or the monitor was given up before.
    pub fn demonitor(&mut self, monitor: MonitorRef) -> bool {
        link::demonitor_for_actor(monitor)
    }

    /// Links the actor and `target`: if one of them ends, so does the other; see [`link`].
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn link(&mut self, target: impl Target) -> Result<(), LinkError> {
        link::link(target)
    }

    /// Cuts the link between the actor and `target`, if there is one. No exit signal of it is told
    /// afterwards.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn unlink(&mut self, target: impl Target) -> Result<(), LinkError> {
        link::unlink(target)
    }

    /// From now on the actor does not end with those it is linked to: its `#[info]` handler is told, by an
    /// [`ExitSignal`](crate::ExitSignal), after normal ends as well.
    ///
    /// It still ends, by way of its `#[terminate]`, when the one ends that has started it with
    /// [`spawn`](Context::spawn) or `spawn_link`. And nobody can trap a kill of himself.
    pub fn trap_exit(&mut self) {
        link::set_actor_trap(true);
    }

    /// From now on the actor ends with those it is linked to, as it did before
    /// [`trap_exit`](Context::trap_exit).
    pub fn untrap_exit(&mut self) {
        link::set_actor_trap(false);
    }

    /// Starts another actor, linked to this one from its beginning, and returns when it is ready.
    ///
    /// If it does not come up that is an error here, and no exit signal.
    ///
    /// ```
    /// use actor_core::prelude::*;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Actor, Serialize, Deserialize)]
    /// struct Leader;
    ///
    /// #[handlers]
    /// impl Leader {
    ///     #[call]
    ///     fn hire(&mut self, context: &mut Context<Self>) -> Result<ActorRef<Hand>, String> {
    ///         context.spawn(Hand).map_err(|error| error.to_string())
    ///     }
    /// }
    ///
    /// #[derive(Actor, Serialize, Deserialize)]
    /// struct Hand;
    ///
    /// #[handlers]
    /// impl Hand {}
    ///
    /// fn main() -> actor_core::Result<()> {
    ///     let leader = Leader.spawn()?;
    ///     let hand = leader.hire().wait()?;
    ///     let end_of_hand = hand.monitor()?;
    ///     let leader_id = leader.incarnation();
    ///     leader.kill()?;
    ///     assert_eq!(end_of_hand.wait().report.via, leader_id.map(Into::into));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the other is left then.
    pub fn spawn<B: Actor>(
        &mut self,
        actor: impl Into<Definition<B>>,
    ) -> Result<ActorRef<B>, SpawnError<B::InitError>> {
        actor.into().spawn_link()
    }

    /// Starts another actor, which has nothing to do with this one, and returns when it is ready.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the other is left then.
    pub fn spawn_detached<B: Actor>(
        &mut self,
        actor: impl Into<Definition<B>>,
    ) -> Result<ActorRef<B>, SpawnError<B::InitError>> {
        actor.into().spawn()
    }
}
