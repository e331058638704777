//! Actors that are operating-system processes.
//!
//! A derive macro turns a struct into an actor that runs in a process of its own. Its mailbox is a
//! bounded queue in shared memory that survives the death of whoever uses it; a supervisor starts,
//! watches, restarts and stops actors as OTP does. A crash in there, of whatever kind, is an error
//! value out here.
//!
//! ```
//! use actor_core::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! /// Counts words. Runs in a process of its own.
//! #[derive(Actor, Serialize, Deserialize)]
//! struct Counter {
//!     words: u64,
//! }
//!
//! #[handlers]
//! impl Counter {
//!     /// Adds the words of `text` and returns the running total.
//!     #[call]
//!     fn add(&mut self, text: String) -> u64 {
//!         self.words += text.split_whitespace().count() as u64;
//!         self.words
//!     }
//!
//!     #[cast]
//!     fn reset(&mut self) {
//!         self.words = 0;
//!     }
//! }
//!
//! fn main() -> actor_core::Result<()> {
//!     let counter = Counter { words: 0 }.spawn()?; // a new process, ready
//!     assert_eq!(counter.add("two words".into()).wait()?, 2);
//!     counter.reset().send()?;
//!     counter.stop()?; // ask, wait, then kill
//!     Ok(())
//! }
//! ```
//!
//! # What happens when something dies
//! | who | what the others see |
//! |---|---|
//! | an actor, by panic, abort, signal, `exit`, a kill | callers whose message it had in hand get its [`ExitReport`] at once; queued messages stay, for the next life if a supervisor starts one |
//! | a caller | its answer is dropped; nothing else |
//! | a process in the middle of sending | its message was never sent; everybody else goes on |
//! | a receiver of a [`queue`] | what it held goes to another receiver, counted |
//! | the root process | all other processes end within a second |
//!
//! What becomes of the message in hand is declared at its handler: `fail` (a call's default: the
//! caller gets the report), `dead_letter` (a cast's default: see [`node::dead_letters`]) or
//! `redeliver(n)`: up to `n` lives get it in hand.
//!
//! # The parts
//! - [`Actor`], [`handlers`]: define an actor; [`ActorRef`]: use it; [`Call`] and [`Cast`]: how
//!   long to wait, and what then. [`Call::kill_after`] stops work for real. A handler that returns an
//!   iterator answers by a stream: [`StreamCall`].
//! - [`Supervisor`], [`ChildSpec`]: actors that are started together, started again when they fail,
//!   and stopped together.
//! - Timers: [`Context::every`] and [`Context::after`] tell an actor that a time has come,
//!   [`Cast::send_after`] and its like send a message later.
//! - [`link`]: to learn of the end of others, or to end with them.
//! - [`process`]: run a function in a process, wait for its result or for how it ended.
//! - [`pipe`]: two ends, each of one process, and the news when one is gone.
//! - [`queue`]: many senders and receivers, any processes.
//! - [`sync`]: locks, events, semaphores, conditions and barriers between processes, which survive the death of any.
//! - [`collections`]: actors that are ready to be used: a dictionary, a list, a namespace.
//! - [`shared`]: values, arrays and bytes that processes share.
//! - [`pool`]: run functions in processes that wait for them, one call or many at a time.
//! - [`wait`](mod@wait): wait for many things at once, in threads and in async code.
//! - [`node`]: what belongs to the program as a whole: start method, counters, dead letters.
//! - `testing`, with the feature of that name: whether a test leaves something behind.
//!
//! Handles (`ActorRef`, `Queue`) are plain data: they can be cloned, compared and sent in messages
//! and arguments; an end of a pipe can be sent, too, and moves. Neither side needs an async runtime, and both work inside one: calls, casts,
//! queues, ends of processes and descriptors can be awaited.
//!
//! # Logs
//! What an actor logs with `tracing` is heard by the subscriber that the root process has installed, with the
//! fields `actor` and `pid` and in the spans that it was logged in; a handler's span is a child of the one that the
//! call or cast was sent in. Install the subscriber before the first process is started:
//!
//! ```
//! use actor_core::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Actor, Serialize, Deserialize)]
//! struct Clerk;
//!
//! #[handlers]
//! impl Clerk {
//!     #[call]
//!     fn file(&self, page: u32) {
//!         tracing::info!(page, "filed");
//!     }
//! }
//!
//! fn main() -> actor_core::Result<()> {
//!     tracing_subscriber::fmt().init();
//!     let clerk = Clerk.spawn()?;
//!     tracing::info_span!("visit").in_scope(|| clerk.file(7).wait())?;
//!     // INFO visit:file: clerk: filed page=7 actor="clerk" pid=4711
//!     Ok(())
//! }
//! ```
//!
//! Nobody waits for the subscriber: what comes faster than it takes it is dropped, and counted in
//! [`node::counters`]. An actor that installs a subscriber in its `#[init]` has its log to itself. What is written to
//! stderr goes through the node, with the name and pid in front of each line.
//!
//! # What is needed
//! Linux 5.11 or later on x86-64 or aarch64, /proc mounted. A plain `fn main()` is enough, and tests,
//! doctests and benches can spawn as well: what a process is to be is decided before `main`.
//! [`#[actor_core::main]`](macro@main) adds an async `main` and an orderly stop at SIGINT, SIGTERM and
//! SIGHUP.
//!
//! # When the program ends
//! At the return of `main`, a panic that ends it, or `std::process::exit`, actors are asked to stop and
//! daemonic processes get SIGTERM; who has not ended after 5 s is killed. Other processes have
//! [5 s](node::set_join_timeout) to end of themselves before they get it. When the root process is killed, the kernel kills its actors, and the zygote what they have started. [`main`](macro@main#how-a-program-ends)
//! has a table of all the ways to end.
//!
//! What an actor has started is killed when it has ended, before anybody is told of its death. That
//! holds for all of it where a control group of the second version is writable, as it is for root on
//! most machines and for services and scopes of systemd to which one is delegated: there each process
//! of the node gets a group of its own. Elsewhere it holds for what has stayed in the actor's process
//! group, so not for a daemon that makes a session of its own.

