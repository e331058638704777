//! Pipes: two ends, messages with their boundaries, and certainty about the other end.
//!
//! [`pipe`](pipe()) makes one that goes both ways, [`simplex`] one that goes one way. An end is one process's at a
//! time: it cannot be cloned, and it *moves* when it is sent: in the arguments of a process or an actor, in a
//! call, cast or answer, through a queue or another pipe.
//!
//! ```
//! use actor_core::pipe::{self, PipeEnd, RecvError};
//! use actor_core::process::Process;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = pipe::pipe::<String, usize>()?;
//! let measuring = |end: PipeEnd<usize, String>| {
//!     while let Ok(text) = end.recv() {
//!         end.send(text.len()).expect("the other end waits for this");
//!     }
//! };
//! let process = Process::spawn(measuring, there)?;
//! here.send("hello".into())?;
//! assert_eq!(here.recv(), Ok(5));
//! let (sender, receiver) = here.split();
//! sender.close(); // the process comes to the end of what was sent
//! assert_eq!(receiver.recv(), Err(RecvError::Eof));
//! process.join()?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it ends
//! | the other end | receiving, when what was sent has been received | sending |
//! |---|---|---|
//! | was closed or dropped | [`RecvError::Eof`] | [`SendError::Closed`] |
//! | was its process's when that died, or ended without dropping it | [`RecvError::Disconnected`] with the report | [`SendError::Disconnected`] |
//! | was in a message that was thrown away | [`RecvError::Disconnected`] without a process | [`SendError::Disconnected`] |
//! | is stopped, or busy | waits | waits when the pipe is full |
//!
//! A message is there whole or not at all: one that its sender died in the middle of never was. A message
//! whose receiver dies in the middle of receiving it is gone with that end, and so is everything that comes
//! after: nobody else can have the end.
//!
//! # Where an end is while it travels
//! With the sender, until the message is accepted; a message that is refused leaves it there. Then it is the
//! message's, whatever becomes of the sender; who decodes the message has it. Somebody who dies in between,
//! in the instant after his message was accepted and before his call has returned, may count as having it
//! still; the other end then hears of his death. A message that is handed out a second time, as a
//! [`Task`](crate::queue::Task) that was dropped, comes without the end: that was whose hands it was in, and
//! using it is [`RecvError::Moved`]. A message in a queue that nobody ever receives from keeps it, and the
//! other end waits; with a queue that is closed at once or has gone, it is lost and the other end is told.
//! An end in the items of a [stream](crate::StreamCall), the result of a process, a message that is sent
//! later or the definition of a supervised child is an error of the encoding.
//!
//! # What it costs
//! Memory for each direction as a queue of the same [`Options`] takes. Nobody waits for a thread in between:
//! who sends writes into memory that both sides share.

mod duplex;
mod error;
mod future;
mod half;
mod options;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use duplex::PipeEnd;
pub use error::{Disconnected, RecvError, SendError};
pub use future::{RecvFuture, SendFuture};
pub use options::{Ends, Options, pipe, simplex};
pub use receiver::Receiver;
pub use sender::Sender;
