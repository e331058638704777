//! Spawning: from an actor's arguments to a process that is ready.
//!
//! A [`Definition`] can start its actor again and again; a reference is one that was started. What
//! goes to the node knows no types: an entry point as an offset, and bytes.

use std::any::type_name;
use std::time::Duration;

use super::actor_ref::ActorRef;
use super::behaviour::{Actor, Failure};
use super::error::SpawnError;
use super::run;
use crate::boot::{Entry, StartMethod};
use crate::exit::{ExitReason, ExitReport};
use crate::mailbox::MailboxSize;
use crate::node::{self, ActorSpec, Answer, Request, SpawnFailure, Stderr};
use crate::time::Deadline;
use crate::wire::Bytes;
use crate::wire::travel::{self, Travellers};

/// Starts actors; in the prelude.
pub trait Spawn: Actor {
    /// Starts the actor in a process of its own, with itself as the argument, and returns when it
    /// is ready.
    ///
    /// ```
    /// # use actor_core::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Actor, Serialize, Deserialize)]
    /// # struct Counter { words: u64 }
    /// # #[handlers]
    /// # impl Counter {}
    /// # fn main() -> actor_core::Result<()> {
    /// let counter = Counter { words: 0 }.spawn()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the actor is left then.
    fn spawn(self) -> Result<ActorRef<Self>, SpawnError<Self::InitError>>
    where
        Self: StartsItself,
    {
        Definition::new(self).spawn()
    }

    /// [`spawn`](Spawn::spawn) with options.
    ///
    /// # Errors
    /// As for [`spawn`](Spawn::spawn).
    fn spawn_with(self, options: SpawnOptions) -> Result<ActorRef<Self>, SpawnError<Self::InitError>>
    where
        Self: StartsItself,
    {
        Definition { args: self, options }.spawn()
    }

    /// [`spawn`](Spawn::spawn) of an actor that is [linked](crate::link) to this process from its beginning.
    ///
    /// # Errors
    /// As for [`spawn`](Spawn::spawn).
    fn spawn_link(self) -> Result<ActorRef<Self>, SpawnError<Self::InitError>>
    where
        Self: StartsItself,
    {
        Definition::new(self).spawn_link()
    }

    /// The definition of an actor whose `#[init]` makes it from other arguments than itself:
    /// `Indexer::define(path).spawn()?`.
    fn define(args: Self::Args) -> Definition<Self> {
        Definition::new(args)
    }
}

impl<A: Actor> Spawn for A {}

/// An actor that is its own argument, as all are without an `#[init]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made from itself: its `#[init]` takes other arguments",
    label = "starts from other arguments",
    note = "write `{Self}::define(arguments).spawn()`"
)]
pub trait StartsItself: Actor<Args = Self> {}

#[diagnostic::do_not_recommend]
impl<A: Actor<Args = A>> StartsItself for A {}

/// What it takes to start an actor, as often as wanted.
///
/// ```
/// use std::path::PathBuf;
///
/// use actor_core::prelude::*;
///
/// #[derive(Actor)]
/// struct Finder {
///     names: Vec<PathBuf>,
/// }
///
/// #[handlers]
/// impl Finder {
///     #[init]
///     fn new(folder: PathBuf) -> std::io::Result<Finder> {
///         let entries = std::fs::read_dir(folder)?;
///         Ok(Finder { names: entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()? })
///     }
///
///     #[call]
///     fn count(&self) -> usize {
///         self.names.len()
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let options = SpawnOptions { name: Some("finder of sources".into()), ..SpawnOptions::default() };
///     let definition = Finder::define("src".into()).with(options);
///     let (one, other) = (definition.spawn()?, definition.spawn()?);
///     assert_ne!(one.id(), other.id());
///     assert_eq!(one.count().wait()?, other.count().wait()?);
///
///     let error = Finder::define("no/such/folder".into()).spawn().unwrap_err();
///     assert!(error.to_string().contains("No such file"));
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Definition<A: Actor> {
    /// What the actor is made from, at each start and restart.
    pub args: A::Args,
    /// What may differ from one start to another.
    pub options: SpawnOptions,
}

/// What may differ from one actor to another of the same type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnOptions {
    /// What `ps`, logs and errors call it, instead of the name in `#[actor(...)]`.
    pub name: Option<String>,
    /// Messages that the mailbox has room for, instead of the number in `#[actor(...)]`.
    pub capacity: Option<u32>,
    /// How long its `init` may take before it is killed.
    pub start_timeout: Duration,
    /// Where its stderr goes.
    pub stderr: Stderr,
    /// How its processes are started; without one as [the node](crate::node::set_start_method) says.
    pub start_method: Option<StartMethod>,
}

impl Default for SpawnOptions {
    fn default() -> SpawnOptions {
        SpawnOptions {
            name: None,
            capacity: None,
            start_timeout: Duration::from_secs(5),
            stderr: Stderr::Capture,
            start_method: None,
        }
    }
}

