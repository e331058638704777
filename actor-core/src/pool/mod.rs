//! [`Pool`]: processes that run functions for whoever has it, and what becomes of those that die.
//!
//! ```
//! use actor_core::pool::Pool;
//!
//! fn count_words(text: String) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! # fn main() -> actor_core::Result<()> {
//! let pool = Pool::new(2)?;
//! assert_eq!(pool.apply(count_words, "a crash in there".to_owned())?, 4);
//! let texts = ["is an", "error out here"].map(str::to_owned);
//! assert_eq!(pool.map(count_words, texts)?, [2, 3]);
//! # Ok(())
//! # }
//! ```
//!
//! Arguments and results are data that serde can write and read. A function is an `fn`: a closure works as long
//! as it captures nothing. What it returns is its result, an `Err` too; of how else it can end:
//!
//! | the function | its task gives | the worker |
//! |---|---|---|
//! | panics | [`TaskError::Failed`], with text and place | lives on |
//! | returns what cannot be encoded | [`TaskError::Encode`] | lives on |
//! | takes longer than its limit | [`TaskError::TimedOut`] | is killed, and replaced |
//! | ends its worker: a signal, an exit, a kill from outside | is tried again as often as [`Options::retries`] says; then [`TaskError::Died`] or [`TaskError::Poisoned`], with the [`ExitReport`](crate::ExitReport) | is replaced |
//! | of an initializer fails | after so many in a row as [`Options::initializer_retries`] says all tasks are [`TaskError::Broken`] | no more of them |
//!
//! The death of a worker is the matter of the one item that it had in hand: other tasks go on, finished items
//! of the same chunk stay finished, those behind it are done by another worker. A result that was lost with
//! its worker counts as an attempt.
//!
//! # How it ends
//! [`close`](Pool::close) takes no more tasks, [`join`](Pool::join) waits until all are done and the workers
//! have ended, [`terminate`](Pool::terminate) kills them. A pool that is dropped is terminated, as it is at the
//! end of a `with` in Python: whoever wants what is pending waits for it before. Workers end with the process
//! that has their pool, however that ends.
//!
//! # Workers
//! They are processes as [`process`](crate::process) has them: they may start others, and have pools
//! themselves. Threads that a task leaves behind go on in its worker.

mod board;
mod burial;
mod chunks;
#[cfg(feature = "testing")]
pub(crate) mod door;
mod error;
mod giving_up;
mod handle;
mod hub;
mod imap;
mod keeper;
mod ledger;
mod map;
mod map_handle;
mod message;
mod options;
mod part;
mod recycling;
mod run;
mod runs;
mod task;
mod tasks;
mod waiting;
mod wiring;
mod worker;

pub use error::{MapError, StartError, SubmitError, TaskError};
pub use handle::{Counts, Pool};
pub use imap::{Imap, ImapStream};
pub use map::{MapOptions, Progress};
pub use map_handle::MapHandle;
pub use options::{Initializer, Options};
pub use task::{TaskHandle, TaskOptions};
pub use tasks::Priority;
