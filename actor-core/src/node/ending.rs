//! The end of the node: when `main` returns or the process exits, everything stops in order.
//!
//! Supervisors stop their children in reverse order, single actors and daemonic processes are asked
//! to stop, and who is left of them after the time is killed. All other processes have a time to end of
//! themselves; then they are asked as well, and killed after the same time as the others. The process
//! exits when nobody is left. A
//! process that dies without exiting (a signal, `abort`) does nothing of this: its processes then
//! die by the kernel, and the zygote kills what they have started and removes the node's control group.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::launch::Role;
use super::request::{Answer, Request};
use super::thread::Node;
use super::timers::Timer;
use super::waiters::Waiters;
use super::{client, forward};
use crate::core::Event;
use crate::exit::KilledBy;
use crate::id::ProcessId;
use crate::logs;
use crate::mailbox::ReplyAddress;
use crate::sys::{Signal, pidfd, process, signal};
use crate::time::Deadline;

/// How long everything has to stop when the program ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long processes that are no daemons have to end of themselves, in milliseconds.
static JOIN_TIMEOUT: AtomicU64 = AtomicU64::new(5_000);
/// What the node may need on top of it, to kill, reap and answer.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// The node is coming to its end.
pub(super) struct Ending {
    replies: Waiters,
    /// Nobody is left but the zygote.
    is_alone: bool,
    /// Processes that are no daemons still have time to end of themselves.
    is_joining: bool,
    /// The signal that this process dies of in the end.
    signal: Option<Signal>,
}

/// What `main` with the attribute has: the first SIGINT, SIGTERM or SIGHUP stops everything in order, and
/// the process dies of it then; a SIGINT or SIGTERM after it ends it at once.
pub(crate) fn stop_at_interrupts() {
    // No kernel is known to refuse; then the signals do what they always did.
    let _ = signal::note_interrupts();
}

