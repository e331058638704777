//! How a process begins: a participant, an order, a process, ready in time.
//!
//! ```text
//! Ordered ──pid known──► Running ──stage Ready──► ready
//!    │                      │ start timeout: kill
//!    └── no process: failed └── death before ready: failed
//! ```

use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use super::client::start_method;
use super::request::{Answer, ProcessSpec, SpawnFailure, Stderr as StderrMode};
use super::stderr::Stderr;
use super::thread::{Node, Token};
use super::timers::Timer;
use super::waiters::Waiters;
use crate::boot::{Arguments, Entry, Order, StartMethod, launch};
use crate::exit::{ExitReason, ExitReport, KilledBy};
use crate::id::{ActorId, PARTICIPANTS_MAX, Participant, Peer, ProcessId, WindowId};
use crate::logs;
use crate::mailbox::ReplyAddress;
use crate::shm::blob;
use crate::shm::roster::Stage;
use crate::sys::{Pid, Signal, epoll, eventfd, pidfd};
use crate::wire::Bytes;

/// Arguments up to this size travel in the order itself.
const INLINE_ARGS_MAX: usize = 2048;
/// What there is to say of the end of what had no beginning.
const NEVER_WAS: &str = "no process could be made";

/// A process of this node, from its order to its end.
pub(super) struct Process {
    pub(super) id: ProcessId,
    pub(super) name: String,
    pub(super) pid: Option<u32>,
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) stderr: Option<Stderr>,
    pub(super) role: Role,
    /// Its control group, until it is dead.
    pub(super) group: u32,
    pub(super) is_ready: bool,
    pub(super) ordered_at: Instant,
    pub(super) killed_by: Option<KilledBy>,
    /// Who it is for those that are tied to it.
    pub(super) peer: Peer,
    /// Who has started it, linked to it.
    pub(super) parent: Option<ProcessId>,
    /// The reason that it ends for if it ends by a link, and the other end of that.
    pub(super) linked: Option<(ExitReason, Peer)>,
    pub(super) joiners: Waiters,
    /// The arguments, until the process is ready.
    pub(super) args: Option<WindowId>,
}

/// What a process is for.
pub(super) enum Role {
    /// A plain process, whoever waits for its start, who has its handle, if anybody still does, and whether
    /// it is not waited for at the end of the program.
    Plain { reply: Option<ReplyAddress>, owner: Option<Participant>, is_daemon: bool },
    /// The actor whose mailbox is the window with this index.
    Actor(u16),
}

/// What it takes to start a process.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) entry: Entry,
    pub(super) args: Vec<u8>,
    pub(super) mailbox: Option<ActorId>,
    pub(super) stderr: StderrMode,
    pub(super) start_timeout: Duration,
    pub(super) start_method: Option<StartMethod>,
    pub(super) role: Role,
    /// Whoever is to be linked to it from the beginning.
    pub(super) parent: Option<ProcessId>,
}

/// Which participants are free.
#[derive(Default)]
pub(super) struct Roster {
    freed: BTreeSet<u16>,
    /// How many were ever used, nobody and the node among them.
    used: u16,
}

impl Roster {
    /// The lowest free participant.
    fn take(&mut self) -> Option<Participant> {
        self.used = self.used.max(Participant::NODE.0 + 1);
        if let Some(participant) = self.freed.pop_first() {
            return Some(Participant(participant));
        }
        if usize::from(self.used) == PARTICIPANTS_MAX {
            return None;
        }
        self.used += 1;
        Some(Participant(self.used - 1))
    }

    pub(super) fn give_back(&mut self, participant: Participant) {
        self.freed.insert(participant.0);
    }
}

impl Node {
    pub(super) fn spawn_process(&mut self, spec: ProcessSpec, owner: Participant, reply: Option<ReplyAddress>) {
        let plan = Plan {
            name: spec.name,
            entry: spec.entry,
            args: spec.args.0,
            mailbox: None,
            stderr: spec.stderr,
            start_timeout: spec.start_timeout,
            start_method: spec.start_method,
            role: Role::Plain { reply, owner: Some(owner), is_daemon: spec.daemon },
            parent: spec.parent,
        };
        let launched = match self.cannot_be_parent(spec.parent) {
            Some(text) => Err(SpawnFailure::System(text)),
            None => self.launch(plan),
        };
        if let Err(failure) = launched {
            self.answer(reply, &Answer::NotSpawned(failure));
        }
    }

    /// Orders a process. What becomes of it is told to whom its role says.
    pub(super) fn launch(&mut self, plan: Plan) -> Result<Participant, SpawnFailure> {
        if self.ending.is_some() {
            return Err(SpawnFailure::System("the node is ending".into()));
        }
        let Some(participant) = self.roster.take() else {
            return Err(SpawnFailure::System(format!("the node has {PARTICIPANTS_MAX} processes")));
        };
        self.segment.raise_participants_end(participant.0 + 1);
        self.order(participant, plan)
            .inspect_err(|_| self.roster.give_back(participant))
            .map_err(SpawnFailure::System)?;
        Ok(participant)
    }

