//! What can be done with one life of an actor, and never to the next.
//!
//! Messages for one life stand with the reference, which knows their types:
//! [`ActorRef::in_life`](super::ActorRef::in_life).

use std::time::{Duration, Instant};

use super::actor_ref::{STOP_TIMEOUT, end};
use super::error::StopError;
use crate::exit::ExitReport;
use crate::id::Incarnation;
use crate::mailbox::Mailbox;
use crate::node::Request;

/// An incarnation does not know what its actor is called.
const NAME: &str = "actor";

impl Incarnation {
    /// Whether this life is on. Outdated as soon as it is known, but once `false`, always `false`.
    pub fn is_alive(self) -> bool {
        let life = Mailbox::attach(self.actor).map(|mailbox| mailbox.life());
        life.is_some_and(|(life, participant)| life == self.life && participant.is_some())
    }

    /// [`ActorRef::stop`](super::ActorRef::stop), if this life is on.
    ///
    /// # Errors
    /// [`StopError::NoProc`] when this life is over, whoever lives there now.
    pub fn stop(self) -> Result<ExitReport, StopError> {
        self.stop_timeout(STOP_TIMEOUT)
    }

    /// [`ActorRef::stop_timeout`](super::ActorRef::stop_timeout), if this life is on.
    ///
    /// # Errors
    /// As for [`stop`](Incarnation::stop).
    pub fn stop_timeout(self, timeout: Duration) -> Result<ExitReport, StopError> {
        let request = Request::StopActor { actor: self.actor, only: Some(self), after_all: true, timeout };
        end(NAME, self.actor, &request, timeout)
    }

    /// [`ActorRef::stop_deadline`](super::ActorRef::stop_deadline), if this life is on.
    ///
    /// # Errors
    /// As for [`stop`](Incarnation::stop).
    pub fn stop_deadline(self, deadline: Instant) -> Result<ExitReport, StopError> {
        self.stop_timeout(deadline.saturating_duration_since(Instant::now()))
    }

    /// [`ActorRef::stop_now`](super::ActorRef::stop_now), if this life is on.
    ///
    /// # Errors
    /// As for [`stop`](Incarnation::stop).
    pub fn stop_now(self) -> Result<ExitReport, StopError> {
        let timeout = STOP_TIMEOUT;
        let request = Request::StopActor { actor: self.actor, only: Some(self), after_all: false, timeout };
        end(NAME, self.actor, &request, timeout)
    }

    /// [`ActorRef::kill`](super::ActorRef::kill), if this life is on.
    ///
    /// # Errors
    /// As for [`stop`](Incarnation::stop).
    pub fn kill(self) -> Result<ExitReport, StopError> {
        end(NAME, self.actor, &Request::KillActor { actor: self.actor, only: Some(self) }, Duration::ZERO)
    }
}
