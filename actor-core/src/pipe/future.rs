//! Async `send` and `recv` of pipes. Each may be dropped at any time: nothing is lost by it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{RecvError, SendError};
use super::receiver::Receiver;
use super::sender::Sender;
use crate::queue::{Encoded, Receiving, Sending, encoded};
use crate::shm::post::PostError;

/// The future of [`Sender::send_async`].
///
/// Polled again after it was ready, it stays pending: there is no message to send any more.
#[must_use = "futures do nothing unless awaited"]
pub struct SendFuture<'a, T> {
    sender: &'a Sender<T>,
    message: Option<T>,
    /// The encoded message, from the first poll on.
    encoded: Option<Encoded>,
    sending: Sending,
}

/// The future of [`Receiver::recv_async`]. It claims a message only in the poll that returns it.
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T> {
    receiver: &'a Receiver<T>,
    receiving: Receiving,
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, message: T) -> SendFuture<'a, T> {
        SendFuture { sender, message: Some(message), encoded: None, sending: Sending::new() }
    }
}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> RecvFuture<'a, T> {
        RecvFuture { receiver, receiving: Receiving::new() }
    }
}

// Neither is ever pinned in place: the message moves freely.
impl<T> Unpin for SendFuture<'_, T> {}
impl<T> Unpin for RecvFuture<'_, T> {}

impl<T: Serialize> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(message) = this.message.take() else { return Poll::Pending };
        if !this.sender.half.is_here() {
            return Poll::Ready(Err(SendError::Moved(message)));
        }
        let encoded = match this.encoded.take() {
            Some(encoded) => encoded,
            None => match encoded(&message) {
                Ok(encoded) => encoded,
                Err(error) => return Poll::Ready(Err(SendError::Encode { item: message, error })),
            },
        };
        match this.sending.post(&this.sender.half.raw, &encoded, context) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(PostError::Full) => {
                this.message = Some(message);
                this.encoded = Some(encoded);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(this.sender.not_sent(error, message))),
        }
    }
}

impl<T: DeserializeOwned> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let receiver = self.receiver;
        if !receiver.half.is_here() {
            return Poll::Ready(Err(RecvError::Moved));
        }
        let taken = self.receiving.poll_take(&receiver.half.raw, context);
        taken.map(|taken| match taken {
            Ok(held) => receiver.decode_and_finish(held),
            Err(error) => Err(receiver.not_received(error)),
        })
    }
}
