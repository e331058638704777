//! [`WriteFuture`]: to write without a thread that waits. First for the other writers, then for the readers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytemuck::Pod;

use super::error::LockError;
use super::raw::{Held, NotHeld};
use super::rwlock::{RwLock, Write};
use crate::shm::lock::LockWord;
use crate::time::Deadline;
use crate::waker::Place;

/// The future of [`RwLock::write_async`]. Dropped, it has taken nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct WriteFuture<'a, T> {
    lock: &'a RwLock<T>,
    writers: Place,
    readers: Place,
    /// How the word was when this has claimed it; new readers wait from then on.
    claimed: Option<LockWord>,
}

impl<'a, T> WriteFuture<'a, T> {
    pub(super) fn new(lock: &'a RwLock<T>) -> WriteFuture<'a, T> {
        WriteFuture { lock, writers: Place::new(), readers: Place::new(), claimed: None }
    }

    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<Result<Held, NotHeld>> {
        let place = match self.lock.raw.place() {
            Ok(place) => place,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let (words, me) = (&place.words, place.segment.me());
        if self.claimed.is_none() {
            self.claimed = words.try_claim(me);
        }
        if self.claimed.is_none() {
            self.writers.register(place.segment, &words.lock.event, Deadline::Never, context.waker());
            // It may have been released before the registration; then nobody rings.
            self.claimed = words.try_claim(me);
        }
        let Some(before) = self.claimed else { return Poll::Pending };
        self.writers.leave();
        if !words.is_drained() {
            self.readers.register(place.segment, &words.drained, Deadline::Never, context.waker());
            // The last reader may have left before the registration.
            if !words.is_drained() {
                return Poll::Pending;
            }
        }
        self.readers.leave();
        words.begin_write();
        self.claimed = None;
        Poll::Ready(Ok(Held::new(before, self.lock.raw.lock.id())))
    }
}

impl<T> Unpin for WriteFuture<'_, T> {}

impl<'a, T: Pod> Future for WriteFuture<'a, T> {
    type Output = Write<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Write<'a, T>> {
        let lock = self.lock;
        self.poll_held(context)
            .map(|held| held.map_err(|_: NotHeld| LockError::Gone).and_then(|held| lock.writing(held)))
    }
}

impl<T> Drop for WriteFuture<'_, T> {
    fn drop(&mut self) {
        if let Some(before) = self.claimed.take() {
            self.lock.raw.end_write(before);
        }
    }
}
