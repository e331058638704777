//! Async `send`, `recv` and `recv_task`. Each may be dropped at any time: nothing is lost by it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Queue;
use super::error::{RecvError, SendError};
use super::raw::RawQueue;
use super::task::Task;
use crate::shm::event::Event;
use crate::shm::hands::Held;
use crate::shm::layout::INLINE_MAX;
use crate::shm::post::{PostError, Wake, register_room};
use crate::shm::window::Window;
use crate::shm::words::Mapped;
use crate::time::Deadline;
use crate::{waker, wire};

/// The future of [`Queue::send_async`].
///
/// Polled again after it was ready, it stays pending: there is no item to send any more.
#[must_use = "futures do nothing unless awaited"]
pub struct SendFuture<'a, T> {
    queue: &'a Queue<T>,
    item: Option<T>,
    /// The encoded item, from the first poll on.
    encoded: Option<Vec<u8>>,
    is_registered: bool,
}

/// The future of [`Queue::recv_async`]. It claims an item only in the poll that returns it.
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T> {
    queue: &'a Queue<T>,
    is_registered: bool,
}

/// The future of [`Queue::recv_task_async`]. It claims an item only in the poll that returns it.
#[must_use = "futures do nothing unless awaited"]
pub struct RecvTaskFuture<'a, T> {
    queue: &'a Queue<T>,
    is_registered: bool,
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>, item: T) -> SendFuture<'a, T> {
        SendFuture { queue, item: Some(item), encoded: None, is_registered: false }
    }
}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> RecvFuture<'a, T> {
        RecvFuture { queue, is_registered: false }
    }
}

impl<'a, T> RecvTaskFuture<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> RecvTaskFuture<'a, T> {
        RecvTaskFuture { queue, is_registered: false }
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
            None => {
                let mut encoded = Vec::new();
                if let Err(error) = wire::encode_into(&mut encoded, &item) {
                    return Poll::Ready(Err(SendError::Encode { item, error }));
                }
                encoded
            }
        };
        let attempt = || this.queue.raw.post(&encoded, Deadline::Now, Wake::Now);
        let mut result = attempt();
        if let (Err(PostError::Full), Some(window)) = (&result, this.queue.raw.window()) {
            // A large item needs an extent and a slot, and may lack either.
            let is_large = encoded.len() as u64 > INLINE_MAX;
            for is_extent in [false, true].into_iter().filter(|&is_extent| is_large || !is_extent) {
                let (word, seen) = register_room(window, is_extent);
                waker::register(window.segment, word, seen, Deadline::Never, context.waker());
            }
            this.is_registered = true;
            // There may have been room made before the registration; then nobody rings.
            result = attempt();
        }
        match result {
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
        let queue = self.queue;
        let taken = poll_take(&queue.raw, &mut self.is_registered, context);
        taken.map(|taken| taken.and_then(|held| queue.decode_and_finish(held)))
    }
}

impl<T: DeserializeOwned> Future for RecvTaskFuture<'_, T> {
    type Output = Result<Task<T>, RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let queue = self.queue;
        let taken = poll_take(&queue.raw, &mut self.is_registered, context);
        taken.map(|taken| taken.and_then(|held| queue.decode_as_task(held)))
    }
}

/// Takes what is there, or has the waker woken when something may be.
fn poll_take(raw: &RawQueue, is_registered: &mut bool, context: &mut Context<'_>) -> Poll<Result<Held, RecvError>> {
    if let Some(taken) = raw.try_take() {
        return Poll::Ready(taken);
    }
    let Some(window) = raw.window() else { return Poll::Ready(Err(RecvError::Closed)) };
    let line = &window.header().items;
    let seen = line.event().register_async(u32::from(window.segment.me().0));
    waker::register(window.segment, &line.word, seen, Deadline::Never, context.waker());
    *is_registered = true;
    // Something may have come before the registration; then nobody rings.
    raw.try_take().map_or(Poll::Pending, Poll::Ready)
}

/// A notification may have been meant for a future that will not be polled again, or there may be
/// more than it took: somebody else looks.
fn pass_on(window: Option<&Window>, is_registered: bool, event: fn(&Window) -> Event<'_, Mapped>) {
    if let Some(window) = window
        && is_registered
    {
        event(window).chain();
    }
}

impl<T> Drop for SendFuture<'_, T> {
    fn drop(&mut self) {
        pass_on(self.queue.raw.window(), self.is_registered, Window::room);
        pass_on(self.queue.raw.window(), self.is_registered, Window::extent_room);
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        pass_on(self.queue.raw.window(), self.is_registered, Window::items);
    }
}

impl<T> Drop for RecvTaskFuture<'_, T> {
    fn drop(&mut self) {
        pass_on(self.queue.raw.window(), self.is_registered, Window::items);
    }
}
