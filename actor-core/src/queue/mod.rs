//! [`Queue`]: many senders, many receivers, any processes of a node; it survives the death of any.
//!
//! What `send` has returned `Ok` for is visible at once, and it is received, still queued, or held
//! by a living receiver, whatever dies at whatever instruction. There is no feeder thread and no
//! lock: a sender may exit at once, and a killed process never wedges the others.
//!
//! ```
//! use actor_core::queue::Queue;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = Queue::<String>::bounded(100)?;
//! queue.send("hello".into())?;
//! assert_eq!(queue.recv()?, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Handles
//! A `Queue` is a handle and plain data: clone it, send it in a message, pass it to a process.
//! Without having been sent anywhere, a queue is freed when its last handle is dropped. Once a
//! handle has been in a message, the queue stays, because that message may still be on its way:
//! until it is [closed](Queue::close) and the last handle is dropped, or the node ends.
//!
//! # Who is stopped
//! A process that is killed holds nobody up. One that is only stopped (by a signal, a debugger, or
//! with its whole machine) may be so in the middle of a send or a receive: some hundred nanoseconds
//! for small items. Then receivers wait for the item that is being sent, and senders one round later
//! for the place of the item that is being received: until the process goes on, or is killed.
//! Whoever has given a time limit gets its error in time.
//!
//! # Which way to receive
//! | | when the receiver dies with the item |
//! |---|---|
//! | [`recv`](Queue::recv) | it is acknowledged once decoded: dead before, it is handed out again; dead after, it is gone |
//! | [`recv_task`](Queue::recv_task) | it is handed out again, unless [`Task::done`] was called |
//! | [`recv_reader`](Queue::recv_reader) | it is handed out again, unless the reader was dropped |

mod batch;
mod blocks;
mod bytes;
mod error;
mod future;
mod handle;
mod options;
mod raw;
mod reader;
mod recv;
mod send;
mod sink;
mod stream;
mod task;
#[cfg(test)]
mod tests;
mod waiting;

pub use blocks::Blocks;
pub use error::{CreateError, RecvError, SendError};
pub use future::{RecvFuture, RecvTaskFuture, SendFuture};
pub use handle::{Close, Queue};
pub use options::Options;
pub(crate) use raw::RawQueue;
pub use reader::ItemReader;
pub use recv::Iter;
pub use sink::QueueSink;
pub use stream::QueueStream;
pub use task::Task;
