//! The zygote as the node sees it: started on demand, given orders, replaced when it dies.
//!
//! ```text
//! None ──first order──► Unnamed ──name──► Connected ──hello──► orders flow
//!   ▲                      │                  │                    │
//!   └──── death or timeout ┴──────────────────┴────────────────────┘
//! ```
//!
//! It is started as well where processes are executed by the node: it guards what they start, when
//! the node is gone. So the first of them waits until it is ready, as a forked one does.
//!
//! What it is ordered to make, and what becomes of an order, stands in [`orders`].

mod orders;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::launch::error_chain;
use super::thread::{Node, Token};
use super::timers::Timer;
use crate::boot::StartMethod;
use crate::boot::launch::{self, Announcement, UnnamedZygote};
use crate::control::{self, Answer, ControlError, Line};
use crate::id::Participant;
use crate::logs;
use crate::planted::planted;
use crate::sys::{Signal, epoll, pidfd};
use crate::wire::Bytes;

/// Zygotes that died before they were ready, in a row, after which processes are executed instead.
const FAILURES_MAX: u32 = 3;
/// After which zygotes are tried again: what kept them from starting may be over.
const RECOVERY: Duration = Duration::from_secs(10);
/// How long a zygote has to get ready: an exec, and the constructors of all libraries.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The current zygote and what it has to do.
#[derive(Default)]
pub(super) struct Zygote {
    state: State,
    /// Counts zygotes, so that what one says is not taken for another's.
    number: u32,
    failures: u32,
    failed_at: Option<Instant>,
    /// Orders that wait for a zygote, or for room.
    queued: VecDeque<Participant>,
    /// Orders without an answer, and how often each was given.
    ordered: BTreeMap<u64, Participant>,
    attempts: BTreeMap<Participant, u32>,
    tickets: u64,
    /// Processes to be executed once there is a guard, or cannot be one.
    unguarded: Vec<Participant>,
    /// Of sockets that nobody needs any more, to be removed.
    directories: Vec<PathBuf>,
    /// The environment at the start of this zygote, which its children begin with.
    environment: BTreeMap<OsString, OsString>,
}

#[derive(Default)]
enum State {
    #[default]
    None,
    Unnamed(UnnamedZygote),
    Connected {
        pidfd: OwnedFd,
        line: Line,
        /// To be removed once it is ready.
        directory: Option<PathBuf>,
    },
}

impl Zygote {
    pub(super) fn is_broken(&self) -> bool {
        FAILURES_MAX <= self.failures && self.failed_at.is_some_and(|at| at.elapsed() < RECOVERY)
    }

    /// How the environment has changed since what a new process begins with.
    pub(super) fn environment_changes(&self, method: StartMethod) -> Vec<(Bytes, Option<Bytes>)> {
        if method == StartMethod::Exec || matches!(self.state, State::None) {
            return Vec::new();
        }
        let bytes = |text: &OsString| Bytes(text.clone().into_vec());
        let now = environment();
        let changed = now
            .iter()
            .filter(|(name, value)| self.environment.get(*name) != Some(value))
            .map(|(name, value)| (bytes(name), Some(bytes(value))));
        let gone = self.environment.keys().filter(|name| !now.contains_key(*name)).map(|name| (bytes(name), None));
        changed.chain(gone).collect()
    }

    fn pidfd(&self) -> Option<&OwnedFd> {
        match &self.state {
            State::None => None,
            State::Unnamed(zygote) => Some(&zygote.started.pidfd),
            State::Connected { pidfd, .. } => Some(pidfd),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.pidfd().is_some()
    }

    fn is_ready(&self) -> bool {
        matches!(self.state, State::Connected { directory: None, .. })
    }
}

fn environment() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

impl Node {
    /// Starts a zygote if there is none, whoever makes the processes.
    fn want_guard(&mut self) {
        if self.ending.is_none() && !self.zygote.is_running() && !self.zygote.is_broken() {
            self.start_zygote();
        }
    }

    fn start_zygote(&mut self) {
        self.zygote.environment = environment();
        self.zygote.number += 1;
        self.counters.zygotes += 1;
        let number = self.zygote.number;
        let started = launch::zygote(self.segment, self.bell.as_fd(), self.groups.cgroup());
        let started = started.map_err(|error| error_chain(&error));
        match started.and_then(|zygote| self.watch_zygote(number, zygote)) {
            Ok(zygote) => {
                self.zygote.state = State::Unnamed(zygote);
                self.after(START_TIMEOUT, Timer::Zygote(number));
            }
            Err(why) => self.fail_queued(&why),
        }
    }

    /// A zygote whose end nobody would hear of must not be: it is killed and waited for.
    fn watch_zygote(&mut self, number: u32, zygote: UnnamedZygote) -> Result<UnnamedZygote, String> {
        let epoll = self.epoll.as_fd();
        let watched = epoll::add(epoll, zygote.started.pidfd.as_fd(), Token::Zygote(number).to_u64())
            .and_then(|()| epoll::add(epoll, zygote.announcement.as_fd(), Token::ZygoteName(number).to_u64()));
        let Err(error) = watched else { return Ok(zygote) };
        let _ = epoll::remove(epoll, zygote.started.pidfd.as_fd());
        crate::sys::process::kill_and_reap(zygote.started.pid.as_raw_nonzero().get() as u32);
        let UnnamedZygote { directory, .. } = zygote;
        self.discard(directory);
        Err(error.to_string())
    }

    fn discard(&mut self, directory: PathBuf) {
        self.zygote.directories.push(directory);
        self.remove_directories();
    }

