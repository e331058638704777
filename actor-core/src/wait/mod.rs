//! Waiting for many things at once: queues, ends of processes and actors, monitors, points in time, and
//! descriptors of the system.
//!
//! ```
//! use std::io::Write;
//! use std::time::{Duration, Instant};
//!
//! use actor_core::process::Process;
//! use actor_core::queue::Queue;
//! use actor_core::wait::{wait, wait_timeout};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = Queue::<u32>::bounded(8)?;
//! let worker = Process::spawn(|()| (), ())?;
//! let (reader, mut writer) = std::io::pipe()?;
//!
//! // The numbers of those that are ready, here that of the process when it has ended.
//! assert_eq!(wait(&[&queue, &worker])?, [1]);
//!
//! queue.send(7)?;
//! writer.write_all(b"x")?;
//! let soon = Instant::now() + Duration::from_secs(60);
//! let reader = std::os::fd::OwnedFd::from(reader);
//! assert_eq!(wait_timeout(&[&queue, &reader, &soon], Duration::from_secs(1))?, [0, 1]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is ready, and when
//! | | ready |
//! |---|---|
//! | [`Queue`](crate::queue::Queue) | while there is an item to be received, and for good once it is closed and drained |
//! | [`Process`](crate::process::Process), [`ProcessId`](crate::ProcessId) | once the process is dead |
//! | [`ActorRef`](crate::ActorRef), [`Incarnation`](crate::Incarnation), [`Peer`](crate::Peer) | once the life is over that was lived when the wait began; at once if there was none |
//! | [`Monitor`](crate::link::Monitor) | once it has its [`Down`](crate::Down) |
//! | [`Exits`](crate::link::Exits) | while there is an exit signal |
//! | [`Instant`](std::time::Instant) | from then on |
//! | `BorrowedFd`, `OwnedFd` | while it can be read, is at its end or broken |
//! | [`Descriptor`] | the same, or while it can be written |
//!
//! To be ready is a state, not an event: nothing is taken by a wait, and what is ready and left as it is
//! is so again in the next. Another process or thread may be faster, so after a wait use what cannot
//! block: `try_recv`, `try_join`, descriptors that do not block.
//!
//! A process is *dead* a moment before all that follows from its death is done. Whoever wants the exit
//! report, or to start a successor, waits for a monitor or uses `join`.
//!
//! # In threads and in async code
//! [`wait`](wait()) and its relatives are for threads. [`ready`](ready()) is the same for one thing in async code, and for
//! most of them there is a future that gives the thing itself: [`recv_async`](crate::queue::Queue::recv_async),
//! [`join_async`](crate::process::Process::join_async), [`wait_async`](crate::link::Monitor::wait_async);
//! [`sleep`](sleep()) and [`sleep_until`] give a time limit to any of them. All of these work in every executor,
//! whatever runs in it, and each can be dropped at any time: that takes back the wait, and nothing else.
//!
//! # What it costs
//! No wait polls. A thread that waits sleeps in one system call, whatever it waits for. Futures are woken
//! by one thread of this process, and those of descriptors by another; both start when they are first
//! needed.

mod descriptor;
mod many;
mod reactor;
mod ready;
mod sleep;
mod source;
#[cfg(test)]
mod tests;

pub use descriptor::{Descriptor, Interest};
pub use many::{try_wait, wait, wait_deadline, wait_timeout};
pub(crate) use reactor::Armed;
#[cfg(feature = "testing")]
pub(crate) use reactor::number as reactor_number;
pub use ready::{Ready, readable, ready, writable};
pub use sleep::{Sleep, sleep, sleep_until};
pub use source::Waitable;
pub(crate) use source::{Opened, Registrations, Source, Wakes, Words};