    fn order(&mut self, participant: Participant, plan: Plan) -> Result<(), String> {
        let method = match plan.start_method.unwrap_or_else(start_method) {
            StartMethod::Zygote if self.zygote.is_broken() => StartMethod::Exec,
            method => method,
        };
        let stderr = open_stderr(plan.stderr)?;
        let (arguments, args) = self.lay_down_args(plan.args)?;
        let directory = std::env::current_dir().map(|path| path.into_os_string().into_vec()).unwrap_or_default();
        let order = Order {
            entry: plan.entry,
            arguments,
            name: plan.name.clone(),
            mailbox: plan.mailbox,
            stderr: stderr.as_ref().and_then(Stderr::writer).map(|writer| writer.as_raw_fd()),
            directory: Bytes(directory),
            environment: self.zygote.environment_changes(method),
            method,
        };
        let generation = match self.prepare(participant, order, stderr.as_ref()) {
            Ok(generation) => generation,
            Err(why) => {
                self.drop_args(args);
                self.segment.record(participant).set_stage(Stage::Free);
                return Err(why);
            }
        };
        let id = ProcessId { participant, generation };
        logs::announce(self.segment, id, &plan.name, matches!(plan.role, Role::Actor(_)));
        let process = self.ordered(id, plan.name, plan.role, plan.parent, stderr, args);
        self.segment.record(participant).group.store(process.group, Release);
        if let Role::Actor(index) = process.role
            && let Some(actor) = self.actors.get(&index)
        {
            // Before it can answer: who has its answer may ask which life it is.
            actor.mailbox.set_living(participant);
        }
        self.processes.insert(participant, process);
        self.tie_to_parent(id);
        self.starting.push(participant);
        self.after(plan.start_timeout, Timer::StartTimeout(id));
        match method {
            StartMethod::Zygote => self.order_from_zygote(participant),
            StartMethod::Exec => self.execute_guarded(participant),
        }
        Ok(())
    }

    /// A process that is being made.
    fn ordered(
        &mut self,
        id: ProcessId,
        name: String,
        role: Role,
        parent: Option<ProcessId>,
        stderr: Option<Stderr>,
        args: Option<WindowId>,
    ) -> Process {
        let peer = match role {
            Role::Actor(index) => self.actors.get(&index).map(|actor| actor.incarnation().into()),
            Role::Plain { .. } => None,
        };
        Process {
            id,
            name,
            pid: None,
            pidfd: None,
            stderr,
            role,
            group: self.groups.take(),
            is_ready: false,
            ordered_at: Instant::now(),
            killed_by: None,
            peer: peer.unwrap_or(id.into()),
            parent,
            linked: None,
            joiners: Waiters::default(),
            args,
        }
    }

    /// The arguments as the order has them, and the window they lie in if they are long.
    fn lay_down_args(&self, args: Vec<u8>) -> Result<(Arguments, Option<WindowId>), String> {
        if args.len() <= INLINE_ARGS_MAX {
            return Ok((Arguments::Inline(Bytes(args)), None));
        }
        let window = blob::make(self.segment, &args).map_err(|error| error.to_string())?;
        Ok((Arguments::Window(window), Some(window)))
    }

    fn prepare(&self, participant: Participant, order: Order, stderr: Option<&Stderr>) -> Result<u32, String> {
        if let Some(stderr) = stderr {
            let token = Token::Stderr(participant).to_u64();
            epoll::add(self.epoll.as_fd(), stderr.reader(), token).map_err(|error| error.to_string())?;
        }
        self.write_order(participant, order)
    }

    /// Writes an order into its record; one that is too long without its environment, which then
    /// is that of the zygote.
    fn write_order(&self, participant: Participant, mut order: Order) -> Result<u32, String> {
        let record = self.segment.record(participant);
        let bytes = order.to_bytes().map_err(|error| error.to_string())?;
        if let Ok(generation) = record.prepare(&bytes) {
            return Ok(generation);
        }
        let name = order.name.clone();
        logs::later(move || {
            tracing::warn!(target: "actor_core", name, "the environment has changed by more than an order holds; the process gets the one from the start of the node");
        });
        order.environment.clear();
        let bytes = order.to_bytes().map_err(|error| error.to_string())?;
        record.prepare(&bytes).map_err(|size| format!("the order has {size} bytes, which is too many"))
    }

    pub(super) fn execute(&mut self, participant: Participant) {
        let group = self.processes.get(&participant).and_then(|process| self.groups.open(process.group));
        match launch::actor(self.segment, self.bell.as_fd(), participant, group.as_ref().map(AsFd::as_fd)) {
            Ok(started) => {
                let pid = started.pid.as_raw_nonzero().get() as u32;
                self.segment.record(participant).pid.store(pid, Release);
                self.adopt(participant, pid, Some(started.pidfd));
            }
            Err(error) => self.never_was(participant, SpawnFailure::System(error_chain(&error))),
        }
    }