/// What the node may need on top of the start timeout, to kill and to report.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Large messages of this many times the largest fit into a mailbox together.
const LARGE_MESSAGES: u64 = 4;
/// Bytes for large messages that every mailbox has room for.
const LARGE_BYTES_MIN: u64 = 4 << 20;

impl<A: Actor> Definition<A> {
    /// An actor made from `args`, with the default options.
    pub fn new(args: A::Args) -> Definition<A> {
        Definition { args, options: SpawnOptions::default() }
    }

    /// The same actor with other options.
    pub fn with(self, options: SpawnOptions) -> Definition<A> {
        Definition { options, ..self }
    }

    /// Starts the actor in a process of its own and returns when it is ready.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the actor is left then.
    pub fn spawn(&self) -> Result<ActorRef<A>, SpawnError<A::InitError>> {
        self.start(travel::collect(|| self.spec())?)
    }

    /// [`spawn`](Definition::spawn) of an actor that is [linked](crate::link) to this process from its
    /// beginning: no death of either comes before the link. If the actor does not come up, that is an error
    /// here and no exit signal.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the actor is left then.
    pub fn spawn_link(&self) -> Result<ActorRef<A>, SpawnError<A::InitError>> {
        let parent = node::as_parent().map_err(|text| self.system(text))?;
        let (spec, travellers) = travel::collect(|| self.spec())?;
        self.start((ActorSpec { parent: Some(parent), ..spec }, travellers))
    }

    fn start(&self, (spec, travellers): (ActorSpec, Travellers)) -> Result<ActorRef<A>, SpawnError<A::InitError>> {
        let deadline = Deadline::after(self.options.start_timeout.saturating_add(SETTLE_TIMEOUT));
        match node::ask(&Request::SpawnActor(spec), deadline) {
            Ok(Answer::Spawned(actor)) => {
                travellers.let_go();
                Ok(ActorRef::new(actor))
            }
            Ok(Answer::NotSpawned(failure)) => Err(self.not_spawned(failure)),
            Ok(other) => Err(self.system(format!("the node answered {other:?}"))),
            Err(error) => Err(self.system(error.to_string())),
        }
    }

    /// The definition without its types, for the node.
    ///
    /// # Errors
    /// The arguments cannot be encoded, or the executable has no place that another process of it
    /// could enter.
    pub(crate) fn spec<E>(&self) -> Result<ActorSpec, SpawnError<E>> {
        let options = &A::OPTIONS;
        let mut args = Vec::new();
        (A::ARGS.encode)(&mut args, &self.args).map_err(|source| SpawnError::Encode { name: self.name(), source })?;
        let mailbox = MailboxSize {
            capacity: self.options.capacity.unwrap_or(options.capacity),
            message_max: options.max_message,
            bytes: options.max_message.saturating_mul(LARGE_MESSAGES).max(LARGE_BYTES_MIN),
        };
        let entry = Entry::of(run::actor_main::<A>)
            .ok_or_else(|| self.system("its code is in a loaded library, not in the executable".to_owned()))?;
        Ok(ActorSpec {
            name: self.name(),
            type_name: type_name::<A>().to_owned(),
            entry,
            args: Bytes(args),
            handlers: A::HANDLERS.iter().map(|name| (*name).to_owned()).collect(),
            mailbox,
            start_timeout: self.options.start_timeout,
            stderr: self.options.stderr,
            start_method: self.options.start_method,
            parent: None,
        })
    }

    fn not_spawned(&self, failure: SpawnFailure) -> SpawnError<A::InitError> {
        match failure {
            SpawnFailure::Died(report, error) => self.died(report, error.as_ref().map(|error| &error.0[..])),
            SpawnFailure::TimedOut => SpawnError::Timeout { name: self.name(), after: self.options.start_timeout },
            SpawnFailure::System(text) => self.system(text),
        }
    }

    /// Of a process that says nothing else, `error` is what `init` has returned.
    fn died(&self, report: Box<ExitReport>, error: Option<&[u8]>) -> SpawnError<A::InitError> {
        let failure = match &report.reason {
            ExitReason::Failed(text) => Failure::new(text.clone()),
            ExitReason::DoNotRestart(text) => Failure::for_good(text),
            _ => return SpawnError::Died { name: self.name(), report },
        };
        // Whoever cannot be read as such an error has its text.
        let error = error.zip(A::INIT_ERROR).and_then(|(bytes, codec)| (codec.decode)(bytes).ok());
        SpawnError::Init { name: self.name(), failure, error }
    }

    fn system<E>(&self, text: String) -> SpawnError<E> {
        SpawnError::System { name: self.name(), text }
    }

    fn name(&self) -> String {
        self.options.name.clone().unwrap_or_else(|| A::OPTIONS.name.to_owned())
    }
}

/// An actor that is its own argument is its own definition.
impl<A: StartsItself> From<A> for Definition<A> {
    fn from(actor: A) -> Definition<A> {
        Definition::new(actor)
    }
}

impl<A: Actor<Args: Clone>> Clone for Definition<A> {
    fn clone(&self) -> Definition<A> {
        Definition { args: self.args.clone(), options: self.options.clone() }
    }
}