    /// Removes what was discarded. What stays for lack of descriptors has another chance with the next
    /// one, and at the end.
    pub(super) fn remove_directories(&mut self) {
        self.zygote.directories.retain(|directory| !control::remove_directory(directory));
    }

    pub(super) fn on_zygote_name(&mut self, number: u32) {
        if number != self.zygote.number {
            return;
        }
        let State::Unnamed(zygote) = &self.zygote.state else { return };
        // A call to the dead would cost the descriptor it was made with. Its death is told as well.
        if !matches!(pidfd::peek(zygote.started.pidfd.as_fd()), Ok(None)) {
            return;
        }
        match zygote.read_announcement() {
            None => {}
            Some(Announcement::Listening(name)) => match zygote.connect(&name) {
                Ok(line) => {
                    let State::Unnamed(zygote) = std::mem::take(&mut self.zygote.state) else { return };
                    let UnnamedZygote { started, directory, announcement } = zygote;
                    // A copy in a forked process would keep it readable.
                    let _ = epoll::remove(self.epoll.as_fd(), announcement.as_fd());
                    self.zygote.state = State::Connected { pidfd: started.pidfd, line, directory: Some(directory) };
                    self.on_zygote_answers();
                }
                Err(error) => self.give_up_zygote(&error_chain(&error)),
            },
            Some(Announcement::Failed(why)) => self.give_up_zygote(&why),
        }
    }

    /// Reads what the zygote has said, if anything.
    pub(super) fn on_zygote_answers(&mut self) {
        loop {
            let State::Connected { line, directory, .. } = &mut self.zygote.state else { return };
            // Not asked at every ring of the bell: a look takes three system calls.
            if !line.is_answer_due() {
                break;
            }
            match line.next() {
                Ok(None) => break,
                Ok(Some(Answer::Ready(_))) => {
                    if let Some(directory) = directory.take() {
                        self.discard(directory);
                    }
                    self.zygote.failures = 0;
                    self.execute_waiting();
                }
                Ok(Some(Answer::Outcome(outcome))) => {
                    let Some(participant) = self.zygote.ordered.remove(&outcome.ticket) else { continue };
                    self.zygote.attempts.remove(&participant);
                    match outcome.result {
                        Ok(pid) => self.adopt(participant, pid, None),
                        // The kernel may refuse this way of making a process and not the other.
                        Err(why) => {
                            logs::later(move || {
                                tracing::warn!(target: "actor_core", why, "the zygote cannot make a process; it is executed");
                            });
                            self.execute(participant);
                        }
                    }
                }
                // Its death will be seen as well, and tells what has become of the orders.
                Err(ControlError::Disconnected) => return,
                Err(error) => return self.give_up_zygote(&error_chain(&error)),
            }
        }
        self.give_orders();
        self.look_for_ready();
    }

    fn give_up_zygote(&mut self, why: &str) {
        let why = why.to_owned();
        logs::later(move || tracing::warn!(target: "actor_core", why, "the zygote is of no use"));
        self.kill_zygote();
    }

    /// The zygote guards what outlives the node and cannot tell the end of its line from the node's
    /// death, so it is never asked to end.
    pub(super) fn kill_zygote(&mut self) {
        if let Some(pidfd) = self.zygote.pidfd() {
            let _ = pidfd::send_signal(pidfd.as_fd(), Signal::KILL);
        }
    }

    pub(super) fn on_zygote_timeout(&mut self, number: u32) {
        let is_late = match &self.zygote.state {
            State::Unnamed(_) => true,
            State::Connected { directory, .. } => directory.is_some(),
            State::None => false,
        };
        if number == self.zygote.number && is_late {
            self.kill_zygote();
        }
    }

    /// The zygote is dead: what it was asked for is adopted or ordered anew.
    pub(super) fn on_zygote_death(&mut self, number: u32) {
        if number != self.zygote.number || !self.zygote.is_running() {
            return;
        }
        if let Some(pidfd) = self.zygote.pidfd() {
            // An error means that somebody else has reaped it.
            if let Ok(None) = pidfd::reap(pidfd.as_fd()) {
                return;
            }
        }
        // What it said before it died counts.
        self.on_zygote_answers();
        self.forget_zygote();
        for participant in std::mem::take(&mut self.zygote.ordered).into_values() {
            if planted!(ForgetOrders) {
                continue;
            }
            self.settle_orphan(participant);
        }
        if self.zygote.is_broken() {
            self.execute_queued();
        }
        // Without a guard as well.
        self.execute_waiting();
        if self.ending.is_none() {
            self.give_orders();
        }
        self.guard_what_runs();
        self.look_for_ready();
        self.look_at_ending();
    }

    /// Takes the dead one out of all lists. One that was never ready counts as a failure.
    fn forget_zygote(&mut self) {
        if let Some(pidfd) = self.zygote.pidfd() {
            let _ = epoll::remove(self.epoll.as_fd(), pidfd.as_fd());
        }
        let directory = match std::mem::take(&mut self.zygote.state) {
            State::None => None,
            State::Unnamed(zygote) => {
                let _ = epoll::remove(self.epoll.as_fd(), zygote.announcement.as_fd());
                Some(zygote.directory)
            }
            State::Connected { directory, .. } => directory,
        };
        if let Some(directory) = directory {
            self.discard(directory);
            self.zygote.failures += 1;
            self.zygote.failed_at = Some(Instant::now());
        }
    }

    /// Whatever runs without a guard gets one, now or as soon as zygotes are tried again.
    pub(super) fn guard_what_runs(&mut self) {
        if self.processes.is_empty() || self.ending.is_some() {
            return;
        }
        self.want_guard();
        if !self.zygote.is_running() {
            self.after(RECOVERY, Timer::Guard);
        }
    }
}
