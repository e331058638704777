//! Async `send`, `recv` and `recv_task`. Each may be dropped at any time: nothing is lost by it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{RecvError, SendError};
use super::task::Task;
use super::waiting::{Channel, Encoded, Receiving, Sending, encoded, encoded_alone};
use crate::shm::post::PostError;

/// The future of [`Queue::send_async`](super::Queue::send_async).
///
/// Polled again after it was ready, it stays pending: there is no item to send any more.
#[must_use = "futures do nothing unless awaited"]
pub struct SendFuture<'a, T> {
    channel: &'a dyn Channel,
    item: Option<T>,
    /// The encoded item, from the first poll on.
    encoded: Option<Encoded>,
    sending: Sending,
}

/// The future of [`Queue::recv_async`](super::Queue::recv_async). It claims an item only in the poll that returns it.
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T> {
    channel: &'a dyn Channel,
    receiving: Receiving,
    _items: PhantomData<fn() -> T>,
}

/// The future of [`Queue::recv_task_async`](super::Queue::recv_task_async). It claims an item only in the poll that returns it.
#[must_use = "futures do nothing unless awaited"]
pub struct RecvTaskFuture<'a, T> {
    channel: &'a dyn Channel,
    receiving: Receiving,
    _items: PhantomData<fn() -> T>,
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(channel: &'a dyn Channel, item: T) -> SendFuture<'a, T> {
        SendFuture { channel, item: Some(item), encoded: None, sending: Sending::new() }
    }
}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(channel: &'a dyn Channel) -> RecvFuture<'a, T> {
        RecvFuture { channel, receiving: Receiving::new(), _items: PhantomData }
    }
}

impl<'a, T> RecvTaskFuture<'a, T> {
    pub(super) fn new(channel: &'a dyn Channel) -> RecvTaskFuture<'a, T> {
        RecvTaskFuture { channel, receiving: Receiving::new(), _items: PhantomData }
    }
}

// None is ever pinned in place: the item moves freely.
impl<T> Unpin for SendFuture<'_, T> {}
impl<T> Unpin for RecvFuture<'_, T> {}
impl<T> Unpin for RecvTaskFuture<'_, T> {}

impl<T: Serialize> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(item) = this.item.take() else { return Poll::Pending };
        let encoded = match this.encoded.take() {
            Some(encoded) => encoded,
            None => match if this.channel.carries() { encoded(&item) } else { encoded_alone(&item) } {
                Ok(encoded) => encoded,
                Err(error) => return Poll::Ready(Err(SendError::Encode { item, error })),
            },
        };
        match this.sending.post(this.channel, &encoded, context) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(PostError::Full) => {
                this.item = Some(item);
                this.encoded = Some(encoded);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(SendError::new(error, item))),
        }
    }
}

impl<T: DeserializeOwned> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel;
        let taken = self.receiving.poll_take(channel, context);
        taken.map(|taken| taken.and_then(|held| channel.raw().decode_and_finish(held)))
    }
}

impl<T: DeserializeOwned> Future for RecvTaskFuture<'_, T> {
    type Output = Result<Task<T>, RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel;
        let taken = self.receiving.poll_take(channel, context);
        taken.map(|taken| taken.and_then(|held| channel.raw().decode_as_task(held)))
    }
}
