//! [`Receiver`]: the end of a pipe that receives.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::RecvError;
use super::future::RecvFuture;
use super::half::Half;
use crate::queue;
use crate::shm::ends::Side;
use crate::shm::hands::Held;
use crate::shm::post::Wake;
use crate::time::Deadline;
use crate::wait::{Opened, Source};
use crate::wire::DecodeError;

/// The end of a pipe that receives; see the [module](super).
///
/// Several threads may receive by the same one; each message is one thread's. It can be
/// [waited for](mod@crate::wait) together with other things: it is ready when [`try_recv`](Receiver::try_recv)
/// would not be `Empty`. Dropped, it is closed: what was not received is discarded, and who sends gets
/// [`Closed`](super::SendError::Closed).
///
/// It cannot send, nor can a [`Sender`](super::Sender) receive:
///
/// ```compile_fail
/// let (receiver, _sender) = actor_core::pipe::simplex::<u32>().unwrap();
/// receiver.send(7);
/// ```
#[doc(alias("Connection", "PipeConnection"))]
pub struct Receiver<T> {
    pub(super) half: Half,
    _messages: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Receiver<T> {
    /// Receives the next message, waiting for one.
    ///
    /// # Errors
    /// When all that was sent has been received: [`RecvError::Eof`] if the other end is closed,
    /// [`RecvError::Disconnected`] if it was lost. [`RecvError::Decode`] when what was sent is not a `T`, and
    /// then it is gone.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(Deadline::Never)
    }

    /// [`recv`](Receiver::recv) without waiting.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.recv_until(Deadline::Now)
    }

    /// [`recv`](Receiver::recv) for a time.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_until(Deadline::after(timeout))
    }

    /// [`recv`](Receiver::recv) until a point in time.
    ///
    /// # Errors
    /// As `recv`, and [`RecvError::Empty`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvError> {
        self.recv_until(deadline.into())
    }

    /// [`recv`](Receiver::recv), async. A dropped future has received nothing.
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(self)
    }

    fn recv_until(&self, deadline: Deadline) -> Result<T, RecvError> {
        let held = self.take(deadline)?;
        self.decode_and_finish(held)
    }

    pub(super) fn decode_and_finish(&self, held: Held) -> Result<T, RecvError> {
        let message = self.half.raw.decode(held);
        if let Some(window) = self.half.raw.window() {
            window.finish(held, Wake::Now);
        }
        message.map_err(|error| self.not_received(error))
    }
}

impl<T> Receiver<T> {
    pub(super) fn new(half: Half) -> Receiver<T> {
        Receiver { half, _messages: PhantomData }
    }

    /// Receives the bytes of the next message, `max` at most, waiting for one.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv); [`RecvError::TooLarge`], and then the message is the next one again.
    pub fn recv_bytes(&self, max: usize) -> Result<Vec<u8>, RecvError> {
        self.recv_bytes_until(max, Deadline::Never)
    }

    /// [`recv_bytes`](Receiver::recv_bytes) without waiting.
    ///
    /// # Errors
    /// As `recv_bytes`, and [`RecvError::Empty`].
    pub fn try_recv_bytes(&self, max: usize) -> Result<Vec<u8>, RecvError> {
        self.recv_bytes_until(max, Deadline::Now)
    }

    /// [`recv_bytes`](Receiver::recv_bytes) for a time.
    ///
    /// # Errors
    /// As `recv_bytes`, and [`RecvError::Empty`].
    pub fn recv_bytes_timeout(&self, max: usize, timeout: Duration) -> Result<Vec<u8>, RecvError> {
        self.recv_bytes_until(max, Deadline::after(timeout))
    }

    /// [`recv_bytes`](Receiver::recv_bytes) until a point in time.
    ///
    /// # Errors
    /// As `recv_bytes`, and [`RecvError::Empty`].
    pub fn recv_bytes_deadline(&self, max: usize, deadline: Instant) -> Result<Vec<u8>, RecvError> {
        self.recv_bytes_until(max, deadline.into())
    }

    fn recv_bytes_until(&self, max: usize, deadline: Deadline) -> Result<Vec<u8>, RecvError> {
        let held = self.take(deadline)?;
        let Some(window) = self.half.raw.window() else { return Err(RecvError::Moved) };
        let size = window.held_length(held);
        if size > max {
            window.give_back(held, false);
            return Err(RecvError::TooLarge { size, max });
        }
        let mut bytes = Vec::new();
        let is_whole = window.read_held(held, &mut bytes);
        window.finish(held, Wake::Now);
        if is_whole { Ok(bytes) } else { Err(DecodeError::Damaged.into()) }
    }

    /// Waits until a [`recv`](Receiver::recv) would not wait: there is a message, or there will be none.
    /// False: not in time. Takes nothing; another thread may be faster.
    pub fn poll(&self, timeout: Duration) -> bool {
        self.poll_until(Deadline::after(timeout))
    }

    /// [`poll`](Receiver::poll) until a point in time.
    pub fn poll_deadline(&self, deadline: Instant) -> bool {
        self.poll_until(deadline.into())
    }

    fn poll_until(&self, deadline: Deadline) -> bool {
        !self.half.is_here() || self.half.raw.wait_ready(deadline)
    }

    #[inline]
    fn take(&self, deadline: Deadline) -> Result<Held, RecvError> {
        if !self.half.is_here() {
            return Err(RecvError::Moved);
        }
        self.half.raw.take(deadline).map_err(|error| self.not_received(error))
    }

    #[cold]
    pub(super) fn not_received(&self, error: queue::RecvError) -> RecvError {
        RecvError::new(error, &self.half)
    }

    /// Closes this end, as dropping it does.
    pub fn close(self) {}

    /// Whether this end was sent to somebody else, or came in a message that was handed out a second time.
    pub fn is_moved(&self) -> bool {
        !self.half.is_here()
    }
}

/// Ready while there is something to receive, or nothing any more.
impl<T> Source for Receiver<T> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Words(&self.half))
    }
}

/// Two values are equal when they are on the same end of the same pipe; one of them at most is not moved.
impl<T> PartialEq for Receiver<T> {
    fn eq(&self, other: &Receiver<T>) -> bool {
        self.half.is_same(&other.half)
    }
}

impl<T> Eq for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.half.fmt(f)
    }
}

/// Moves the end to whoever gets the message, once it is accepted.
impl<T> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.half.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Receiver<T>, D::Error> {
        Half::receive(deserializer, Side::Receiver).map(Receiver::new)
    }
}
