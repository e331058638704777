//! Functions that run in processes of their own, and handles to wait for them, stop and watch them.
//!
//! ```
//! use actor_core::process::Process;
//!
//! fn count_words(text: String) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let counting = Process::spawn(count_words, "a crash in there is an error out here".into())?;
//! assert_eq!(counting.join()?, 9);
//! # Ok(())
//! # }
//! ```
//!
//! Arguments and result are data that serde can write and read. The function is an `fn`: a closure
//! works as long as it captures nothing, because a captured variable cannot travel.
//!
//! # How it ends
//! The process ends when the function returns. Threads that it has started and not joined end with
//! it, as they do when `main` returns. [`join`](Process::join) gives what the function returned, or
//! the [`ExitReport`](crate::ExitReport) that tells why it never did: a panic, a signal, an exit.
//!
//! | the function | `join` gives | the reason in the report |
//! |---|---|---|
//! | returns | the value | `Normal` |
//! | returns an `Err` | the value, that is `Ok(Err(..))` | `Failed` |
//! | returns, and the process crashes while it ends | the value | the crash |
//! | returns what cannot be encoded | [`JoinError::Died`] | `Failed` |
//! | panics | [`JoinError::Died`] | `Panicked` |
//! | calls `std::process::exit(n)` | [`JoinError::Died`] | `ExitCode(n)`, or `UnexpectedExit` for 0 |
//! | dies of a signal, SIGTERM from [`terminate`](Process::terminate) among them | [`JoinError::Died`] | `Signaled` |
//! | is killed with [`kill`](Process::kill) or [`stop`](Process::stop) | [`JoinError::Died`] | `Killed` |
//!
//! How a process ended is known to the node alone, and only where the kernel keeps it. So a root
//! process that ignores SIGCHLD, or has inherited that, has the default again from its first spawn on.
//!
//! # What it inherits
//! The environment and the current directory that the node (the root process) has when the process
//! is spawned, and its stdout. The file mode mask is that of whoever makes the process: the zygote,
//! which has the node's as it was at the first spawn, or with [`StartMethod::Exec`] the node. stdin
//! is empty, stderr goes through the node unless [`Options::stderr`] says otherwise. No signal is
//! blocked or handled, whatever the spawning thread does, and no other descriptor is open.
//!
//! # What it has started
//! Programs and processes that it has started are killed when it has ended: all of them where the
//! node can have control groups (cgroup v2 writable, Linux 5.14), and else those that have stayed in
//! its process group. A program that is to go on must be started by somebody else.
//!
//! No process outlives its node, however that ends. A handle that is dropped only lets go of its
//! process.

mod error;
mod function;
mod handle;
mod join;
mod sentinel;
mod spawn;

pub use crate::boot::StartMethod;
pub use crate::node::{Stderr, set_start_method};
pub use error::{JoinError, SpawnError, StopError};
pub use handle::Process;
pub use join::JoinFuture;
pub(crate) use sentinel::{is_starting, opened};
pub use spawn::Options;
