//! [`Sender`]: the end of a pipe that sends.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::SendError;
use super::future::SendFuture;
use super::half::Half;
use crate::shm::ends::Side;
use crate::shm::post::{PostError, Wake};
use crate::time::Deadline;
use crate::wire::{self, travel};

/// The end of a pipe that sends; see the [module](super).
///
/// Several threads may send by the same one. Dropped, it is closed: the other end receives what was sent,
/// and then [`Eof`](super::RecvError::Eof).
#[doc(alias("Connection", "PipeConnection"))]
pub struct Sender<T> {
    pub(super) half: Half,
    _messages: PhantomData<fn(T)>,
}

impl<T: Serialize> Sender<T> {
    /// Sends a message, waiting for room. The other end can receive it when this returns.
    ///
    /// # Errors
    /// The other end is closed or lost, this one was sent to somebody else, or the message cannot be encoded
    /// or is too large. Nothing was sent and the message comes back; see [`SendError`].
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send_until(message, Deadline::Never)
    }

    /// [`send`](Sender::send) without waiting.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`].
    pub fn try_send(&self, message: T) -> Result<(), SendError<T>> {
        self.send_until(message, Deadline::Now)
    }

    /// [`send`](Sender::send) for a time.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`]; the message then never appears later.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_until(message, Deadline::after(timeout))
    }

    /// [`send`](Sender::send) until a point in time.
    ///
    /// # Errors
    /// As `send`, and [`SendError::Full`].
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendError<T>> {
        self.send_until(message, deadline.into())
    }

    /// [`send`](Sender::send), async. A dropped future has sent nothing.
    pub fn send_async(&self, message: T) -> SendFuture<'_, T> {
        SendFuture::new(self, message)
    }

    fn send_until(&self, message: T, deadline: Deadline) -> Result<(), SendError<T>> {
        if !self.half.is_here() {
            return Err(SendError::Moved(message));
        }
        wire::with_buffer(|buffer| match travel::collect(|| wire::encode_into(buffer, &message)) {
            Err(error) => Err(SendError::Encode { item: message, error }),
            Ok(((), travellers)) => {
                let posted = self.half.raw.post_with(buffer, &travellers, deadline, Wake::Now);
                posted.map_err(|error| self.not_sent(error, message))
            }
        })
    }
}

impl<T> Sender<T> {
    pub(super) fn new(half: Half) -> Sender<T> {
        Sender { half, _messages: PhantomData }
    }

    /// Sends bytes as one message, without encoding, waiting for room. For
    /// [`recv_bytes`](super::Receiver::recv_bytes) at the other end.
    ///
    /// # Errors
    /// As [`send`](Sender::send), but for the encoding.
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, Deadline::Never)
    }

    /// [`send_bytes`](Sender::send_bytes) without waiting.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn try_send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, Deadline::Now)
    }

    /// [`send_bytes`](Sender::send_bytes) for a time.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn send_bytes_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, Deadline::after(timeout))
    }

    /// [`send_bytes`](Sender::send_bytes) until a point in time.
    ///
    /// # Errors
    /// As `send_bytes`, and [`SendError::Full`].
    pub fn send_bytes_deadline(&self, bytes: &[u8], deadline: Instant) -> Result<(), SendError<()>> {
        self.send_bytes_until(bytes, deadline.into())
    }

    fn send_bytes_until(&self, bytes: &[u8], deadline: Deadline) -> Result<(), SendError<()>> {
        if !self.half.is_here() {
            return Err(SendError::Moved(()));
        }
        self.half.raw.post(bytes, deadline, Wake::Now).map_err(|error| self.not_sent(error, ()))
    }

    #[cold]
    pub(super) fn not_sent<M>(&self, error: PostError, message: M) -> SendError<M> {
        SendError::new(error, message, &self.half)
    }

    /// Closes this end, as dropping it does.
    pub fn close(self) {}

    /// Whether this end was sent to somebody else, or came in a message that was handed out a second time.
    pub fn is_moved(&self) -> bool {
        !self.half.is_here()
    }
}

/// Two values are equal when they are on the same end of the same pipe; one of them at most is not moved.
impl<T> PartialEq for Sender<T> {
    fn eq(&self, other: &Sender<T>) -> bool {
        self.half.is_same(&other.half)
    }
}

impl<T> Eq for Sender<T> {}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.half.fmt(f)
    }
}

/// Moves the end to whoever gets the message, once it is accepted.
impl<T> Serialize for Sender<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.half.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sender<T>, D::Error> {
        Half::receive(deserializer, Side::Sender).map(Sender::new)
    }
}
