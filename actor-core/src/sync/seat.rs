//! [`Seat`]: one who waits at a [`Condition`], and [`ConditionFuture`], which does so without a thread.
//!
//! Whatever becomes of a seat, a wake that it was given and that was not used goes to another: dropped, it sees to
//! that. A seat is used when the mutex was taken again, and not before.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytemuck::Pod;

use super::condition::Condition;
use super::error::LockError;
use super::failure::ConditionError;
use super::future::LockFuture;
use super::line;
use super::mutex::{Mutex, MutexGuard};
use crate::shm::layout::EventLine;
use crate::shm::segment::Segment;
use crate::shm::waiters::{self, Seats};
use crate::time::Deadline;
use crate::waker::Place;

/// A place among those who wait, until it was left.
pub(super) struct Seat<'a> {
    condition: &'a Condition,
    segment: &'static Segment,
    seats: Seats,
    /// `None`: it was left, and may be another's.
    number: Option<u32>,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    Gone,
    Full,
}

/// What comes of taking the mutex.
type Taken<'a, T> = Result<MutexGuard<'a, T>, LockError<MutexGuard<'a, T>>>;
/// What comes of the whole wait.
type Waited<'a, T> = Result<MutexGuard<'a, T>, ConditionError<MutexGuard<'a, T>>>;

impl<'a> Seat<'a> {
    pub(super) fn new(condition: &'a Condition, segment: &'static Segment, seats: Seats, number: u32) -> Seat<'a> {
        Seat { condition, segment, seats, number: Some(number) }
    }

    /// Waits until it was notified, or the condition is gone. False: neither, and it waits no more.
    pub(super) fn wait(&mut self, deadline: Deadline) -> bool {
        let Some(line) = self.line() else { return false };
        let in_time = line::wait(self.segment, line, deadline, || self.is_over().then_some(()));
        if in_time.is_some() {
            return true;
        }
        let has_given_up = self.number.is_some_and(|number| waiters::give_up(&self.seats, number));
        if has_given_up {
            self.number = None;
        }
        // Chosen at the very end, it was in time.
        !has_given_up
    }

    /// Ends the wait, with the wake used if the lock is held.
    pub(super) fn took_again<'g, T: Pod>(mut self, taken: Taken<'g, T>) -> Waited<'g, T> {
        if matches!(taken, Ok(_) | Err(LockError::OwnerDied(_)))
            && let Some(number) = self.number.take()
        {
            waiters::rise(&self.seats, number);
        }
        match taken {
            Ok(guard) if self.condition.is_gone() => Err(ConditionError::Gone(guard)),
            taken => taken.map_err(ConditionError::Lock),
        }
    }

    fn line(&self) -> Option<&'static EventLine> {
        self.number.map(|number| self.seats.line(number))
    }

    fn is_over(&self) -> bool {
        self.condition.is_gone() || self.number.is_none_or(|number| waiters::is_woken(&self.seats, number))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            waiters::leave(&self.seats, number);
        }
    }
}

/// The future of [`Condition::wait_async`].
#[must_use = "futures do nothing unless awaited"]
pub struct ConditionFuture<'a, T: Pod> {
    stage: Stage<'a, T>,
    /// Where it waits; dropped before the seat, which may be another's after that.
    place: Place,
    mutex: &'a Mutex<T>,
}

enum Stage<'a, T: Pod> {
    Failed(ConditionError<MutexGuard<'a, T>>),
    Waits(Seat<'a>),
    TakesAgain(Seat<'a>, LockFuture<'a, MutexGuard<'a, T>>),
    Over,
}

impl<'a, T: Pod> ConditionFuture<'a, T> {
    pub(super) fn new(condition: &'a Condition, guard: MutexGuard<'a, T>) -> ConditionFuture<'a, T> {
        let mutex = MutexGuard::mutex(&guard);
        let stage = match condition.sit() {
            Ok(seat) => {
                drop(guard);
                Stage::Waits(seat)
            }
            Err(NoSeat::Gone) => Stage::Failed(ConditionError::Gone(guard)),
            Err(NoSeat::Full) => Stage::Failed(ConditionError::Full(guard)),
        };
        ConditionFuture { stage, place: Place::default(), mutex }
    }
}

impl<T: Pod> Unpin for ConditionFuture<'_, T> {}

/// Polled again after it was ready, it stays pending.
impl<'a, T: Pod> Future for ConditionFuture<'a, T> {
    type Output = Waited<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Stage::Waits(seat) = &this.stage
            && let Some(line) = seat.line()
        {
            let is_over = || seat.is_over().then_some(());
            ready!(this.place.poll(seat.segment, &line.event(), Deadline::Never, context, is_over));
        }
        this.stage = match std::mem::replace(&mut this.stage, Stage::Over) {
            Stage::Waits(seat) => Stage::TakesAgain(seat, this.mutex.lock_async()),
            other => other,
        };
        let taken = match &mut this.stage {
            Stage::TakesAgain(_, lock) => ready!(Pin::new(lock).poll(context)),
            Stage::Failed(_) | Stage::Waits(_) | Stage::Over => match std::mem::replace(&mut this.stage, Stage::Over) {
                Stage::Failed(error) => return Poll::Ready(Err(error)),
                _ => return Poll::Pending,
            },
        };
        match std::mem::replace(&mut this.stage, Stage::Over) {
            Stage::TakesAgain(seat, _) => Poll::Ready(seat.took_again(taken)),
            _ => Poll::Pending,
        }
    }
}
