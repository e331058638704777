//! What can be asked of the node, and what it answers: plain data, the same from every process.
//!
//! A request goes through the node's own mailbox and the answer comes through a reply slot, so
//! asking is a call like any other, whoever asks. Specifications know no types: an entry point as
//! an offset into the executable that all processes of the node run, and encoded arguments.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::boot::{Entry, StartMethod};
use crate::core::{ChildStatus, Period, SpecError, SupervisorEnd, SupervisorRules};
use crate::exit::{ExitReason, ExitReport, KilledBy};
use crate::id::{ActorId, Incarnation, Peer, ProcessId, WindowId};
use crate::mailbox::{MailboxSize, OnCrash, ReplyAddress};
use crate::time::Moment;
use crate::wire::{self, Bytes, DecodeError};

/// Asks for something to be done or told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Start a plain process. Answered when it runs: [`Answer::ProcessSpawned`].
    SpawnProcess(ProcessSpec),
    /// Start an actor. Answered when it is ready: [`Answer::Spawned`].
    SpawnActor(ActorSpec),
    /// Answered when the process has ended: [`Answer::Exited`].
    Join { process: ProcessId },
    /// Nobody will ask for the end of this process. Not answered.
    Forget { process: ProcessId },
    /// The result of this process was copied by the only one who may ask for it. Not answered.
    ResultTaken { process: ProcessId },
    /// Send a signal: [`Answer::Done`].
    Signal { process: ProcessId, signal: i32 },
    /// Send SIGKILL, and say so in the report: [`Answer::Done`].
    KillProcess { process: ProcessId, by: KilledBy },
    /// Ask the actor to stop, kill it after `timeout`, answer when it has ended: [`Answer::Ended`].
    StopActor { actor: ActorId, only: Option<Incarnation>, after_all: bool, timeout: Duration },
    /// Kill the actor, answer when it has ended: [`Answer::Ended`].
    KillActor { actor: ActorId, only: Option<Incarnation> },
    /// Kill the actor if it is at work on this call: [`Answer::Done`], else [`Answer::NoProc`].
    KillOverrun { actor: ActorId, reply: ReplyAddress },
    /// Answered when the actor has ended for good: [`Answer::Ended`].
    JoinActor { actor: ActorId },
    /// The asking actor cannot handle the cast in its hand: keep it as a dead letter.
    RefuseInHand { actor: ActorId, why: String },
    /// Take and remove up to `max` dead letters: [`Answer::DeadLetters`].
    DeadLetters { max: usize },
    /// How the one ended who died with this in its hands: [`Answer::Obituary`], or [`Answer::NoProc`].
    Obituary { left: WindowId, dead: ProcessId },
    /// Give shared memory a name: [`Answer::Done`], [`Answer::Memory`] that has it, or [`Answer::TooMany`].
    NameMemory { name: String, window: WindowId },
    /// The shared memory of this name: [`Answer::Memory`], or [`Answer::NoProc`].
    FindMemory { name: String },
    /// What the node has counted: [`Answer::Counters`].
    Counters,
    /// Start a supervisor with these children. Answered when all are up: [`Answer::Supervising`].
    StartSupervisor { rules: SupervisorRules, children: Vec<ActorId> },
    /// Make the mailbox of a supervised actor that is not started yet: [`Answer::Spawned`].
    MakeActor(ActorSpec),
    /// Remove an actor that was made and never started. Not answered.
    UnmakeActor { actor: ActorId },
    /// Stop the children in reverse order, answer when none is left: [`Answer::SupervisorEnded`].
    StopSupervisor { supervisor: u64 },
    /// Answered when the supervisor has ended: [`Answer::SupervisorEnded`].
    JoinSupervisor { supervisor: u64 },
    /// The children and their states: [`Answer::Children`].
    WhichChildren { supervisor: u64 },
    /// Link two; the first one asks. `process` is the other if it was alive when that was looked up, which it
    /// may not be any more: the one who asks gets the exit signal `NoProc` then. [`Answer::Done`], or
    /// [`Answer::TooMany`].
    Link { by: ProcessId, peer: Peer, process: Option<ProcessId> },
    /// Cut a link; no exit signal of it comes any more: [`Answer::Done`].
    Unlink { by: ProcessId, process: ProcessId },
    /// Tell `by` under this number when the other has ended. Not answered.
    Monitor { by: ProcessId, number: u64, process: ProcessId },
    /// Forget a monitor. Not answered.
    Demonitor { by: ProcessId, number: u64 },
    /// Take what there is to be told to this process: [`Answer::News`].
    TakeNews { by: ProcessId },
    /// Send a message at its time: [`Answer::Later`], [`Answer::NoProc`] or [`Answer::TooMany`].
    Later(LaterSpec),
    /// Forget a message that was to be sent later: [`Answer::Done`], else [`Answer::NoProc`].
    CancelLater { number: u64 },
    /// Stop everything in order, then kill what is left: [`Answer::Done`].
    Shutdown { timeout: Duration },
}

