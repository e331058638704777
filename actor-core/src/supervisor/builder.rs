//! [`SupervisorBuilder`]: a supervisor that is not started yet.
//!
//! A child's mailbox is made when the child is added, so its reference exists before any child
//! runs and can be part of the arguments of those that come after it. Whatever was made for a
//! supervisor that is never started goes away with its builder.

use std::fmt;
use std::time::Duration;

use super::error::StartError;
use super::handle::Supervisor;
use crate::actor::{Actor, ActorRef, Definition, SpawnError};
use crate::core::{AutoShutdown, Backoff, ChildRules, Intensity, Restart, Shutdown, Strategy, SupervisorRules};
use crate::id::ActorId;
use crate::node::{self, Answer, Request, SpawnFailure};
use crate::time::Deadline;

/// An actor as the child of a supervisor.
///
/// ```
/// # use actor_core::prelude::*;
/// # use actor_core::{ChildSpec, Restart, Supervisor};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Actor, Serialize, Deserialize)]
/// # struct Counter { words: u64 }
/// # #[handlers]
/// # impl Counter {}
/// # fn main() -> actor_core::Result<()> {
/// let mut app = Supervisor::builder();
/// let spec = ChildSpec { restart: Restart::Transient, ..ChildSpec::new(Counter { words: 0 }) };
/// let counter = app.child(spec)?;
/// # Ok(())
/// # }
/// ```
pub struct ChildSpec<A: Actor> {
    /// What the supervisor and its reports call the child; no two children have the same.
    pub id: String,
    /// The actor, which can be started as often as it has to be.
    pub actor: Definition<A>,
    /// Whether it is started again when it has ended.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end matters to the supervisor's [`AutoShutdown`].
    pub significant: bool,
    /// How long to wait between attempts when it does not come up.
    pub backoff: Backoff,
}

impl<A: Actor> ChildSpec<A> {
    /// A permanent child that has 5 s to stop, with the name of the actor as its id.
    pub fn new(actor: impl Into<Definition<A>>) -> ChildSpec<A> {
        let actor = actor.into();
        ChildSpec {
            id: actor.options.name.clone().unwrap_or_else(|| A::OPTIONS.name.to_owned()),
            actor,
            restart: Restart::default(),
            shutdown: Shutdown::default(),
            significant: false,
            backoff: Backoff::default(),
        }
    }
}

/// Asks nothing of the arguments.
impl<A: Actor> fmt::Debug for ChildSpec<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChildSpec { id, actor: _, restart, shutdown, significant, backoff } = self;
        let mut debug = f.debug_struct("ChildSpec");
        debug.field("id", id).field("restart", restart).field("shutdown", shutdown);
        debug.field("significant", significant).field("backoff", backoff);
        debug.finish_non_exhaustive()
    }
}

/// An actor that is its own argument is a child as it is.
impl<A: Actor<Args = A>> From<A> for ChildSpec<A> {
    fn from(actor: A) -> ChildSpec<A> {
        ChildSpec::new(actor)
    }
}

impl<A: Actor> From<Definition<A>> for ChildSpec<A> {
    fn from(actor: Definition<A>) -> ChildSpec<A> {
        ChildSpec::new(actor)
    }
}

/// A supervisor that is not started yet; made by [`Supervisor::builder`].
#[derive(Debug)]
#[must_use = "nothing runs before `start`"]
pub struct SupervisorBuilder {
    rules: SupervisorRules,
    /// The actors of the children, made and not started.
    made: Vec<ActorId>,
    /// How long all children together may take to come up.
    start_timeout: Duration,
}

/// What the node may need on top of the children's start timeouts, to stop those that are up when
/// one of them fails.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);

impl SupervisorBuilder {
    pub(super) fn new() -> SupervisorBuilder {
        SupervisorBuilder { rules: SupervisorRules::default(), made: Vec::new(), start_timeout: SETTLE_TIMEOUT }
    }

    /// Which other children are started again together with one that failed: none unless said
    /// otherwise.
    pub fn strategy(mut self, strategy: Strategy) -> SupervisorBuilder {
        self.rules.strategy = strategy;
        self
    }

    /// Whether the supervisor ends when its [significant](ChildSpec::significant) children have
    /// ended: never unless said otherwise.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> SupervisorBuilder {
        self.rules.auto_shutdown = auto_shutdown;
        self
    }

    /// How many restarts within a period are too many: one in five seconds unless said otherwise.
    pub fn intensity(mut self, intensity: Intensity) -> SupervisorBuilder {
        self.rules.intensity = intensity;
        self
    }

    /// Adds a child, to be started after those that were added before, and gives its reference.
    ///
    /// The reference works at once: messages wait in the mailbox until the child is up.
    ///
    /// # Errors
    /// [`SpawnError::Encode`] if the child's arguments cannot be encoded, [`SpawnError::System`] if
    /// there is no room for another mailbox. The builder is as it was before.
    pub fn child<A: Actor>(&mut self, spec: impl Into<ChildSpec<A>>) -> Result<ActorRef<A>, SpawnError> {
        let ChildSpec { id, actor: definition, restart, shutdown, significant, backoff } = spec.into();
        let spec = definition.spec()?;
        let (name, start_timeout) = (spec.name.clone(), spec.start_timeout);
        let actor = make(Request::MakeActor(spec)).map_err(|text| SpawnError::System { name, text })?;
        self.made.push(actor);
        self.rules.children.push(ChildRules { id, restart, shutdown, significant, backoff });
        self.start_timeout = self.start_timeout.saturating_add(start_timeout);
        Ok(ActorRef::new(actor))
    }

    /// Starts the children in the order in which they were added, each when the one before it is
    /// up, and returns when all are.
    ///
    /// # Errors
    /// See [`StartError`]; no child is left then, and the references are stale.
    pub fn start(mut self) -> Result<Supervisor, StartError> {
        let (rules, children) = (self.rules.clone(), self.made.clone());
        match node::ask(&Request::StartSupervisor { rules, children }, Deadline::after(self.start_timeout)) {
            Ok(Answer::Supervising { supervisor }) => {
                self.made.clear();
                Ok(Supervisor::new(supervisor))
            }
            Ok(Answer::BadRules(error)) => Err(StartError::Spec(error)),
            Ok(Answer::SupervisorNotStarted { child, report }) => Err(StartError::Child { id: child, report }),
            Ok(other) => Err(StartError::System { text: format!("the node answered {other:?}") }),
            Err(error) => Err(StartError::System { text: error.to_string() }),
        }
    }
}

impl Drop for SupervisorBuilder {
    fn drop(&mut self) {
        for actor in self.made.drain(..) {
            node::tell(&Request::UnmakeActor { actor });
        }
    }
}

/// How long the node may take to make a mailbox.
const MAKE_TIMEOUT: Duration = Duration::from_secs(5);

fn make(request: Request) -> Result<ActorId, String> {
    match node::ask(&request, Deadline::after(MAKE_TIMEOUT)) {
        Ok(Answer::Spawned(actor)) => Ok(actor),
        Ok(Answer::NotSpawned(SpawnFailure::System(text))) => Err(text),
        Ok(other) => Err(format!("the node answered {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}
