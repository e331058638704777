//! [`ActorRef`]: the address of an actor, and what can be done with the actor as a whole.
//!
//! A reference is plain data. What the actor can be *asked* stands in its calls type, which the
//! reference dereferences to; so every method added here takes a name away from handlers, and the
//! macros reserve those names.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::ops::Deref;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::behaviour::Actor;
use super::context;
use super::error::StopError;
use crate::exit::ExitReport;
use crate::id::{ActorId, Incarnation, Peer};
use crate::link::{self, Found, LinkError, Monitor, MonitorError, Sealed};
use crate::mailbox::{Mailbox, NEWS_HANDLER};
use crate::node::{self, Answer, Request};
use crate::time::Deadline;
use crate::wait::{Opened, Source};

/// The address of an actor of type `A`, conventionally named after what the actor does.
///
/// It is plain data: copy it, compare it, send it to other processes inside messages and
/// arguments. It means the actor across its restarts, and never another actor: when this one has
/// ended for good, everything gives `NoProc`. Dropping it does nothing to the actor.
///
/// Handlers are called like methods, see [`Call`](super::Call) and [`Cast`](super::Cast):
///
/// ```
/// # use actor_core::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Actor, Serialize, Deserialize)]
/// # struct Counter { words: u64 }
/// # #[handlers]
/// # impl Counter {
/// #     #[call]
/// #     fn add(&mut self, text: String) -> u64 { self.words += text.split_whitespace().count() as u64; self.words }
/// # }
/// # fn main() -> actor_core::Result<()> {
/// let counter = Counter { words: 0 }.spawn()?;
/// assert_eq!(counter.add("two words".into()).wait()?, 2);
/// counter.stop()?;
/// # Ok(())
/// # }
/// ```
///
/// | to | use |
/// |---|---|
/// | end it after all that is queued | [`stop`](ActorRef::stop), [`stop_timeout`](ActorRef::stop_timeout), [`stop_deadline`](ActorRef::stop_deadline) |
/// | end it after the message in hand | [`stop_now`](ActorRef::stop_now) |
/// | end it, whatever it does | [`kill`](ActorRef::kill) |
/// | see what it does | [`status`](ActorRef::status), [`is_alive`](ActorRef::is_alive) |
/// | wait for its end, or be told of it, or share it | [`wait`](crate::wait), [`monitor`](ActorRef::monitor), [`link`](ActorRef::link) |
pub struct ActorRef<A: Actor>(A::Calls);

/// What every calls type is: an address with methods.
///
/// `#[handlers]` writes it.
pub trait Calls: Copy + Send + Sync + 'static {
    /// The calls of the actor at `address`.
    fn new(address: Address) -> Self;
    /// Where the calls go.
    fn address(&self) -> Address;
}

/// The address of an actor of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub(super) actor: ActorId,
    /// The one life that is meant; 0 is any.
    pub(super) life: u32,
}

/// What an actor does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorStatus {
    /// Which of its lives this is; `None` between two lives.
    pub incarnation: Option<Incarnation>,
    /// The handler that runs and since how long, to within a few milliseconds; all `#[info]` handlers are
    /// `info`.
    pub handling: Option<(&'static str, Duration)>,
    /// Messages handled in this life.
    pub handled: u64,
    /// Messages that wait in the mailbox.
    pub queued: u64,
    /// Whether it was asked to stop.
    pub is_stopping: bool,
}

/// How long [`ActorRef::stop`] and [`ActorRef::stop_now`] wait before they kill.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// What the node may need beyond that until the process is reaped and its report is made.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

impl<A: Actor> ActorRef<A> {
    pub(crate) fn new(actor: ActorId) -> ActorRef<A> {
        ActorRef(A::Calls::new(Address { actor, life: 0 }))
    }

    /// What the actor can be asked; needed only where a trait in scope has a method of the name
    /// of a handler.
    pub fn calls(&self) -> &A::Calls {
        &self.0
    }

    /// What the actor can be asked in this one of its lives: when that is over, before or while a
    /// message waits, it gives `NoProc`, and a cast that was sent becomes a dead letter.
    ///
    /// What was handed out when the life ended is never handed to the next, whatever its policy.
    pub fn in_life(&self, incarnation: Incarnation) -> A::Calls {
        A::Calls::new(Address { actor: incarnation.actor, life: incarnation.life })
    }

    /// The identity of the actor, across its restarts.
    pub fn id(&self) -> ActorId {
        self.0.address().actor
    }

    /// The present life of the actor; `None` between two lives and after its end.
    pub fn incarnation(&self) -> Option<Incarnation> {
        let (life, participant) = Mailbox::attach(self.id())?.life();
        participant.map(|_| Incarnation { actor: self.id(), life })
    }

    /// Whether the actor lives at the moment; `false` as well while it is being restarted.
    ///
    /// Works whatever the actor does, and is outdated as soon as it is known.
    pub fn is_alive(&self) -> bool {
        self.incarnation().is_some()
    }

    /// What the actor does at the moment. It is not asked: this works while it is busy or hangs.
    ///
    /// # Errors
    /// [`StopError::NoProc`] when the actor has ended for good.
    pub fn status(&self) -> Result<ActorStatus, StopError> {
        let mailbox = Mailbox::attach(self.id()).ok_or_else(|| self.no_proc())?;
        let (handling, handled) = mailbox.stamped();
        Ok(ActorStatus {
            incarnation: self.incarnation(),
            handling: handling.map(|(handler, since)| (handler_name::<A>(handler), since)),
            handled,
            queued: mailbox.len(),
            is_stopping: mailbox.is_stopping(),
        })
    }

