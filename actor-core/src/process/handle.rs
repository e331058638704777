//! [`Process`]: the handle to one run of a function in a process of its own.
//!
//! Waiting is done here, with a descriptor of the process, and not by the node: a wait that is
//! given up leaves nothing behind. The node is asked once, when the process is dead.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{JoinError, SpawnError, StopError};
use super::join::JoinFuture;
use super::sentinel;
use super::spawn::Options;
use crate::exit::{ExitReport, KilledBy};
use crate::id::{ProcessId, WindowId};
use crate::node::{self, Answer, ProcessResult, Request};
use crate::planted::{self, planted};
use crate::shm::blob;
use crate::shm::segment::attached;
use crate::sys::{Signal, epoll};
use crate::time::Deadline;
use crate::wait::{Interest, Opened, Source};
use crate::wire;

/// A function that runs in a process of its own and will return an `R`; see the [module](super).
///
/// | to | use |
/// |---|---|
/// | have its result | [`join`](Process::join), [`try_join`](Process::try_join), [`join_timeout`](Process::join_timeout), [`join_deadline`](Process::join_deadline), [`join_async`](Process::join_async) |
/// | know how it ended | [`exit_report`](Process::exit_report) |
/// | ask it to end | [`terminate`](Process::terminate) |
/// | ask it, and kill it if it does not | [`stop`](Process::stop), [`stop_deadline`](Process::stop_deadline) |
/// | end it, whatever it does | [`kill`](Process::kill) |
/// | wait for its end together with other things | [`wait`](crate::wait), or [`sentinel`](Process::sentinel) for `poll` and its relatives |
///
/// All of these work at any time and as often as wanted; what the process has left behind when it
/// ended stays with the handle. Until it is asked for, the node keeps it, for the 65 536 processes
/// that ended last; what is older is dropped, result and all. Dropping the handle lets the process go
/// on unwatched: it ends by itself, or with the node.
///
/// ```
/// use actor_core::ExitReason;
/// use actor_core::process::{JoinError, Process};
///
/// fn divide((a, b): (u32, u32)) -> u32 {
///     a / b
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let divided = Process::spawn(divide, (7, 2))?;
/// assert_eq!(divided.join()?, 3);
///
/// let failed = Process::spawn(divide, (7, 0))?;
/// let Err(JoinError::Died(report)) = failed.join() else { panic!("there is no such number") };
/// assert!(matches!(report.reason, ExitReason::Panicked { .. }));
/// # Ok(())
/// # }
/// ```
pub struct Process<R> {
    id: ProcessId,
    pid: u32,
    name: String,
    sentinel: OnceLock<OwnedFd>,
    end: OnceLock<End>,
    _result: PhantomData<fn() -> R>,
}

/// What a process has left behind.
pub(super) struct End {
    report: Box<ExitReport>,
    /// Encoded.
    result: Option<Vec<u8>>,
}

/// How long the node may take to carry something out, or to reap who is dead.
pub(super) const NODE_TIMEOUT: Duration = Duration::from_secs(5);