impl Request {
    /// The process that this is asked for, which must be the one that asks.
    pub(crate) fn asker(&self) -> Option<ProcessId> {
        match self {
            Request::Link { by, .. }
            | Request::Unlink { by, .. }
            | Request::Monitor { by, .. }
            | Request::Demonitor { by, .. }
            | Request::TakeNews { by } => Some(*by),
            Request::Later(LaterSpec { by, .. }) => Some(*by),
            Request::SpawnProcess(ProcessSpec { parent, .. }) | Request::SpawnActor(ActorSpec { parent, .. }) => {
                *parent
            }
            _ => None,
        }
    }
}

/// What the node answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It was done.
    Done,
    /// There is no such process, actor or supervisor any more.
    NoProc,
    ProcessSpawned {
        process: ProcessId,
        pid: u32,
    },
    /// The actor is ready, or made.
    Spawned(ActorId),
    NotSpawned(SpawnFailure),
    /// A plain process has ended: its report, and its result if it returned.
    Exited {
        report: Box<ExitReport>,
        result: Option<ProcessResult>,
    },
    /// An actor has ended for good.
    Ended(Box<ExitReport>),
    DeadLetters(Vec<DeadLetter>),
    Obituary(Box<ExitReport>),
    /// Where shared memory lies.
    Memory {
        window: WindowId,
    },
    Counters(Counters),
    Supervising {
        supervisor: u64,
    },
    /// The supervisor's rules cannot work.
    BadRules(SpecError),
    /// A child did not come up, and those before it were stopped.
    SupervisorNotStarted {
        child: String,
        report: Box<ExitReport>,
    },
    SupervisorEnded(SupervisorEnd),
    Children(Vec<ChildStatus>),
    News(Batch),
    /// Whoever asks has as many links and undelivered exit signals, or messages to be sent later, as there
    /// can be.
    TooMany,
    /// A message will be sent at its time, and until then it has this number.
    Later {
        number: u64,
    },
}

/// Some of the news for a process, the earliest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// The ends that it is about, each once.
    pub(crate) reports: Vec<ExitReport>,
    pub(crate) news: Vec<News>,
}

/// One thing to be told to a process; `report` is a place in [`Batch::reports`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// What a monitor gives.
    Down { number: u64, report: u32 },
    /// What a link gives to who traps. `is_parent`: the other one has started this process.
    Exit { from: Peer, is_parent: bool, report: u32 },
}

/// Links and undelivered exit signals that a process can have. More than there can be processes, so only
/// who never takes his signals meets it.
pub(crate) const LINKS_MAX: usize = 1 << 16;
/// Monitors and undelivered notices that a process can have: some 30 MiB of the node's memory.
pub(crate) const MONITORS_MAX: usize = 1 << 18;

/// Bytes of the largest message that can be sent later: others' requests wait while the node takes and
/// posts it.
pub(crate) const LATER_BYTES_MAX: usize = 1 << 20;
/// The shortest period of one that is sent again and again: it is the node's one thread that sends.
pub(crate) const LATER_PERIOD_MIN: Duration = Duration::from_millis(1);

/// Where the encoded result of a plain process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ProcessResult {
    /// Here, because it is short.
    Here(Bytes),
    /// In a window of its own. It stays there until the process that asks says that it was taken,
    /// or drops its handle, or dies; so a joiner that dies while it copies leaves nothing behind.
    Window(WindowId),
}

impl ProcessResult {
    /// The bytes, if they are here.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            ProcessResult::Here(bytes) => Some(bytes.0),
            ProcessResult::Window(_) => None,
        }
    }
}

/// A plain process to be started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    pub(crate) name: String,
    pub(crate) entry: Entry,
    pub(crate) args: Bytes,
    pub(crate) start_timeout: Duration,
    pub(crate) stderr: Stderr,
    /// `None`: as the node says.
    pub(crate) start_method: Option<StartMethod>,
    /// Who starts it, if it is to be linked to him from the beginning.
    pub(crate) parent: Option<ProcessId>,
    /// It is not waited for at the end of the program.
    pub(crate) daemon: bool,
}