    /// Refuses new messages, lets the actor handle those that are queued, and waits until its
    /// process has ended; kills it after 5 s.
    ///
    /// This ends one life: a supervisor starts a permanent child again, with what is queued, and
    /// others not.
    ///
    /// # Errors
    /// [`StopError::NoProc`] when it has ended before; [`StopError::CallingSelf`] inside the actor
    /// itself, which uses [`Context::stop`](super::Context::stop).
    pub fn stop(&self) -> Result<ExitReport, StopError> {
        self.stop_timeout(STOP_TIMEOUT)
    }

    /// [`stop`](ActorRef::stop) that kills after `timeout`.
    ///
    /// # Errors
    /// As for [`stop`](ActorRef::stop).
    pub fn stop_timeout(&self, timeout: Duration) -> Result<ExitReport, StopError> {
        self.end(Request::StopActor { actor: self.id(), only: None, after_all: true, timeout }, timeout)
    }

    /// [`stop`](ActorRef::stop) that kills at `deadline`.
    ///
    /// # Errors
    /// As for [`stop`](ActorRef::stop).
    pub fn stop_deadline(&self, deadline: Instant) -> Result<ExitReport, StopError> {
        self.stop_timeout(deadline.saturating_duration_since(Instant::now()))
    }

    /// As [`stop`](ActorRef::stop), but only the message in hand is still handled. Queued calls
    /// fail with `Closed`, queued casts become dead letters.
    ///
    /// # Errors
    /// As for [`stop`](ActorRef::stop).
    pub fn stop_now(&self) -> Result<ExitReport, StopError> {
        let timeout = STOP_TIMEOUT;
        self.end(Request::StopActor { actor: self.id(), only: None, after_all: false, timeout }, timeout)
    }

    /// Kills the actor's process, whatever it does, and waits until it is gone. This ends one
    /// life: a supervisor restarts the actor by its rules.
    ///
    /// # Errors
    /// [`StopError::NoProc`] when the actor has ended before.
    pub fn kill(&self) -> Result<ExitReport, StopError> {
        self.end(Request::KillActor { actor: self.id(), only: None }, Duration::ZERO)
    }

    /// Has this process told of the end of the actor's present life; see [`link::monitor`].
    ///
    /// # Errors
    /// See [`MonitorError`].
    pub fn monitor(&self) -> Result<Monitor, MonitorError> {
        link::monitor(self)
    }

    /// Links this process and the actor's present life; see [`link::link`](link::link()).
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn link(&self) -> Result<(), LinkError> {
        link::link(self)
    }

    /// Cuts the link between this process and the actor's present life; see [`link::unlink`].
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn unlink(&self) -> Result<(), LinkError> {
        link::unlink(self)
    }

    fn end(&self, request: Request, timeout: Duration) -> Result<ExitReport, StopError> {
        end(A::OPTIONS.name, self.id(), &request, timeout)
    }

    fn no_proc(&self) -> StopError {
        StopError::NoProc { name: A::OPTIONS.name, actor: self.id() }
    }
}

/// Asks the node for an end, and waits for it.
pub(super) fn end(
    name: &'static str,
    actor: ActorId,
    request: &Request,
    timeout: Duration,
) -> Result<ExitReport, StopError> {
    if context::is_own(actor) {
        return Err(StopError::CallingSelf { name, actor });
    }
    let deadline = Deadline::after(timeout.saturating_add(SETTLE_TIMEOUT));
    match node::ask(request, deadline) {
        Ok(Answer::Ended(report)) => Ok(*report),
        Ok(_) => Err(StopError::NoProc { name, actor }),
        Err(error) => Err(StopError::System { name, actor, text: error.to_string() }),
    }
}

impl<A: Actor> Sealed for ActorRef<A> {
    fn found(&self) -> Found {
        let ended = Found { peer: Peer::Actor(Incarnation { actor: self.id(), life: 0 }), process: None };
        Found::of_actor(self.id()).unwrap_or(ended)
    }
}

/// Ready once the life is over that is lived now.
impl<A: Actor> Source for ActorRef<A> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        self.found().opened()
    }
}

fn handler_name<A: Actor>(handler: u16) -> &'static str {
    if handler == NEWS_HANDLER {
        return "info";
    }
    A::HANDLERS.get(usize::from(handler)).copied().unwrap_or("?")
}

impl Address {
    /// The identity of the actor.
    pub fn actor(self) -> ActorId {
        self.actor
    }
}

impl<A: Actor> Deref for ActorRef<A> {
    type Target = A::Calls;

    fn deref(&self) -> &A::Calls {
        &self.0
    }
}

// By hand, because a derive would ask the same of the actor's type.

impl<A: Actor> Clone for ActorRef<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Actor> Copy for ActorRef<A> {}

impl<A: Actor> PartialEq for ActorRef<A> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<A: Actor> Eq for ActorRef<A> {}

impl<A: Actor> Hash for ActorRef<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<A: Actor> fmt::Debug for ActorRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({self})")
    }
}

impl<A: Actor> fmt::Display for ActorRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", A::OPTIONS.name, self.id())
    }
}

impl<A: Actor> Serialize for ActorRef<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id().serialize(serializer)
    }
}

impl<'de, A: Actor> Deserialize<'de> for ActorRef<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ActorId::deserialize(deserializer).map(ActorRef::new)
    }
}
