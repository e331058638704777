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
//! # Which queue
//! | | what is received first |
//! |---|---|
//! | [`Queue`] | what was sent first |
//! | [`PriorityQueue`] | the smallest, and of equal ones what was sent first |
//! | [`LifoQueue`] | what was sent last |
//!
//! All of them are bounded, can be joined and closed, and are the same to somebody who dies.
//!
//! # What is not for this consumer
//! [`Task::put_back`] leaves an item to other consumers: this one skips it from then on, and sleeps if there
//! is nothing else. So consumers that each take their own out of one queue neither spin nor keep each other
//! from anything.
//!
//! # Which way to receive
//! | | when the receiver dies with the item |
//! |---|---|
//! | [`recv`](Queue::recv) | it is acknowledged once decoded: dead before, it is handed out again; dead after, it is gone |
//! | [`recv_task`](Queue::recv_task) | it is handed out again, unless [`Task::done`] was called, or [`Queue::task_done`] for it |
//! | [`recv_reader`](Queue::recv_reader) | it is handed out again, unless the reader was dropped |

mod batch;
mod blocks;
mod bytes;
mod decode;
mod error;
mod future;
mod handle;
mod ledger;
mod options;
mod ordered;
mod passed;
mod ranked;
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
pub use error::{CreateError, RecvError, SendError, TooManyDone};
pub use future::{RecvFuture, RecvTaskFuture, SendFuture};
pub use handle::{Close, Queue};
pub use options::Options;
pub use ordered::{Latest, LifoQueue, Order, OrderedQueue, PriorityQueue, Smallest};
pub(crate) use raw::{RawQueue, wake_producer};
pub use reader::ItemReader;
pub use recv::Iter;
pub use sink::QueueSink;
pub use stream::QueueStream;
pub use task::Task;
pub(crate) use waiting::{Encoded, Receiving, Sending, encoded};
