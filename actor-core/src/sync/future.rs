//! [`LockFuture`]: to take a lock without a thread that waits. It may be dropped at any time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::LockError;
use super::raw::RawLock;
use crate::time::Deadline;
use crate::waker::Place;

/// A future that takes a lock, such as [`Mutex::lock_async`](super::Mutex::lock_async).
///
/// It takes the lock in the poll that returns it, so a dropped one has taken nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct LockFuture<'a, G> {
    lock: &'a (dyn Grab<'a, G> + Sync),
    place: Place,
}

/// What can be taken: a lock, by those who get `G` for it.
pub(crate) trait Grab<'a, G> {
    /// Takes it if nobody has it.
    fn grab(&'a self) -> Option<Result<G, LockError<G>>>;
    fn raw(&self) -> &RawLock;
}

impl<'a, G> LockFuture<'a, G> {
    pub(crate) fn new(lock: &'a (dyn Grab<'a, G> + Sync)) -> LockFuture<'a, G> {
        LockFuture { lock, place: Place::new() }
    }
}

impl<G> Unpin for LockFuture<'_, G> {}

impl<G> Future for LockFuture<'_, G> {
    type Output = Result<G, LockError<G>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = self.lock;
        let raw = lock.raw();
        let (Some(line), Some(window)) = (raw.line(), raw.window()) else {
            return Poll::Ready(Err(LockError::Gone));
        };
        let polled = self.place.poll(window.segment, &line.event(), Deadline::Never, context, || lock.grab());
        polled.map(|taken| taken.unwrap_or(Err(LockError::Gone)))
    }
}
