//! Links and monitors: to learn of the end of others, or to share it.
//!
//! | | [`monitor()`] | [`link`](link()) |
//! |---|---|---|
//! | who learns | whoever monitors | both |
//! | what happens to them | they are told, by a [`Down`] | they end as well, or are told if they [trap](trap_exit) it |
//! | at a normal end | is told as well | nothing, or is told |
//! | twice | two monitors, two `Down`s | is the same link |
//!
//! Both tie *runs*: a life of an actor, a process that runs a function, the root process. An actor that
//! is started again is another one, and has to be tied again; [`Peer`](crate::Peer) says which run it was.
//! Any of them can be tied to any other. Inside an actor the same is done through its
//! [`Context`](crate::Context), and what there is to be told comes to its `#[info]` handlers.
//!
//! ```
//! use actor_core::link::monitor;
//! use actor_core::process::Process;
//!
//! # fn main() -> actor_core::Result<()> {
//! let sleeper = Process::spawn(|()| std::thread::park(), ())?;
//! let monitor = monitor(&sleeper)?;
//! sleeper.kill()?;
//! assert_eq!(monitor.wait().report.reason.to_string(), "was killed on request");
//! # Ok(())
//! # }
//! ```
//!
//! # Who is told what, and when
//! Whoever is told of an end finds it complete: the process is reaped, its traces in shared memory are
//! repaired, references to an actor that has ended for good are stale, and the message that it had in hand
//! has been settled. The dead give an answer at once, with the reason
//! [`NoProc`](crate::ExitReason::NoProc).
//!
//! A notice is no message: it has no place in a mailbox or queue that could be full, and overtakes the
//! messages that wait there. It is kept until it is taken, so none is lost by a wake that was.
//!
//! # What a link does
//! When one end of a link ends, for any reason but [`Normal`](crate::ExitReason::Normal), the other is
//! killed. Its [`ExitReport`](crate::ExitReport) has the same reason, and says in `via` by which link it
//! came. Where the first one was killed, the reason of the others is `Killed { by: KilledBy::Link(..) }`.
//! If `main` is the other end, the program ends in order with the exit code 1.
//!
//! A stop is no normal end: whoever stops somebody to whom he is linked, by [`stop`](crate::ActorRef::stop)
//! for example, and does not want to end with him, [`unlink`]s first, or traps. When the program ends,
//! everybody is stopped in order and links do nothing.
//!
//! To be killed on request ([`kill`](crate::ActorRef::kill)) cannot be trapped by the one who is, but by
//! those who are linked to him.
//!
//! # How many
//! 65 536 links and 262 144 monitors per process. Beyond that there is an error, not a notice less.

mod bond;
mod desk;
mod error;
mod exits;
mod fetch;
mod monitor;
mod target;

pub use bond::{link, unlink};
pub use error::{LinkError, MonitorError};
pub use exits::{ExitFuture, ExitSignal, Exits, trap_exit};
pub use monitor::{Down, Monitor, MonitorFuture, MonitorRef, monitor};

pub(crate) use desk::{Told, has_local, look, look_again, next_told, patience, set_actor};
pub(crate) use exits::set_actor_trap;
pub(crate) use monitor::{demonitor_for_actor, monitor_for_actor};
pub use target::Target;
pub(crate) use target::{Found, Sealed};