impl<R> Process<R> {
    /// Runs `f(args)` in a process of its own and returns when it has begun.
    ///
    /// See [`Options`] for a name, another start timeout, and stderr.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the process is left then.
    #[doc(alias = "start")]
    pub fn spawn<A>(f: fn(A) -> R, args: A) -> Result<Process<R>, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        Options::default().spawn(f, args)
    }

    /// [`spawn`](Process::spawn) of a process that is [linked](crate::link) to this one from its beginning.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the process is left then.
    pub fn spawn_link<A>(f: fn(A) -> R, args: A) -> Result<Process<R>, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        Options::default().spawn_link(f, args)
    }

    /// Waits until the process has ended and gives what its function returned.
    ///
    /// # Errors
    /// [`JoinError::Died`] if it ended without returning, [`JoinError::Decode`] if what it returned
    /// cannot be decoded.
    pub fn join(&self) -> Result<R, JoinError>
    where
        R: DeserializeOwned,
    {
        self.join_by(Deadline::Never)
    }

    /// [`join`](Process::join) if the process has ended already.
    ///
    /// # Errors
    /// [`JoinError::Timeout`] if it has not, else as for [`join`](Process::join).
    pub fn try_join(&self) -> Result<R, JoinError>
    where
        R: DeserializeOwned,
    {
        self.join_by(Deadline::Now)
    }

    /// [`join`](Process::join) that waits for at most `timeout`.
    ///
    /// # Errors
    /// [`JoinError::Timeout`] if the process has not ended by then, else as for
    /// [`join`](Process::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<R, JoinError>
    where
        R: DeserializeOwned,
    {
        self.join_by(Deadline::after(timeout))
    }

    /// [`join`](Process::join) that waits until `deadline`.
    ///
    /// # Errors
    /// As for [`join_timeout`](Process::join_timeout).
    pub fn join_deadline(&self, deadline: Instant) -> Result<R, JoinError>
    where
        R: DeserializeOwned,
    {
        self.join_by(deadline.into())
    }

    fn join_by(&self, deadline: Deadline) -> Result<R, JoinError>
    where
        R: DeserializeOwned,
    {
        self.end_by(deadline).and_then(|end| self.result_of(end))
    }

    /// What the function has returned, by what the process has left behind.
    pub(super) fn result_of(&self, end: &End) -> Result<R, JoinError>
    where
        R: DeserializeOwned,
    {
        let Some(result) = &end.result else { return Err(JoinError::Died(end.report.clone())) };
        wire::decode(result).map_err(|source| JoinError::Decode { name: self.name.clone(), source })
    }

    /// [`join`](Process::join) in async code. Dropped before it is ready, it has changed nothing.
    ///
    /// ```
    /// # use actor_core::process::Process;
    /// #[actor_core::main]
    /// async fn main() -> actor_core::Result<()> {
    ///     let doubling = Process::spawn(|n: u32| 2 * n, 21)?;
    ///     assert_eq!(doubling.join_async().await?, 42);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`join`](Process::join); [`JoinError::Timeout`] if the process is dead and the node does not
    /// tell how within 5 s.
    pub fn join_async(&self) -> JoinFuture<'_, R> {
        JoinFuture::new(self)
    }

    /// How the process ended; `None` while it has not.
    #[doc(alias("exitcode", "exit_status"))]
    pub fn exit_report(&self) -> Option<&ExitReport> {
        self.end_by(Deadline::Now).ok().map(|end| &*end.report)
    }

    /// Sends SIGTERM, which ends a process that does not handle it. Does nothing to one that has
    /// ended, and does not wait.
    ///
    /// # Errors
    /// See [`StopError`].
    pub fn terminate(&self) -> Result<(), StopError> {
        self.carry_out(Request::Signal { process: self.id, signal: Signal::TERM.as_raw() })
    }

    /// Kills the process, and [what it has started](super#what-it-has-started), whatever they do. Does
    /// nothing to one that has ended, and does not wait.
    ///
    /// # Errors
    /// See [`StopError`].
    pub fn kill(&self) -> Result<(), StopError> {
        self.carry_out(Request::KillProcess { process: self.id, by: KilledBy::User })
    }

    /// Sends SIGTERM, waits for at most `timeout`, kills the process if it is still there, and
    /// tells how it ended.
    ///
    /// # Errors
    /// See [`StopError`].
    pub fn stop(&self, timeout: Duration) -> Result<&ExitReport, StopError> {
        self.stop_by(Deadline::after(timeout))
    }

    /// [`stop`](Process::stop) that kills at `deadline`.
    ///
    /// # Errors
    /// See [`StopError`].
    pub fn stop_deadline(&self, deadline: Instant) -> Result<&ExitReport, StopError> {
        self.stop_by(deadline.into())
    }

    fn stop_by(&self, deadline: Deadline) -> Result<&ExitReport, StopError> {
        self.terminate()?;
        if let Ok(end) = self.end_by(deadline) {
            return Ok(&end.report);
        }
        self.carry_out(Request::KillProcess { process: self.id, by: KilledBy::ShutdownTimeout })?;
        match self.end_by(Deadline::after(NODE_TIMEOUT)) {
            Ok(end) => Ok(&end.report),
            Err(error) => Err(StopError::System { name: self.name.clone(), text: error.to_string() }),
        }
    }

    /// Whether the process has not ended yet. `false` is final, `true` outdated as soon as it is
    /// known.
    pub fn is_alive(&self) -> bool {
        match self.end.get() {
            Some(_) => false,
            None => !self.is_dead_by(Deadline::Now).unwrap_or_else(|_| !self.is_in_record()),
        }
    }

    /// The operating system's number of the process. Once the process has ended, the number may
    /// mean another one: use [`terminate`](Process::terminate) and [`kill`](Process::kill) rather
    /// than sending signals to it.
    #[doc(alias = "ident")]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What `ps` and reports call the process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which process of the node this is. Unlike the pid it is never given to another.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// A descriptor that becomes readable when the process ends and stays so, to be watched with
    /// others in `poll` and its relatives. Open for as long as the handle.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn sentinel(&self) -> io::Result<BorrowedFd<'_>> {
        if self.sentinel.get().is_none() {
            let opened = match sentinel::open(self.id, self.pid)? {
                Some(sentinel) => sentinel,
                None => sentinel::of_the_dead()?,
            };
            // If another thread was faster, its descriptor is as good.
            let _ = self.sentinel.set(opened);
        }
        Ok(self.sentinel.get().expect("it was set just now").as_fd())
    }

    pub(super) fn new(id: ProcessId, pid: u32, name: String) -> Process<R> {
        Process { id, pid, name, sentinel: OnceLock::new(), end: OnceLock::new(), _result: PhantomData }
    }

    /// What the process has left behind, once it has ended.
    fn end_by(&self, deadline: Deadline) -> Result<&End, JoinError> {
        if let Some(end) = self.end.get() {
            return Ok(end);
        }
        let timeout = || JoinError::Timeout { name: self.name.clone() };
        let deadline = match self.is_dead_by(deadline) {
            Ok(false) => return Err(timeout()),
            Ok(true) => Deadline::after(NODE_TIMEOUT),
            // Without a descriptor the node has to do the waiting.
            Err(_) if !self.is_in_record() => Deadline::after(NODE_TIMEOUT),
            Err(_) if deadline.has_passed() => return Err(timeout()),
            Err(_) => deadline,
        };
        self.keep(node::ask(&Request::Join { process: self.id }, deadline))
    }

    /// What is known of the end already.
    pub(super) fn known_end(&self) -> Option<&End> {
        self.end.get()
    }

    /// Keeps what the node says of the end.
    pub(super) fn keep(&self, answer: Result<Answer, node::AskError>) -> Result<&End, JoinError> {
        let system = |text: String| JoinError::System { name: self.name.clone(), text };
        match answer {
            Ok(Answer::Exited { report, result: Some(ProcessResult::Window(window)) }) => {
                self.take_result(report, window).ok_or_else(|| system("the result is gone from shared memory".into()))
            }
            Ok(Answer::Exited { report, result }) => {
                let result = result.and_then(ProcessResult::into_bytes);
                Ok(self.end.get_or_init(|| End { report, result }))
            }
            Ok(other) => Err(system(format!("the node answered {other:?}"))),
            Err(node::AskError::TimedOut) => Err(JoinError::Timeout { name: self.name.clone() }),
            Err(error) => Err(system(error.to_string())),
        }
    }

    /// Copies a long result. `None`: there is none any more.
    fn take_result(&self, report: Box<ExitReport>, window: WindowId) -> Option<&End> {
        let result = attached().and_then(|segment| blob::read(segment, window));
        if let Some(result) = result {
            // Kept before the node is told. So another thread, whose copy is late and may be of
            // anything by now, drops it here and has what was kept.
            self.end.get_or_init(|| End { report, result: Some(result) });
            node::tell(&Request::ResultTaken { process: self.id });
        }
        self.end.get()
    }

    /// Whether the process is dead, now or by the deadline.
    fn is_dead_by(&self, deadline: Deadline) -> io::Result<bool> {
        let opened;
        let sentinel = match self.sentinel.get() {
            Some(sentinel) => sentinel,
            None => match sentinel::open(self.id, self.pid)? {
                Some(descriptor) => {
                    opened = descriptor;
                    &opened
                }
                None => return Ok(true),
            },
        };
        Ok(epoll::wait_readable(&[sentinel.as_fd()], deadline.remaining())?.is_some())
    }

    fn is_in_record(&self) -> bool {
        sentinel::is_in_record(self.id, self.pid)
    }

    /// Has the node do something to the process; nothing if it has ended.
    fn carry_out(&self, request: Request) -> Result<(), StopError> {
        if self.end.get().is_some() {
            return Ok(());
        }
        if planted!(PidInsteadOfPidfd) {
            planted::kill_number(self.pid);
        }
        match node::ask(&request, Deadline::after(NODE_TIMEOUT)) {
            Ok(_) => Ok(()),
            Err(error) => Err(StopError::new(&self.name, &error)),
        }
    }
}

/// Ready once the process is dead.
impl<R> Source for Process<R> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        match self.end.get() {
            Some(_) => Ok(Opened::Ready),
            None => Ok(Opened::Borrowed(self.sentinel()?, Interest::Readable)),
        }
    }
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        node::tell(&Request::Forget { process: self.id });
    }
}

impl<R> fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("pid", &self.pid).finish_non_exhaustive()
    }
}
