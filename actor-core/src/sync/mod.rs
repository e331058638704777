//! Synchronisation between processes that survives the death of any of them.
//!
//! | | what it is for | when somebody dies |
//! |---|---|---|
//! | [`Mutex`], [`Lock`], [`RLock`] | one at a time, with data or without; the last may be taken again by its thread | the next one gets [`OwnerDied`], with the exit report and the data |
//! | [`RwLock`] | data that many read at once, or one changes | a reader: nothing; a writer: as above |
//! | [`Event`] | many wait until one says so | nothing: it stays set or not |
//! | [`Semaphore`], [`BoundedSemaphore`] | at most so many at once; counting from one process to another | the permits that it held are free again |
//! | [`Condition`] | to give a [`Mutex`] up until others say that its data have changed | its wake goes to another |
//! | [`Barrier`] | nobody goes on before all have come | it is broken for all, who learn whose death it was |
//!
//! None of them is a lock or a variable of the C library in shared memory: whoever takes something writes
//! its name into the word by the same instruction, so the node knows after a proven death what to give
//! back. A process that is only stopped keeps what it has; who waits for it with a time limit gets his
//! error in time.
//!
//! ```
//! use actor_core::process::Process;
//! use actor_core::sync::Event;
//!
//! # fn main() -> actor_core::Result<()> {
//! let ready = Event::new()?;
//! let waiter = Process::spawn(|ready: Event| ready.wait().is_ok(), ready.clone())?;
//! ready.set();
//! assert!(waiter.join()?);
//! ready.close();
//! # Ok(())
//! # }
//! ```
//!
//! # Handles
//! All of these are handles and plain data: clone them, send them in messages, pass them to processes. Two
//! handles are equal when they are on the same thing. Without having been sent anywhere it is freed with
//! its last handle. Once a handle has been in a message it stays, because that message may still be on its
//! way: until it is closed and the last handle is dropped, or the node ends. From a `close` on whoever
//! waits, and whoever comes, is told that it is gone. Only a lock is used as before by those who have it.
//!
//! # Locks
//! Whoever waits longest is not necessarily the next. A thread that waits for what it holds itself waits for
//! ever, or until its time limit. What is guarded is plain data (`bytemuck::Pod`), so that any bytes
//! are a value: a process that writes where it should not can change them, and nothing else.
//!
//! # Forms
//! What waits comes in a family: `wait`, `wait_timeout`, `wait_deadline`, and `wait_async`, a future for any
//! executor; where something can be taken at once there is a `try_` as well. A future takes something only
//! in the poll that returns it, and dropped before, it has changed nothing unless it says so.

mod barrier;
mod condition;
mod error;
mod event;
mod failure;
mod future;
mod line;
mod lock;
mod mutex;
mod raw;
mod rlock;
mod rw_future;
mod rw_guard;
mod rw_raw;
mod rwlock;
mod seat;
mod semaphore;

pub use barrier::{Barrier, BarrierFuture, BarrierOptions, BarrierWait};
pub use condition::{Condition, ConditionOptions};
pub(crate) use error::{Accept, too_large};
pub use error::{LockError, NotOwner, OwnerDied};
pub use event::{Event, EventFuture};
pub use failure::{AcquireError, BrokenBarrier, ConditionError, CreateError, DeadParty, ReleaseError, WaitError};
pub(crate) use future::Grab;
pub use future::LockFuture;
pub use lock::{Acquired, Lock};
pub use mutex::{Mutex, MutexGuard};
pub(crate) use raw::{Held, RawLock};
pub use rlock::{RLock, RLockGuard};
pub use rw_future::WriteFuture;
pub use rw_guard::{ReadGuard, WriteGuard};
pub use rwlock::RwLock;
pub use seat::ConditionFuture;
pub use semaphore::{AcquireFuture, BoundedSemaphore, Permit, Semaphore, SemaphoreOptions};
