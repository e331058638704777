//! Monitors: one notice each of the end of another.
//!
//! To make one is to give it a number, to note it on the desk and to post a request, and nobody is waited
//! for: the node reads it before it settles the death that it is about.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::desk::{self, Desk, Watched};
use super::error::MonitorError;
use super::target::{Found, Target};
use crate::exit::ExitReport;
use crate::id::Peer;
use crate::node::{self, AskError, MONITORS_MAX, Request};
use crate::time::Deadline;
use crate::wait::{Opened, Registrations, Source, Wakes, Words};

/// That somebody has ended: what a monitor gives, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The monitor that gives it.
    pub monitor: MonitorRef,
    /// Who has ended.
    pub peer: Peer,
    /// How. The reason is [`NoProc`](crate::ExitReason::NoProc) if nobody was there when the monitor was
    /// made.
    pub report: Box<ExitReport>,
}

/// Which monitor of its process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorRef(u64);

impl MonitorRef {
    pub(super) fn new(number: u64) -> MonitorRef {
        MonitorRef(number)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}

/// Has this process told of the end of `target`.
///
/// Nobody is asked and nothing is waited for, so it costs about as much as to send a message. Each call
/// makes a monitor of its own. Where nobody is there the notice is there at once. For actors there is
/// [`Context::monitor`](crate::Context::monitor), whose notices come to the `#[info]` handler.
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::ExitReason;
/// use actor_core::link::monitor;
/// use actor_core::process::Process;
///
/// # fn main() -> actor_core::Result<()> {
/// let sleeper = Process::spawn(|()| std::thread::park(), ())?;
/// let monitor = monitor(&sleeper)?;
/// assert!(monitor.wait_timeout(Duration::from_millis(10)).is_none());
/// sleeper.kill()?;
/// assert!(matches!(monitor.wait().report.reason, ExitReason::Killed { .. }));
/// // It is dead now.
/// assert_eq!(actor_core::link::monitor(&sleeper)?.wait().report.reason, ExitReason::NoProc);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// See [`MonitorError`].
pub fn monitor(target: impl Target) -> Result<Monitor, MonitorError> {
    let found = target.found();
    make(found, false).map(|number| Monitor { number, peer: found.peer })
}

/// [`monitor`] whose notice is for the actor that lives here.
pub(crate) fn monitor_for_actor(target: impl Target) -> Result<MonitorRef, MonitorError> {
    make(target.found(), true).map(MonitorRef)
}

/// Gives up a monitor of the actor. False: it has told what it had to tell, or was given up before.
pub(crate) fn demonitor_for_actor(monitor: MonitorRef) -> bool {
    demonitor(monitor.0)
}

fn make(found: Found, is_of_actor: bool) -> Result<u64, MonitorError> {
    let Found { peer, process } = found;
    let system = |error: AskError| MonitorError::System { peer: peer.to_string(), text: error.to_string() };
    let segment = node::ensure().map_err(|error| system(error.into()))?;
    // What waits there counts as well.
    desk::collect();
    let mut desk = desk::desk();
    if MONITORS_MAX <= desk.monitors.len() {
        return Err(MonitorError::TooMany { peer: peer.to_string() });
    }
    desk.last += 1;
    let number = desk.last;
    desk.monitors.insert(number, Watched { peer, process, is_of_actor, down: None });
    let Some(process) = process else {
        desk.settle_here(number, &ExitReport::no_proc(peer.to_string(), peer.actor()));
        return Ok(number);
    };
    drop(desk);
    let request = Request::Monitor { by: desk::me(segment), number, process };
    if let Err(error) = node::tell_quietly(&request, process, Deadline::after(PATIENCE)) {
        desk::desk().monitors.remove(&number);
        return Err(system(error));
    }
    Ok(number)
}

/// How long the node's mailbox may be full.
const PATIENCE: Duration = Duration::from_secs(5);

fn demonitor(number: u64) -> bool {
    let Some(watched) = desk::desk().monitors.remove(&number) else { return false };
    if let (Some(process), None, Ok(segment)) = (watched.process, watched.down, node::ensure()) {
        let request = Request::Demonitor { by: desk::me(segment), number };
        // What the node is not told of here, it tells to nobody later.
        let _ = node::tell_quietly(&request, process, Deadline::after(PATIENCE));
    }
    true
}

/// A monitor of this process. Dropped, it tells nobody anything any more.
///
/// | to | use |
/// |---|---|
/// | wait for the end | [`wait`](Monitor::wait), [`try_wait`](Monitor::try_wait), [`wait_timeout`](Monitor::wait_timeout), [`wait_deadline`](Monitor::wait_deadline), [`wait_async`](Monitor::wait_async) |
///
/// What it has to tell stays with it, and is told as often as it is asked.
#[derive(Debug)]
#[must_use = "a monitor that is dropped tells nothing"]
pub struct Monitor {
    number: u64,
    peer: Peer,
}

impl Monitor {
    /// Who is monitored.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Which monitor this is: [`Down::monitor`] is the same.
    pub fn id(&self) -> MonitorRef {
        MonitorRef(self.number)
    }

    /// Waits until the other has ended.
    pub fn wait(&self) -> Down {
        loop {
            // Without a deadline there is no other way out.
            if let Some(down) = desk::wait(Deadline::Never, |desk| self.take(desk)) {
                return down;
            }
        }
    }

    /// How the other has ended, if it has.
    pub fn try_wait(&self) -> Option<Down> {
        self.wait_by(Deadline::Now)
    }

    /// [`wait`](Monitor::wait) for at most `timeout`.
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Down> {
        self.wait_by(Deadline::after(timeout))
    }

    /// [`wait`](Monitor::wait) until `deadline`.
    pub fn wait_deadline(&self, deadline: Instant) -> Option<Down> {
        self.wait_by(deadline.into())
    }

    /// [`wait`](Monitor::wait) in async code.
    ///
    /// ```
    /// # use actor_core::link::monitor;
    /// # use actor_core::process::Process;
    /// #[actor_core::main]
    /// async fn main() -> actor_core::Result<()> {
    ///     let worker = Process::spawn(|()| (), ())?;
    ///     let down = monitor(&worker)?.wait_async().await;
    ///     assert_eq!(down.peer, worker.id().into());
    ///     Ok(())
    /// }
    /// ```
    pub fn wait_async(&self) -> MonitorFuture<'_> {
        MonitorFuture { monitor: self, registrations: Registrations::default() }
    }

    fn wait_by(&self, deadline: Deadline) -> Option<Down> {
        match deadline.has_passed() {
            true => {
                desk::collect();
                self.take(&mut desk::desk())
            }
            false => desk::wait(deadline, |desk| self.take(desk)),
        }
    }

    fn take(&self, desk: &mut Desk) -> Option<Down> {
        desk.monitors.get(&self.number)?.down.clone()
    }
}

/// Ready once the other has ended and this process knows.
impl Source for Monitor {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Words(self))
    }
}

impl Words for Monitor {
    fn is_ready(&self) -> bool {
        desk::collect_in_passing();
        self.take(&mut desk::desk()).is_some()
    }

    fn register(&self, wakes: &mut Wakes) {
        desk::register(wakes);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        demonitor(self.number);
    }
}

/// The future of [`Monitor::wait_async`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct MonitorFuture<'a> {
    monitor: &'a Monitor,
    registrations: Registrations,
}

impl Future for MonitorFuture<'_> {
    type Output = Down;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Down> {
        let this = &mut *self;
        desk::poll(&mut this.registrations, context, |desk| this.monitor.take(desk))
    }
}
