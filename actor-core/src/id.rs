//! Who is who: plain data that means the same in every process of a node.
//!
//! Every identity is an index plus a generation. An index is given out again after its holder is
//! gone for good; the generation then differs, so a stale identity is detectable and never means
//! somebody else.

use serde::{Deserialize, Serialize};

/// How many processes a node can have at once, and therefore the size of every table by process.
pub(crate) const PARTICIPANTS_MAX: usize = 1 << Participant::BITS;

/// A row of the participant table: one process, while it lives. Zero is nobody, one is the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Participant(pub(crate) u16);

impl Participant {
    pub(crate) const BITS: u32 = 14;
    pub(crate) const NOBODY: Participant = Participant(0);
    pub(crate) const NODE: Participant = Participant(1);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One process of a node, from its spawn to its end. Never reused while the node lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    pub(crate) participant: Participant,
    pub(crate) generation: u32,
}

/// A part of the node's shared memory, given to one queue, mailbox or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct WindowId {
    pub(crate) index: u16,
    pub(crate) generation: u32,
}

/// An actor, across all its restarts.
///
/// The identity belongs to the mailbox: it stays while the actor is restarted, and goes stale when
/// the actor has ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActorId(pub(crate) WindowId);

/// One life of an actor: its identity and the number of the life, counted from 1.
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Counter {
///     words: u64,
/// }
///
/// #[handlers]
/// impl Counter {
///     #[call]
///     fn total(&self) -> u64 {
///         self.words
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let mut app = Supervisor::builder();
///     let counter = app.child(Counter { words: 0 })?;
///     let app = app.start()?;
///     let first = counter.incarnation().expect("it was started just now");
///     first.kill()?;
///     // The reference means whoever lives now; the incarnation never means the next life.
///     assert_eq!(counter.total().wait()?, 0);
///     assert!(!first.is_alive());
///     assert!(matches!(first.kill(), Err(StopError::NoProc { .. })));
///     app.stop()?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    pub(crate) actor: ActorId,
    pub(crate) life: u32,
}

impl Incarnation {
    /// The actor whose life this is.
    pub fn actor(self) -> ActorId {
        self.actor
    }

    /// The number of this life, counted from 1.
    pub fn life(self) -> u32 {
        self.life
    }
}

/// One run of whatever can be linked or monitored: a life of an actor, a process, or the program's main.
///
/// It names one run and never another: an actor that was started again is another peer.
///
/// ```
/// use actor_core::Peer;
/// use actor_core::process::Process;
///
/// # fn main() -> actor_core::Result<()> {
/// let sleeper = Process::spawn(|()| std::thread::park(), ())?;
/// assert_eq!(Peer::from(sleeper.id()), Peer::Process(sleeper.id()));
/// assert!(Peer::from(sleeper.id()).to_string().starts_with("process "));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// A life of an actor.
    Actor(Incarnation),
    /// A process that runs a function.
    Process(ProcessId),
    /// The root process, in which `main` runs.
    Main,
}

impl ProcessId {
    /// The root process, which was spawned by nobody.
    pub(crate) const MAIN: ProcessId = ProcessId { participant: Participant::NODE, generation: 0 };
}

impl Peer {
    /// The actor whose life it is, if it is one.
    pub fn actor(self) -> Option<ActorId> {
        match self {
            Peer::Actor(incarnation) => Some(incarnation.actor),
            Peer::Process(_) | Peer::Main => None,
        }
    }
}

impl From<Incarnation> for Peer {
    fn from(incarnation: Incarnation) -> Peer {
        Peer::Actor(incarnation)
    }
}

impl From<ProcessId> for Peer {
    fn from(process: ProcessId) -> Peer {
        if process == ProcessId::MAIN { Peer::Main } else { Peer::Process(process) }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Actor(incarnation) => write!(f, "actor {}", incarnation.actor),
            Peer::Process(process) => write!(f, "process {process}"),
            Peer::Main => f.write_str("main"),
        }
    }
}

impl std::fmt::Display for ActorId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}.{}>", self.0.index, self.0.generation)
    }
}

impl std::fmt::Display for ProcessId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}.{}", self.participant.0, self.generation)
    }
}
