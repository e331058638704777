//! [`PipeEnd`]: an end of a pipe that goes both ways: a [`Sender`] and a [`Receiver`] in one.

use std::io;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{RecvError, SendError};
use super::future::{RecvFuture, SendFuture};
use super::receiver::Receiver;
use super::sender::Sender;
use crate::wait::{Opened, Source};

/// An end of a pipe that goes both ways, which sends `T` and receives `U`; see the [module](super).
///
/// Several threads may use the same one. It can be [waited for](mod@crate::wait) together with other things,
/// as its [`Receiver`] can. Dropped, it is closed in both directions: what it has sent is still received,
/// what it has not received is discarded.
#[doc(alias("Connection", "PipeConnection"))]
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "", deserialize = ""))]
pub struct PipeEnd<T, U> {
    sender: Sender<T>,
    receiver: Receiver<U>,
}

impl<T, U> PipeEnd<T, U> {
    pub(super) fn new(sender: Sender<T>, receiver: Receiver<U>) -> PipeEnd<T, U> {
        PipeEnd { sender, receiver }
    }

    /// Makes two ends of it, which can be used, closed and sent each for itself.
    pub fn split(self) -> (Sender<T>, Receiver<U>) {
        (self.sender, self.receiver)
    }

    /// The half that sends.
    pub fn sender(&self) -> &Sender<T> {
        &self.sender
    }

    /// The half that receives.
    pub fn receiver(&self) -> &Receiver<U> {
        &self.receiver
    }

    /// Closes both directions, as dropping the end does.
    pub fn close(self) {}

    /// Whether this end was sent to somebody else, or came in a message that was handed out a second time.
    pub fn is_moved(&self) -> bool {
        self.sender.is_moved() || self.receiver.is_moved()
    }

    /// Waits until a [`recv`](PipeEnd::recv) would not wait; see [`Receiver::poll`]. False: not in time.
    pub fn poll(&self, timeout: Duration) -> bool {
        self.receiver.poll(timeout)
    }

    /// [`poll`](PipeEnd::poll) until a point in time.
    pub fn poll_deadline(&self, deadline: Instant) -> bool {
        self.receiver.poll_deadline(deadline)
    }

    /// Sends bytes as one message, without encoding, waiting for room.
    ///
    /// # Errors
    /// As for [`Sender::send_bytes`].
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.sender.send_bytes(bytes)
    }

    /// [`send_bytes`](PipeEnd::send_bytes) without waiting.
    ///
    /// # Errors
    /// As for [`Sender::try_send_bytes`].
    pub fn try_send_bytes(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.sender.try_send_bytes(bytes)
    }

    /// [`send_bytes`](PipeEnd::send_bytes) for a time.
    ///
    /// # Errors
    /// As for [`Sender::send_bytes_timeout`].
    pub fn send_bytes_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), SendError<()>> {
        self.sender.send_bytes_timeout(bytes, timeout)
    }

    /// [`send_bytes`](PipeEnd::send_bytes) until a point in time.
    ///
    /// # Errors
    /// As for [`Sender::send_bytes_deadline`].
    pub fn send_bytes_deadline(&self, bytes: &[u8], deadline: Instant) -> Result<(), SendError<()>> {
        self.sender.send_bytes_deadline(bytes, deadline)
    }

    /// Receives the bytes of the next message, `max` at most, waiting for one. A longer one stays whole.
    ///
    /// # Errors
    /// As for [`Receiver::recv_bytes`].
    pub fn recv_bytes(&self, max: usize) -> Result<Vec<u8>, RecvError> {
        self.receiver.recv_bytes(max)
    }

    /// [`recv_bytes`](PipeEnd::recv_bytes) without waiting.
    ///
    /// # Errors
    /// As for [`Receiver::try_recv_bytes`].
    pub fn try_recv_bytes(&self, max: usize) -> Result<Vec<u8>, RecvError> {
        self.receiver.try_recv_bytes(max)
    }

    /// [`recv_bytes`](PipeEnd::recv_bytes) for a time.
    ///
    /// # Errors
    /// As for [`Receiver::recv_bytes_timeout`].
    pub fn recv_bytes_timeout(&self, max: usize, timeout: Duration) -> Result<Vec<u8>, RecvError> {
        self.receiver.recv_bytes_timeout(max, timeout)
    }

    /// [`recv_bytes`](PipeEnd::recv_bytes) until a point in time.
    ///
    /// # Errors
    /// As for [`Receiver::recv_bytes_deadline`].
    pub fn recv_bytes_deadline(&self, max: usize, deadline: Instant) -> Result<Vec<u8>, RecvError> {
        self.receiver.recv_bytes_deadline(max, deadline)
    }
}

impl<T: Serialize, U> PipeEnd<T, U> {
    /// Sends a message, waiting for room.
    ///
    /// # Errors
    /// As for [`Sender::send`].
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.sender.send(message)
    }

    /// [`send`](PipeEnd::send) without waiting.
    ///
    /// # Errors
    /// As for [`Sender::try_send`].
    pub fn try_send(&self, message: T) -> Result<(), SendError<T>> {
        self.sender.try_send(message)
    }

    /// [`send`](PipeEnd::send) for a time.
    ///
    /// # Errors
    /// As for [`Sender::send_timeout`].
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.sender.send_timeout(message, timeout)
    }

    /// [`send`](PipeEnd::send) until a point in time.
    ///
    /// # Errors
    /// As for [`Sender::send_deadline`].
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendError<T>> {
        self.sender.send_deadline(message, deadline)
    }

    /// [`send`](PipeEnd::send), async. A dropped future has sent nothing.
    pub fn send_async(&self, message: T) -> SendFuture<'_, T> {
        self.sender.send_async(message)
    }
}

impl<T, U: DeserializeOwned> PipeEnd<T, U> {
    /// Receives the next message, waiting for one.
    ///
    /// # Errors
    /// As for [`Receiver::recv`].
    pub fn recv(&self) -> Result<U, RecvError> {
        self.receiver.recv()
    }

    /// [`recv`](PipeEnd::recv) without waiting.
    ///
    /// # Errors
    /// As for [`Receiver::try_recv`].
    pub fn try_recv(&self) -> Result<U, RecvError> {
        self.receiver.try_recv()
    }

    /// [`recv`](PipeEnd::recv) for a time.
    ///
    /// # Errors
    /// As for [`Receiver::recv_timeout`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<U, RecvError> {
        self.receiver.recv_timeout(timeout)
    }

    /// [`recv`](PipeEnd::recv) until a point in time.
    ///
    /// # Errors
    /// As for [`Receiver::recv_deadline`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<U, RecvError> {
        self.receiver.recv_deadline(deadline)
    }

    /// [`recv`](PipeEnd::recv), async. A dropped future has received nothing.
    pub fn recv_async(&self) -> RecvFuture<'_, U> {
        self.receiver.recv_async()
    }
}

/// Ready while there is something to receive, or nothing any more.
impl<T, U> Source for PipeEnd<T, U> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        self.receiver.opened()
    }
}

/// Two values are equal when they are on the same end of the same pipe; one of them at most is not moved.
impl<T, U> PartialEq for PipeEnd<T, U> {
    fn eq(&self, other: &PipeEnd<T, U>) -> bool {
        self.sender == other.sender && self.receiver == other.receiver
    }
}

impl<T, U> Eq for PipeEnd<T, U> {}