// The macros write `::actor_core`, also in this crate itself.
extern crate self as actor_core;

mod actor;
mod boot;
pub mod collections;
mod control;
mod core;
mod error;
mod exit;
mod id;
pub mod link;
mod logs;
mod mailbox;
pub mod node;
pub mod pipe;
mod planted;
pub mod pool;
pub mod prelude;
pub mod process;
pub mod queue;
mod reply;
pub mod shared;
mod shm;
mod supervisor;
pub mod sync;
mod sys;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
pub mod wait;
mod waker;
mod wire;

pub use actor::{
    Actor, ActorOptions, ActorRef, ActorStatus, Address, Call, CallError, Calls, Cast, Context, Cycle, Definition,
    Delivery, Failure, FromInfo, Gather, GatherIter, GatherStream, Handled, Info, ItemStream, Items, LaterError,
    Message, OnCrash, Operation, Pending, Readiness, ReplyTo, Runtime, SendError, Spawn, SpawnError, SpawnOptions,
    StartsItself, StopError, StreamCall, StreamError, Tick, TickError, TickRef, TimerRef, WatchRef, gather, handler,
};
pub use actor_macros::{Actor, call, cast, handlers, info, init, main, terminate};
pub use boot::StartMethod;
pub use core::{
    AutoShutdown, Backoff, ChildPhase, ChildStatus, Intensity, Missed, Restart, Shutdown, SpecError, Strategy,
    SupervisorEnd,
};
pub use error::{Error, Result};
pub use exit::{ExitReason, ExitReport, InHand, KilledBy, ResourceUsage};
pub use id::{ActorId, Incarnation, Peer, ProcessId};
pub use link::{Down, ExitSignal, MonitorRef};
pub use node::Stderr;
pub use supervisor::{ChildSpec, StartError, Supervisor, SupervisorBuilder, SupervisorError};
pub use wire::{DecodeError, EncodeError};

/// What the macros write code against. No part of the API: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use futures::executor::block_on;

    pub use crate::actor::handler::{Stays, Travels};
    pub use crate::actor::{Declared, ResultParts, block_on_in, main_guard, polled};
}
