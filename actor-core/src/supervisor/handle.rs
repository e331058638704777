//! [`Supervisor`]: the handle to a supervisor that was started.

use std::time::{Duration, Instant};

use super::builder::SupervisorBuilder;
use super::error::SupervisorError;
use crate::core::{ChildStatus, SupervisorEnd};
use crate::node::{self, Answer, AskError, Request};
use crate::time::Deadline;

/// Actors that are started together, started again when they fail, and stopped together.
///
/// ```
/// # use actor_core::prelude::*;
/// # use actor_core::{Intensity, Supervisor};
/// # use serde::{Deserialize, Serialize};
/// # use std::time::Duration;
/// # #[derive(Actor, Serialize, Deserialize)]
/// # struct Counter { words: u64 }
/// # #[handlers]
/// # impl Counter {
/// #     #[call]
/// #     fn add(&mut self, text: String) -> u64 { self.words += text.split_whitespace().count() as u64; self.words }
/// # }
/// # fn main() -> actor_core::Result<()> {
/// let intensity = Intensity { restarts: 3, period: Duration::from_secs(5) };
/// let mut app = Supervisor::builder().intensity(intensity);
/// let counter = app.child(Counter { words: 0 })?;
/// let app = app.start()?;
/// assert_eq!(counter.add("two words".into()).wait()?, 2);
/// app.stop()?;
/// # Ok(())
/// # }
/// ```
///
/// A child that ends is started again according to its [`Restart`](crate::Restart), from the
/// arguments that it was defined with, with the same reference and the same mailbox. The restart
/// that would be one too many by the [`Intensity`](crate::Intensity) is not made: the supervisor
/// stops all children, in reverse order, and ends as [`SupervisorEnd::GaveUp`].
///
/// The handle may be cloned and dropped at will: the supervisor runs until it is stopped, gives
/// up, or the node ends.
#[derive(Clone, Debug)]
pub struct Supervisor {
    id: u64,
}

/// How long the node may take to answer what it has at hand.
const AT_HAND: Duration = Duration::from_secs(5);

impl Supervisor {
    /// A supervisor without children, to be completed and started.
    pub fn builder() -> SupervisorBuilder {
        SupervisorBuilder::new()
    }

    /// Stops the children one after the other, the last one first, each as its
    /// [`Shutdown`](crate::Shutdown) says, and waits until all have ended.
    ///
    /// # Errors
    /// [`SupervisorError::NoProc`] if the supervisor had ended before.
    pub fn stop(&self) -> Result<SupervisorEnd, SupervisorError> {
        self.stop_by(Deadline::Never)
    }

    /// [`stop`](Supervisor::stop) that waits for at most `timeout`. The children are stopped in any
    /// case.
    ///
    /// # Errors
    /// [`SupervisorError::Timeout`] if they have not ended by then, else as for
    /// [`stop`](Supervisor::stop).
    pub fn stop_timeout(&self, timeout: Duration) -> Result<SupervisorEnd, SupervisorError> {
        self.stop_by(Deadline::after(timeout))
    }

    /// [`stop_timeout`](Supervisor::stop_timeout) with a point in time.
    ///
    /// # Errors
    /// As for [`stop_timeout`](Supervisor::stop_timeout).
    pub fn stop_deadline(&self, deadline: Instant) -> Result<SupervisorEnd, SupervisorError> {
        self.stop_by(deadline.into())
    }

    fn stop_by(&self, deadline: Deadline) -> Result<SupervisorEnd, SupervisorError> {
        end(ask(&Request::StopSupervisor { supervisor: self.id }, deadline)?)
    }

    /// Waits until the supervisor has ended, and says why it did.
    ///
    /// The node remembers the ends of the last 256 supervisors; one that ended before those is
    /// [`SupervisorError::NoProc`].
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub fn join(&self) -> Result<SupervisorEnd, SupervisorError> {
        self.join_by(Deadline::Never)
    }

    /// [`join`](Supervisor::join) if the supervisor has ended already.
    ///
    /// # Errors
    /// [`SupervisorError::Timeout`] if it has not, else as for [`join`](Supervisor::join).
    pub fn try_join(&self) -> Result<SupervisorEnd, SupervisorError> {
        match self.which_children() {
            Ok(_) => Err(SupervisorError::Timeout),
            Err(SupervisorError::NoProc) => self.join_by(Deadline::after(AT_HAND)),
            Err(error) => Err(error),
        }
    }

    /// [`join`](Supervisor::join) that waits for at most `timeout`.
    ///
    /// # Errors
    /// [`SupervisorError::Timeout`] if the supervisor has not ended by then.
    pub fn join_timeout(&self, timeout: Duration) -> Result<SupervisorEnd, SupervisorError> {
        self.join_by(Deadline::after(timeout))
    }

    /// [`join`](Supervisor::join) that waits until `deadline`.
    ///
    /// # Errors
    /// [`SupervisorError::Timeout`] if the supervisor has not ended by then.
    pub fn join_deadline(&self, deadline: Instant) -> Result<SupervisorEnd, SupervisorError> {
        self.join_by(deadline.into())
    }

    fn join_by(&self, deadline: Deadline) -> Result<SupervisorEnd, SupervisorError> {
        end(ask(&Request::JoinSupervisor { supervisor: self.id }, deadline)?)
    }

    /// The children in the order in which they are started, and what each is doing.
    ///
    /// # Errors
    /// [`SupervisorError::NoProc`] when the supervisor has ended.
    pub fn which_children(&self) -> Result<Vec<ChildStatus>, SupervisorError> {
        match ask(&Request::WhichChildren { supervisor: self.id }, Deadline::after(AT_HAND))? {
            Answer::Children(children) => Ok(children),
            Answer::SupervisorEnded(_) => Err(SupervisorError::NoProc),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) fn new(id: u64) -> Supervisor {
        Supervisor { id }
    }
}

fn end(answer: Answer) -> Result<SupervisorEnd, SupervisorError> {
    match answer {
        Answer::SupervisorEnded(end) => Ok(end),
        other => Err(unexpected(&other)),
    }
}

fn ask(request: &Request, deadline: Deadline) -> Result<Answer, SupervisorError> {
    match node::ask(request, deadline) {
        Ok(Answer::NoProc) => Err(SupervisorError::NoProc),
        Ok(answer) => Ok(answer),
        Err(AskError::TimedOut) => Err(SupervisorError::Timeout),
        Err(error) => Err(SupervisorError::System { text: error.to_string() }),
    }
}

fn unexpected(answer: &Answer) -> SupervisorError {
    SupervisorError::System { text: format!("the node answered {answer:?}") }
}