/// Decides how long the end of the program waits for processes that are no
/// [daemons](crate::process::Options::daemon) to end of themselves: 5 s unless this was called.
///
/// Then they get SIGTERM, and who has not ended 5 s after that is killed. With zero they get it at once. It
/// matters in the root process, whose end is the program's, and counts from the next beginning of an end.
/// [`main`](macro@crate::main#how-a-program-ends) tells what else happens then.
#[doc(alias("_exit_function", "atexit"))]
pub fn set_join_timeout(timeout: Duration) {
    JOIN_TIMEOUT.store(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn join_timeout() -> Duration {
    Duration::from_millis(JOIN_TIMEOUT.load(Ordering::Relaxed))
}

static NODE_PID: AtomicU32 = AtomicU32::new(0);

/// Registers the end of the node with the end of the process.
pub(super) fn stop_everything_at_exit() {
    NODE_PID.store(std::process::id(), Ordering::Relaxed);
    process::at_exit(at_exit);
}

extern "C" fn at_exit() {
    // A raw fork of the node runs this too when it exits, and has no say.
    if NODE_PID.load(Ordering::Relaxed) == std::process::id() {
        stop_everything(STOP_TIMEOUT);
    }
}

/// Stops everything within `timeout` or a little more. Nothing can be started afterwards.
pub(crate) fn stop_everything(timeout: Duration) {
    let deadline = Deadline::after(join_timeout().saturating_add(timeout).saturating_add(KILL_TIMEOUT));
    // Without an answer the kernel does the rest as soon as this process is gone.
    let _ = client::ask(&Request::Shutdown { timeout }, deadline);
    logs::flush();
    forward::STDERR.flush();
}

impl Node {
    pub(super) fn begin_ending(&mut self, timeout: Duration, reply: Option<ReplyAddress>) {
        if let Some(ending) = &mut self.ending {
            ending.replies.add(reply);
            self.after(timeout, Timer::EndNow);
            // It may be complete, and nothing happen any more.
            return self.look_at_ending();
        }
        let mut replies = Waiters::default();
        replies.add(reply);
        self.ending = Some(Ending { replies, is_alone: false, is_joining: true, signal: None });
        self.after(timeout, Timer::EndNow);
        match join_timeout() {
            Duration::ZERO => self.end_joining(None),
            time => self.after(time, Timer::Joined(timeout)),
        }
        let supervisors: Vec<u64> = self.supervisors.keys().rev().copied().collect();
        for id in supervisors {
            self.supervise(id, Event::StopRequested);
        }
        self.drop_orders();
        for actor in self.actors.values().filter(|actor| actor.owner == super::actors::Owner::Nobody) {
            actor.mailbox.stop(true);
        }
        self.ask_plain(|is_daemon| is_daemon);
        self.look_at_ending();
    }

    /// Who is no daemon has had its time to end of itself, and is killed after `timeout`, if there is one.
    pub(super) fn end_joining(&mut self, timeout: Option<Duration>) {
        let Some(ending) = self.ending.as_mut().filter(|ending| ending.is_joining) else { return };
        ending.is_joining = false;
        self.ask_plain(|is_daemon| !is_daemon);
        if let Some(timeout) = timeout {
            self.after(timeout, Timer::EndNow);
        }
    }

    /// Asks processes that are no actors to stop.
    fn ask_plain(&self, is_meant: impl Fn(bool) -> bool) {
        for process in self.processes.values() {
            // One that is still being made gets it when it is there.
            if let (Role::Plain { is_daemon, .. }, Some(pidfd)) = (&process.role, &process.pidfd)
                && is_meant(*is_daemon)
            {
                let _ = pidfd::send_signal(std::os::fd::AsFd::as_fd(pidfd), Signal::TERM);
            }
        }
    }

    /// Whether a process with this role may still end of itself, though the node is coming to its end.
    fn is_joined(&self, role: &Role) -> bool {
        let is_joining = self.ending.as_ref().is_some_and(|ending| ending.is_joining);
        is_joining && matches!(role, Role::Plain { is_daemon: false, .. })
    }

    /// Whether a process that has come into being just now is to be asked to stop.
    pub(super) fn comes_too_late(&self, role: &Role) -> bool {
        self.ending.is_some() && matches!(role, Role::Plain { .. }) && !self.is_joined(role)
    }

    /// Begins the end if a signal asks for it.
    pub(super) fn look_for_interrupt(&mut self) {
        let Some(signal) = signal::interrupt() else { return };
        self.begin_ending(STOP_TIMEOUT, None);
        if let Some(ending) = &mut self.ending {
            ending.signal = Some(signal);
        }
        self.look_at_ending();
    }

    pub(super) fn kill_everything(&mut self) {
        let late = self.processes.values().filter(|process| !self.is_joined(&process.role));
        let ids: Vec<ProcessId> = late.map(|process| process.id).collect();
        for id in ids {
            self.kill(id, KilledBy::NodeExit);
        }
        // Whoever is still being made is not waited for; the zygote's death tells what became of it.
        if self.processes.values().any(|process| process.pidfd.is_none()) {
            self.kill_zygote();
        }
    }

    /// Goes on with the end when somebody has ended.
    pub(super) fn look_at_ending(&mut self) {
        let Some(ending) = &mut self.ending else { return };
        if !self.processes.is_empty() {
            return;
        }
        if !ending.is_alone {
            ending.is_alone = true;
            self.kill_zygote();
        }
        if self.zygote.is_running() {
            return;
        }
        self.remove_directories();
        self.groups.end();
        if let Some(ending) = &mut self.ending {
            if let Some(signal) = ending.signal.take() {
                // There is nobody left to watch over, so this thread may wait.
                logs::flush();
                forward::STDERR.flush();
                signal::die_of(signal);
            }
            let replies = ending.replies.take();
            for reply in replies {
                self.answer(Some(reply), &Answer::Done);
            }
        }
    }
}
