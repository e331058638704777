//! [`Info`]: what reaches an actor beside its messages, and how a handler says which of it it takes.

use std::cell::Cell;

use super::behaviour::Failure;
use super::ticks::Tick;
use super::watch::Readiness;
use crate::link::{Down, ExitSignal};

/// What an actor is told that nobody has sent: ends of others, times that have come, and what comes to
/// descriptors.
///
/// An `#[info]` handler takes one kind, `Down`, [`ExitSignal`], [`Tick`] or [`Readiness`], or all that no
/// other handler takes, as `Info`. What no handler takes is logged.
///
/// ```
/// use actor_core::prelude::*;
/// use actor_core::{Down, Info};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Watchman {
///     ends: Vec<String>,
/// }
///
/// #[handlers]
/// impl Watchman {
///     #[call]
///     fn watch(&mut self, peer: actor_core::Peer, context: &mut Context<Self>) {
///         context.monitor(peer).expect("the node is there");
///     }
///
///     #[info]
///     fn down(&mut self, down: Down) {
///         self.ends.push(down.report.to_string());
///     }
///
///     #[info]
///     fn other(&mut self, info: Info) {
///         self.ends.push(format!("{info:?}"));
///     }
///
///     #[call]
///     fn ends(&self) -> usize {
///         self.ends.len()
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let watchman = Watchman { ends: Vec::new() }.spawn()?;
///     let other = Watchman { ends: Vec::new() }.spawn()?;
///     watchman.watch(other.incarnation().expect("it is up").into()).wait()?;
///     other.stop()?;
///     while watchman.ends().wait()? == 0 {}
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Info {
    /// Somebody has ended whom the actor monitors.
    Down(Down),
    /// Somebody has ended to whom the actor is linked, and it traps that.
    Exit(ExitSignal),
    /// A time has come that the actor has set.
    Tick(Tick),
    /// There is something at a descriptor that the actor watches.
    Ready(Readiness),
}

/// A kind of [`Info`], as the type of the argument of an `#[info]` handler.
#[diagnostic::on_unimplemented(
    message = "an actor is never told a `{Self}`",
    label = "nothing of this type",
    note = "an `#[info]` handler takes `Down`, `ExitSignal`, `Tick`, `Readiness`, or `Info` for all that no other handler takes"
)]
pub trait FromInfo: Sized {
    /// This kind out of any.
    ///
    /// # Errors
    /// It is of another kind: here it is again.
    fn from_info(info: Info) -> Result<Self, Info>;
}

impl FromInfo for Info {
    fn from_info(info: Info) -> Result<Info, Info> {
        Ok(info)
    }
}

impl FromInfo for Down {
    fn from_info(info: Info) -> Result<Down, Info> {
        match info {
            Info::Down(down) => Ok(down),
            other => Err(other),
        }
    }
}

impl FromInfo for ExitSignal {
    fn from_info(info: Info) -> Result<ExitSignal, Info> {
        match info {
            Info::Exit(signal) => Ok(signal),
            other => Err(other),
        }
    }
}

impl FromInfo for Tick {
    fn from_info(info: Info) -> Result<Tick, Info> {
        match info {
            Info::Tick(tick) => Ok(tick),
            other => Err(other),
        }
    }
}

impl FromInfo for Readiness {
    fn from_info(info: Info) -> Result<Readiness, Info> {
        match info {
            Info::Ready(ready) => Ok(ready),
            other => Err(other),
        }
    }
}

thread_local! {
    /// The actor of this thread takes nothing that comes to descriptors.
    static UNHANDLED: Cell<bool> = const { Cell::new(false) };
}

/// Whether what the actor of this thread was told of a descriptor just now was taken by no handler.
pub(super) fn take_unhandled() -> bool {
    UNHANDLED.take()
}

impl Info {
    /// Logs what no handler has taken.
    ///
    /// # Errors
    /// None: an actor goes on.
    pub fn unhandled(self) -> Result<(), Failure> {
        match self {
            Info::Down(Down { peer, report, .. }) => {
                tracing::warn!(target: "actor_core", %peer, %report, "an end that no handler was told of");
            }
            Info::Exit(ExitSignal { from, reason, .. }) => {
                tracing::warn!(target: "actor_core", %from, %reason, "an exit signal that no handler was told of");
            }
            Info::Tick(Tick { count, .. }) => {
                tracing::warn!(target: "actor_core", count, "a tick that no handler was told of");
            }
            Info::Ready(ready) => {
                UNHANDLED.set(true);
                tracing::warn!(target: "actor_core", ?ready, "a descriptor is watched, and no handler is told of it");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{ExitReason, ExitReport};
    use crate::id::Peer;

    #[test]
    fn smoke() {
        let report = Box::new(ExitReport::no_proc("x", None));
        let exit = ExitSignal { from: Peer::Main, reason: ExitReason::NoProc, report };
        let info = Info::Exit(exit.clone());
        let info = Down::from_info(info).expect_err("it is no such thing");
        assert_eq!(ExitSignal::from_info(info.clone()), Ok(exit));
        assert_eq!(Info::from_info(info.clone()), Ok(info.clone()));
        assert_eq!(info.unhandled(), Ok(()));
    }
}
