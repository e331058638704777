//! The end of the node: when `main` returns or the process exits, everything stops in order.
//!
//! Supervisors stop their children in reverse order, single actors and plain processes are asked
//! to stop, and what is left after the time is killed. The process exits when nobody is left. A
//! process that dies without exiting (a signal, `abort`) does nothing of this: its processes then
//! die by the kernel, and the zygote kills what they have started and removes the node's control group.

use std::sync::atomic::{AtomicU32, Ordering};
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
/// What the node may need on top of it, to kill, reap and answer.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// The node is coming to its end.
pub(super) struct Ending {
    replies: Waiters,
    /// Nobody is left but the zygote.
    is_alone: bool,
    /// The signal that this process dies of in the end.
    signal: Option<Signal>,
}

/// What `main` with the attribute has: the first SIGINT, SIGTERM or SIGHUP stops everything in order, and
/// the process dies of it then; a SIGINT or SIGTERM after it ends it at once.
pub(crate) fn stop_at_interrupts() {
    // No kernel is known to refuse; then the signals do what they always did.
    let _ = signal::note_interrupts();
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
    let deadline = Deadline::after(timeout.saturating_add(KILL_TIMEOUT));
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
        self.ending = Some(Ending { replies, is_alone: false, signal: None });
        self.after(timeout, Timer::EndNow);
        let supervisors: Vec<u64> = self.supervisors.keys().rev().copied().collect();
        for id in supervisors {
            self.supervise(id, Event::StopRequested);
        }
        self.drop_orders();
        for actor in self.actors.values().filter(|actor| actor.owner == super::actors::Owner::Nobody) {
            actor.mailbox.stop(true);
        }
        for process in self.processes.values().filter(|process| matches!(process.role, Role::Plain { .. })) {
            // One that is still being made gets it when it is there.
            if let Some(pidfd) = &process.pidfd {
                let _ = pidfd::send_signal(std::os::fd::AsFd::as_fd(pidfd), Signal::TERM);
            }
        }
        self.look_at_ending();
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
        let ids: Vec<ProcessId> = self.processes.values().map(|process| process.id).collect();
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
