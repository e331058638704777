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
//! An order that was under way when a zygote died has either become a process, whose pid the
//! kernel wrote into its record before it ran, or it has not and never will; so it is adopted or
//! ordered anew, and never both.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::launch::error_chain;
use super::request::SpawnFailure;
use super::thread::{Node, Token};
use super::timers::Timer;
use crate::boot::StartMethod;
use crate::boot::launch::{self, Announcement, UnnamedZygote};
use crate::control::{self, Answer, ControlError, Line};
use crate::id::Participant;
use crate::sys::{Signal, epoll, pidfd};
use crate::wire::Bytes;

/// Zygotes that died before they were ready, in a row, after which processes are executed instead.
const FAILURES_MAX: u32 = 3;
/// After which zygotes are tried again: what kept them from starting may be over.
const RECOVERY: Duration = Duration::from_secs(10);
/// How long a zygote has to get ready: an exec, and the constructors of all libraries.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts to make the process of one order, each with another zygote.
const ATTEMPTS_MAX: u32 = 3;

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
    pub(super) fn order_from_zygote(&mut self, participant: Participant) {
        self.zygote.queued.push_back(participant);
        self.give_orders();
    }

    /// Executes a process without the zygote's help, but not before the zygote can guard it.
    pub(super) fn execute_guarded(&mut self, participant: Participant) {
        self.zygote.unguarded.push(participant);
        self.want_guard();
        if self.zygote.is_ready() || !self.zygote.is_running() {
            self.execute_waiting();
        }
    }

    fn execute_waiting(&mut self) {
        for participant in std::mem::take(&mut self.zygote.unguarded) {
            if self.processes.contains_key(&participant) {
                self.execute(participant);
            }
        }
    }

    /// Starts a zygote if there is none, whoever makes the processes.
    fn want_guard(&mut self) {
        if self.ending.is_none() && !self.zygote.is_running() && !self.zygote.is_broken() {
            self.start_zygote();
        }
    }

    /// Gives the zygote what waits, as far as it takes it, starting one if there is none.
    fn give_orders(&mut self) {
        while let Some(participant) = self.zygote.queued.front().copied() {
            match &mut self.zygote.state {
                State::None => {
                    self.start_zygote();
                    return;
                }
                State::Unnamed(_) => return,
                State::Connected { line, .. } => {
                    let ticket = self.zygote.tickets;
                    match line.order(control::Order { ticket, participant }) {
                        Ok(()) => {
                            self.zygote.tickets += 1;
                            self.zygote.queued.pop_front();
                            self.zygote.ordered.insert(ticket, participant);
                            *self.zygote.attempts.entry(participant).or_default() += 1;
                        }
                        // Busy, or not ready yet: its next answer comes back here. Gone: its
                        // death does.
                        Err(_) => return,
                    }
                }
            }
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
    fn watch_zygote(&self, number: u32, zygote: UnnamedZygote) -> Result<UnnamedZygote, String> {
        let epoll = self.epoll.as_fd();
        let watched = epoll::add(epoll, zygote.started.pidfd.as_fd(), Token::Zygote(number).to_u64())
            .and_then(|()| epoll::add(epoll, zygote.announcement.as_fd(), Token::ZygoteName(number).to_u64()));
        let Err(error) = watched else { return Ok(zygote) };
        let _ = epoll::remove(epoll, zygote.started.pidfd.as_fd());
        crate::sys::process::kill_and_reap(zygote.started.pid.as_raw_nonzero().get() as u32);
        control::remove_directory(&zygote.directory);
        Err(error.to_string())
    }

    /// Takes back an order that waits for a zygote. False: one is at work on it.
    pub(super) fn take_back(&mut self, participant: Participant) -> bool {
        let Zygote { queued, unguarded, attempts, .. } = &mut self.zygote;
        let before = queued.len() + unguarded.len();
        queued.retain(|other| *other != participant);
        unguarded.retain(|other| *other != participant);
        let is_back = queued.len() + unguarded.len() < before;
        if is_back {
            attempts.remove(&participant);
        }
        is_back
    }

    /// Nothing is to be started any more.
    pub(super) fn drop_orders(&mut self) {
        let unguarded = std::mem::take(&mut self.zygote.unguarded);
        self.zygote.queued.extend(unguarded);
        self.fail_queued("the node is ending");
    }

    fn fail_queued(&mut self, why: &str) {
        for participant in std::mem::take(&mut self.zygote.queued) {
            self.zygote.attempts.remove(&participant);
            self.never_was(participant, SpawnFailure::System(why.to_owned()));
        }
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
                        control::remove_directory(&directory);
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
                            tracing::warn!(target: "actor_core", why, "the zygote cannot make a process; it is executed");
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
        tracing::warn!(target: "actor_core", why, "the zygote is of no use");
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
            control::remove_directory(&directory);
            self.zygote.failures += 1;
            self.zygote.failed_at = Some(Instant::now());
        }
        let orphaned: Vec<Participant> = std::mem::take(&mut self.zygote.ordered).into_values().collect();
        for participant in orphaned {
            match self.pid_in_record(participant) {
                0 if self.ending.is_some() => {
                    self.zygote.attempts.remove(&participant);
                    self.never_was(participant, SpawnFailure::System("the node is ending".to_owned()));
                }
                0 if self.zygote.attempts.get(&participant).is_some_and(|attempts| *attempts < ATTEMPTS_MAX) => {
                    self.zygote.queued.push_front(participant);
                }
                0 => {
                    self.zygote.attempts.remove(&participant);
                    let why = format!("{ATTEMPTS_MAX} zygotes died while making the process");
                    self.never_was(participant, SpawnFailure::System(why));
                }
                pid => {
                    self.zygote.attempts.remove(&participant);
                    self.adopt(participant, pid, None);
                }
            }
        }
        if self.zygote.is_broken() {
            tracing::warn!(target: "actor_core", "the zygote does not start; processes are executed for now");
            for participant in std::mem::take(&mut self.zygote.queued) {
                self.zygote.attempts.remove(&participant);
                self.zygote.unguarded.push(participant);
            }
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
