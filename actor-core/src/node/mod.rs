//! The node: the program as a whole, with all of its processes.
//!
//! A node begins with the first thing that needs it, and ends with the root process, whatever ends
//! that. What can be asked of it from any of its processes: what it has counted ([`counters`]), and the
//! messages that nobody has handled ([`dead_letters`]). What can be decided: how it starts processes
//! ([`set_start_method`]).
//!
//! # How it works
//! A thread of the root process makes, watches, reaps and restarts all others. Whoever wants something
//! of it sends a `Request` with `ask`; what it may be asked stands in `request.rs`. Read `thread.rs` for
//! the loop, `launch.rs`, `zygote.rs` and `readiness.rs` for how a process begins, `reap.rs` for how it ends and
//! `settle.rs` and `owed.rs` for what becomes of the message in its hand and of the answers that it owes; `ties.rs`
//! tells those who are linked to it, `obituaries.rs` those who come to what it had in its hands; `names.rs` knows shared memory by name; `delayed.rs` sends what others have asked to be sent later. `life.rs` is the
//! other side: what surrounds
//! the user's function in its process.
//!
//! The node knows actors as entry points and bytes, never as types. It waits for nobody: every
//! step that depends on a process has a deadline, and everything large or slow is done elsewhere.
//!
//! # What one process can do to the others
//! A process that floods the node with requests or with stderr, or that is stopped wherever it is, delays
//! the requests of others by a second at most; a zygote that is stopped delays those only who start
//! processes, by their start timeout. Requests are taken in the order in which they came, at most 1024 wait,
//! and after 256 of them everything else has its turn; a turn reads at most 256 KiB of one process's stderr.
//! Who is stopped within a request is killed after that second (`stuck.rs`). On two processors, under three
//! processes that flood, the slowest of 200 requests of others took 10 ms.

mod actors;
mod client;
mod counting;
mod delayed;
mod ending;
mod exited;
mod forward;
mod groups;
mod housekeeping;
mod inbox;
mod launch;
mod life;
mod memory;
mod names;
mod obituaries;
mod owed;
mod question;
mod readiness;
mod reap;
mod request;
mod serve;
mod settle;
mod stderr;
mod stuck;
mod supervisors;
mod thread;
mod ties;
mod timers;
mod waiters;
mod zygote;

#[cfg(test)]
mod tests;

pub(crate) use client::{AskError, EXITS_WAITING, as_parent, ask, ensure, obituary, tell, tell_quietly};
pub use client::{counters, dead_letters, set_start_method};
pub use ending::set_join_timeout;
pub(crate) use ending::stop_at_interrupts;
pub(crate) use life::{LastWord, Life, live, live_to_word};
pub(crate) use names::{NameRefused, find_memory, name_memory};
pub(crate) use question::Question;
pub(crate) use request::{
    ActorSpec, Answer, Batch, LATER_BYTES_MAX, LATER_PERIOD_MIN, LINKS_MAX, LaterSpec, MONITORS_MAX, News,
    ProcessResult, ProcessSpec, Request, SpawnFailure,
};
pub use request::{Counters, DeadLetter, Stderr};
