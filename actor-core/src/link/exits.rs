//! Exit signals as values: for processes that do not want to end with those to whom they are linked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::desk::{self, Desk};
use crate::exit::{ExitReason, ExitReport};
use crate::id::Peer;
use crate::node;
use crate::shm::roster::traps;
use crate::shm::segment::attached;
use crate::time::Deadline;
use crate::wait::{Opened, Registrations, Source, Wakes, Words};

/// That somebody has ended to whom there was a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitSignal {
    /// Who has ended.
    pub from: Peer,
    /// The reason as it comes through the link: that of the other's end, and of one that was killed
    /// `Killed { by: KilledBy::Link(..) }`.
    pub reason: ExitReason,
    /// How it has ended. The reason is `NoProc` if it was not there when the link was asked for.
    pub report: Box<ExitReport>,
}

/// Has exit signals told to this process, which otherwise would end by them, for as long as the value
/// lives.
///
/// For `main` and processes that run a function; an actor uses
/// [`Context::trap_exit`](crate::Context::trap_exit).
///
/// ```
/// use actor_core::link::trap_exit;
/// use actor_core::process::Process;
///
/// fn crash(_: ()) {
///     std::process::abort();
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let exits = trap_exit()?;
/// let worker = Process::spawn_link(crash, ())?;
/// let exit = exits.recv();
/// assert_eq!(exit.from, worker.id().into());
/// assert_eq!(exit.reason.to_string(), "died of signal 6 (SIGABRT)");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The system lacks something that a node needs.
pub fn trap_exit() -> io::Result<Exits> {
    let segment = node::ensure()?;
    // Under the lock, so that who comes and who goes do not undo each other's word.
    let _desk = desk::desk();
    TRAPPING.fetch_add(1, Ordering::Relaxed);
    segment.record(segment.me()).set_trap(traps::HANDLE, true);
    Ok(Exits { _private: () })
}

/// How many [`Exits`] there are in this process.
static TRAPPING: AtomicUsize = AtomicUsize::new(0);

/// Whether the actor that lives here wants exit signals told.
pub(crate) fn set_actor_trap(is_on: bool) {
    if let Some(segment) = attached() {
        segment.record(segment.me()).set_trap(traps::ACTOR, is_on);
    }
}

/// The exit signals of this process; see [`trap_exit`].
///
/// Each signal goes to one who asks. Dropped, the process ends again with those to whom it is linked;
/// what was not taken by then is there for the next.
#[derive(Debug)]
#[must_use = "exit signals are trapped for as long as this lives"]
pub struct Exits {
    _private: (),
}

impl Exits {
    /// Waits for the next exit signal.
    pub fn recv(&self) -> ExitSignal {
        loop {
            // Without a deadline there is no other way out.
            if let Some(signal) = desk::wait(Deadline::Never, take) {
                return signal;
            }
        }
    }

    /// The next exit signal, if there is one.
    pub fn try_recv(&self) -> Option<ExitSignal> {
        desk::collect();
        take(&mut desk::desk())
    }

    /// [`recv`](Exits::recv) for at most `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Option<ExitSignal> {
        self.recv_by(Deadline::after(timeout))
    }

    /// [`recv`](Exits::recv) until `deadline`.
    pub fn recv_deadline(&self, deadline: Instant) -> Option<ExitSignal> {
        self.recv_by(deadline.into())
    }

    /// [`recv`](Exits::recv) in async code. Dropped before it is ready, it has taken nothing.
    pub fn recv_async(&self) -> ExitFuture<'_> {
        ExitFuture { _exits: self, registrations: Registrations::default() }
    }

    fn recv_by(&self, deadline: Deadline) -> Option<ExitSignal> {
        if deadline.has_passed() { self.try_recv() } else { desk::wait(deadline, take) }
    }
}

fn take(desk: &mut Desk) -> Option<ExitSignal> {
    desk.next_exit().map(|(signal, _)| signal)
}

/// Ready while there is a signal that nobody has taken.
impl Source for Exits {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Words(self))
    }
}

impl Words for Exits {
    fn is_ready(&self) -> bool {
        desk::collect_in_passing();
        !desk::desk().exits.is_empty()
    }

    fn register(&self, wakes: &mut Wakes) {
        desk::register(wakes);
    }
}

impl Drop for Exits {
    fn drop(&mut self) {
        let _desk = desk::desk();
        if TRAPPING.fetch_sub(1, Ordering::Relaxed) == 1
            && let Some(segment) = attached()
        {
            segment.record(segment.me()).set_trap(traps::HANDLE, false);
        }
    }
}

/// The future of [`Exits::recv_async`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ExitFuture<'a> {
    _exits: &'a Exits,
    registrations: Registrations,
}

impl Future for ExitFuture<'_> {
    type Output = ExitSignal;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ExitSignal> {
        desk::poll(&mut self.registrations, context, take)
    }
}