/// An actor to be started, as often as wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActorSpec {
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) entry: Entry,
    pub(crate) args: Bytes,
    /// Names of the handlers, by number.
    pub(crate) handlers: Vec<String>,
    pub(crate) mailbox: MailboxSize,
    pub(crate) start_timeout: Duration,
    pub(crate) stderr: Stderr,
    /// `None`: as the node says.
    pub(crate) start_method: Option<StartMethod>,
    /// Who starts it, if it is to be linked to him from the beginning.
    pub(crate) parent: Option<ProcessId>,
}

/// A message to be sent later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LaterSpec {
    pub(crate) by: ProcessId,
    pub(crate) to: ActorId,
    /// The one life that it is for; 0 is any.
    pub(crate) life: u32,
    pub(crate) handler: u16,
    pub(crate) on_crash: OnCrash,
    /// `None`: past the end of the clock.
    pub(crate) at: Option<Moment>,
    pub(crate) period: Option<Period>,
    /// How long it may wait for room.
    pub(crate) patience: Duration,
    /// Whether it is sent although `by` has ended.
    pub(crate) survives: bool,
    pub(crate) payload: Bytes,
}

/// Where the standard error of a process goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stderr {
    /// Through the node, which keeps the last 4 KiB for the exit report and passes everything on, each line behind
    /// the name and pid of its process.
    #[default]
    Capture,
    /// Where the node's goes, past the node. The exit report has none of it.
    Inherit,
}

/// Why a process did not start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum SpawnFailure {
    /// It ended before it was ready. With the error of an actor's `init`, encoded, if it has left one.
    Died(Box<ExitReport>, Option<Bytes>),
    /// It was not ready in time and was killed.
    TimedOut,
    /// There never was a process.
    System(String),
}

/// A message that no actor handled to its end.
///
/// Dead letters are kept by the node, up to 1024 of them and 16 MiB, the oldest dropped first, until
/// somebody takes them with [`dead_letters`](crate::node::dead_letters).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The name of the actor that it was for.
    pub actor: String,
    /// The handler that it was for.
    pub handler: String,
    /// The encoded arguments, in MessagePack; see [`DeadLetter::arguments`].
    #[serde(with = "wire::bytes")]
    pub payload: Vec<u8>,
    /// What was to become of it at a crash.
    pub on_crash: OnCrash,
    /// How often it was handed out.
    pub deliveries: u32,
    /// How the lives ended that had it in hand, the last 16 of them, the earliest first.
    pub deaths: Vec<ExitReason>,
    /// Whether somebody waited for an answer.
    pub is_call: bool,
    /// Why it is here, the exit reason of the life that had it in hand if there was one.
    pub reason: String,
}

impl DeadLetter {
    /// The arguments of the handler that it was for, as a tuple of their types: `(String,)` of one
    /// that takes a `String`.
    ///
    /// # Errors
    /// The handler takes other types, or it is for this that the message is here.
    pub fn arguments<M: DeserializeOwned>(&self) -> Result<M, DecodeError> {
        wire::decode(&self.payload)
    }
}

/// What a node has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// Processes that were started.
    pub spawned: u64,
    /// Processes that have ended, of themselves or not.
    pub ended: u64,
    /// Of those, how many ended otherwise than normally.
    pub failed: u64,
    /// Lives of actors after the first.
    pub restarts: u64,
    /// Deaths with a message in hand that was not answered yet.
    pub died_at_work: u64,
    /// Messages handed out again after such a death.
    pub redelivered: u64,
    /// Messages that became dead letters.
    pub dead_letters: u64,
    /// Dead letters that were dropped because there were too many.
    pub dead_letters_dropped: u64,
    /// Times the zygote was started.
    pub zygotes: u64,
    /// Deaths with a slot of a queue or mailbox half written.
    pub died_writing: u64,
    /// Other deaths with a message of a queue or mailbox in hand.
    pub died_claimed: u64,
    /// Other deaths with room for a large message that was not yet, or no longer, part of one.
    pub died_between: u64,
    /// Bytes of the processes' stderr that the node's own did not take.
    pub stderr_dropped: u64,
    /// Other deaths with a task in hand that had left its slot, as one does that is held for long.
    pub died_holding: u64,
    /// `tracing` events of the processes that the node's subscriber was given.
    pub log_events: u64,
    /// Events that it was not given, since they came faster than it took them.
    pub log_events_dropped: u64,
    /// Messages that are to be sent later, and were not yet.
    pub delayed: u64,
}