    /// Takes the descriptors of a process out of the interest list. Closing them is not enough: a
    /// copy in a process that the user's code has forked would keep them there, readable for ever.
    pub(super) fn unwatch(&self, process: &Process) {
        let stderr = process.stderr.as_ref().map(Stderr::reader);
        for descriptor in process.pidfd.as_ref().map(AsFd::as_fd).into_iter().chain(stderr) {
            // It fails if it was never there, or is not any more.
            let _ = epoll::remove(self.epoll.as_fd(), descriptor);
        }
    }

    /// The process of an order exists: watches over it.
    pub(super) fn adopt(&mut self, participant: Participant, pid: u32, pidfd: Option<OwnedFd>) {
        let is_late = self.processes.get(&participant).is_some_and(|process| self.comes_too_late(&process.role));
        let Some(process) = self.processes.get_mut(&participant) else { return };
        process.pid = Some(pid);
        self.counters.spawned += 1;
        let opened = match (pidfd, Pid::from_raw(pid as i32)) {
            (Some(pidfd), _) => Ok(pidfd),
            // Only this thread reaps, so the pid is still that process's.
            (None, Some(pid)) => pidfd::open(pid),
            (None, None) => Err(crate::sys::Errno::SRCH),
        };
        let token = Token::Process(participant).to_u64();
        let watched = opened.and_then(|pidfd| {
            epoll::add(self.epoll.as_fd(), pidfd.as_fd(), token)?;
            Ok(pidfd)
        });
        match watched {
            Ok(pidfd) => {
                if process.killed_by.is_some() {
                    let _ = pidfd::send_signal(pidfd.as_fd(), Signal::KILL);
                } else if is_late {
                    let _ = pidfd::send_signal(pidfd.as_fd(), Signal::TERM);
                }
                process.pidfd = Some(pidfd);
            }
            Err(error) => self.cannot_watch(participant, pid, error),
        }
    }

    /// There is a process and no descriptor for it: a process that cannot be watched must not be.
    /// It is killed by its number, which is its own until it is reaped, and waited for.
    fn cannot_watch(&mut self, participant: Participant, pid: u32, error: crate::sys::Errno) {
        self.segment.record(participant).pid.store(0, Release);
        crate::sys::process::kill_and_reap(pid);
        let Some(process) = self.processes.get(&participant).map(|process| process.id) else { return };
        let (owed, left) = self.recover_traces(process);
        let mut report = ExitReport::no_proc(String::new(), None);
        report.reason = ExitReason::Lost;
        self.answer_owed(owed, participant, &report);
        self.mourn(&left, process, &report);
        // It may have been done by then; nobody will ask for what it has returned.
        let result = self.find_result(participant);
        self.drop_result(result);
        let why = format!("the new process could not be watched: {error}");
        self.never_was(participant, SpawnFailure::System(why));
    }

    /// There is no process for an order, and there will be none.
    pub(super) fn never_was(&mut self, participant: Participant, failure: SpawnFailure) {
        let Some(process) = self.processes.remove(&participant) else { return };
        self.starting.retain(|other| *other != participant);
        self.unwatch(&process);
        self.groups.retire(process.group);
        self.drop_args(process.args);
        let record = self.segment.record(participant);
        if record.begin_dying() {
            // Whoever has asked for its end and not rung is served after this.
            let _ = eventfd::ring(self.bell.as_fd());
        }
        record.set_stage(Stage::Free);
        self.roster.give_back(participant);
        self.forget_later_of(process.id);
        let mut report = ExitReport::no_proc(process.name.clone(), None);
        report.reason = ExitReason::Failed(NEVER_WAS.into());
        let (tied, is_ready) = ((process.id, process.peer, process.parent), process.is_ready);
        match process.role {
            Role::Plain { reply, .. } => self.answer(reply, &Answer::NotSpawned(failure)),
            Role::Actor(index) => self.on_actor_not_started(index, failure),
        }
        self.tell_tied(tied, is_ready, report);
        self.look_at_ending();
    }

    pub(super) fn drop_args(&mut self, args: Option<WindowId>) {
        if let Some(window) = args {
            self.take_down(window);
        }
    }

    /// Sends SIGKILL to a process that lives, and remembers why. The first reason stays.
    pub(super) fn kill(&mut self, id: ProcessId, by: KilledBy) {
        let Some(process) = self.processes.get_mut(&id.participant).filter(|process| process.id == id) else { return };
        process.killed_by.get_or_insert(by);
        // Without a descriptor it is still being made, and is killed when it is there.
        if let Some(pidfd) = &process.pidfd {
            // It fails when the process is dead already.
            let _ = pidfd::send_signal(pidfd.as_fd(), Signal::KILL);
        }
    }

    pub(super) fn pid_in_record(&self, participant: Participant) -> u32 {
        self.segment.record(participant).pid.load(Acquire)
    }
}

/// An error with its sources, in one line.
pub(super) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn open_stderr(mode: StderrMode) -> Result<Option<Stderr>, String> {
    match mode {
        StderrMode::Capture => Stderr::new().map(Some).map_err(|error| format!("there is no pipe for stderr: {error}")),
        StderrMode::Inherit => Ok(None),
    }
}
