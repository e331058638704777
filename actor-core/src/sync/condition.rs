//! [`Condition`]: to wait, with a mutex given up meanwhile, until others say that something has changed.

use std::fmt;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use super::CreateError;
#[cfg(doc)]
use super::LockError;
use super::failure::ConditionError;
use super::line::{self, plain_data};
#[cfg(doc)]
use super::mutex::Mutex;
use super::mutex::MutexGuard;
use super::seat::{ConditionFuture, NoSeat, Seat};
use crate::shm::handle::Handle;
use crate::shm::waiters::{self, Seats, WAITERS_MAX};
use crate::shm::window::Kind;
use crate::time::Deadline;

/// A condition between processes that is waited for with a [`Mutex`]; see the [module](super) for what a handle is.
///
/// Who waits gives the mutex up and has it again when the wait is over. A notification wakes who has waited longest,
/// and exactly as many as it says; one that is killed after it was chosen, and before it had the mutex again,
/// leaves its wake to another. A wake can come for nothing, after a death in the middle of that: look at the
/// data again, or let [`wait_while`](Condition::wait_while) do so.
///
/// Change the data under the mutex, and notify with or without it. All use a condition with the same mutex.
///
/// | waits | for a time | until a time | async |
/// |---|---|---|---|
/// | [`wait`](Condition::wait) | [`wait_timeout`](Condition::wait_timeout) | [`wait_deadline`](Condition::wait_deadline) | [`wait_async`](Condition::wait_async) |
/// | [`wait_while`](Condition::wait_while) | [`wait_while_timeout`](Condition::wait_while_timeout) | [`wait_while_deadline`](Condition::wait_while_deadline) | |
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::sync::{Condition, Mutex};
///
/// # fn main() -> actor_core::Result<()> {
/// let (turn, changed) = (Mutex::new(0_u32)?, Condition::new()?);
/// let second = |(turn, changed): (Mutex<u32>, Condition)| {
///     let turn = turn.lock().unwrap();
///     *changed.wait_while(turn, |turn| *turn != 1).unwrap() = 2;
///     changed.notify_all();
/// };
/// let second = Process::spawn(second, (turn.clone(), changed.clone()))?;
/// *turn.lock()? = 1;
/// changed.notify_all();
/// let done = changed.wait_while(turn.lock()?, |turn| *turn != 2)?;
/// assert_eq!(*done, 2);
/// second.join()?;
/// # drop(done);
/// # turn.close();
/// # changed.close();
/// # Ok(())
/// # }
/// ```
#[doc(alias = "Condvar")]
pub struct Condition {
    handle: Handle,
}

plain_data!(Condition, Waiters);

/// How many can wait at a condition; the start is [`ConditionOptions::default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionOptions {
    /// How many threads and futures can wait at once, from 1 to 4096. Each takes 72 bytes, and a
    /// notification looks at all.
    pub waiters: usize,
}

impl Default for ConditionOptions {
    /// 512 who wait.
    fn default() -> ConditionOptions {
        ConditionOptions { waiters: 512 }
    }
}

impl ConditionOptions {
    /// Makes the condition.
    ///
    /// # Errors
    /// See [`CreateError`]: a number out of bounds, the node is full, no memory.
    pub fn create(self) -> Result<Condition, CreateError> {
        let handle = line::make(Kind::Waiters, waiters::shape(self.waiters), self.waiters, WAITERS_MAX)?;
        handle.window().iter().for_each(|window| waiters::initialise(window, self.waiters));
        Ok(Condition { handle })
    }
}

/// What a wait gives: the guard, or why it does not.
type Waited<'a, T> = Result<MutexGuard<'a, T>, ConditionError<MutexGuard<'a, T>>>;
/// The same with whether there was a notification, or the time was up.
type TimedWait<'a, T> = Result<(MutexGuard<'a, T>, bool), ConditionError<MutexGuard<'a, T>>>;

/// How long the mutex is waited for at least when the time is up: somebody may have it just then.
const MUTEX_PATIENCE: Duration = Duration::from_secs(1);

impl Condition {
    /// Makes a condition for up to 512 who wait; see [`ConditionOptions`].
    ///
    /// # Errors
    /// See [`CreateError`]: the node is full, no memory.
    pub fn new() -> Result<Condition, CreateError> {
        ConditionOptions::default().create()
    }

    /// Gives the mutex up, waits for a notification, and takes the mutex again.
    ///
    /// # Errors
    /// See [`ConditionError`]: it is gone, too many wait, or the mutex was not simply taken again.
    pub fn wait<'a, T: Pod>(&self, guard: MutexGuard<'a, T>) -> Waited<'a, T> {
        self.wait_until(guard, Deadline::Never).map(|(guard, _)| guard)
    }

    /// [`wait`](Condition::wait) for a time. With the guard comes whether there was a notification in time.
    ///
    /// The mutex is taken again in any case. If somebody has it for more than a second after that time, it
    /// is a [`LockError::Timeout`], and the notification, if there was one, is another's.
    ///
    /// # Errors
    /// See [`ConditionError`].
    pub fn wait_timeout<'a, T: Pod>(&self, guard: MutexGuard<'a, T>, timeout: Duration) -> TimedWait<'a, T> {
        self.wait_until(guard, Deadline::after(timeout))
    }

    /// [`wait_timeout`](Condition::wait_timeout) until a point in time.
    ///
    /// # Errors
    /// See [`ConditionError`].
    pub fn wait_deadline<'a, T: Pod>(&self, guard: MutexGuard<'a, T>, deadline: Instant) -> TimedWait<'a, T> {
        self.wait_until(guard, deadline.into())
    }

    /// [`wait`](Condition::wait), async; it waits from this call on. Dropped, it has the mutex no more, and leaves
    /// to another what it was notified of.
    pub fn wait_async<'a, T: Pod>(&'a self, guard: MutexGuard<'a, T>) -> ConditionFuture<'a, T> {
        ConditionFuture::new(self, guard)
    }

    /// Waits as long as `is_so` says yes to the data; not at all if it says no at once.
    ///
    /// # Errors
    /// See [`ConditionError`].
    #[doc(alias = "wait_for")]
    pub fn wait_while<'a, T: Pod>(&self, guard: MutexGuard<'a, T>, is_so: impl FnMut(&mut T) -> bool) -> Waited<'a, T> {
        self.wait_while_until(guard, Deadline::Never, is_so).map(|(guard, _)| guard)
    }

    /// [`wait_while`](Condition::wait_while) for a time. With the guard comes whether it is so no more.
    ///
    /// # Errors
    /// See [`ConditionError`].
    pub fn wait_while_timeout<'a, T: Pod>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
        is_so: impl FnMut(&mut T) -> bool,
    ) -> TimedWait<'a, T> {
        self.wait_while_until(guard, Deadline::after(timeout), is_so)
    }

    /// [`wait_while_timeout`](Condition::wait_while_timeout) until a point in time.
    ///
    /// # Errors
    /// See [`ConditionError`].
    pub fn wait_while_deadline<'a, T: Pod>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
        is_so: impl FnMut(&mut T) -> bool,
    ) -> TimedWait<'a, T> {
        self.wait_while_until(guard, deadline.into(), is_so)
    }

    /// Wakes who has waited longest; how many that were, 0 or 1. It is not kept for who comes later.
    #[doc(alias = "notify")]
    pub fn notify_one(&self) -> usize {
        self.notify(1)
    }

    /// Wakes so many of those who have waited longest; how many there were.
    pub fn notify(&self, count: usize) -> usize {
        self.seats().map_or(0, |seats| waiters::notify(&seats, count))
    }

    /// Wakes all who wait; how many there were.
    pub fn notify_all(&self) -> usize {
        self.seats().map_or(0, |seats| waiters::notify_all(&seats))
    }

    /// How many wait and were not notified: a snapshot that may be old when it is returned.
    pub fn waiting(&self) -> usize {
        self.seats().map_or(0, |seats| waiters::waiting(&seats))
    }

    /// Ends it for everybody, those who wait included; see the [module](super) for when that is needed.
    pub fn close(&self) {
        let seats = self.seats();
        self.handle.close();
        seats.into_iter().for_each(Seats::wake_everybody);
    }

    fn wait_while_until<'a, T: Pod>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
        mut is_so: impl FnMut(&mut T) -> bool,
    ) -> TimedWait<'a, T> {
        while is_so(&mut guard) {
            if deadline.has_passed() {
                return Ok((guard, false));
            }
            guard = self.wait_until(guard, deadline)?.0;
        }
        Ok((guard, true))
    }

    fn wait_until<'a, T: Pod>(&self, guard: MutexGuard<'a, T>, deadline: Deadline) -> TimedWait<'a, T> {
        let mut seat = match self.sit() {
            Ok(seat) => seat,
            Err(NoSeat::Gone) => return Err(ConditionError::Gone(guard)),
            Err(NoSeat::Full) => return Err(ConditionError::Full(guard)),
        };
        let mutex = MutexGuard::mutex(&guard);
        drop(guard);
        let is_notified = seat.wait(deadline);
        let patience = match deadline {
            Deadline::Never => Deadline::Never,
            Deadline::At(at) => Deadline::At(at.max(Instant::now() + MUTEX_PATIENCE)),
            Deadline::Now => Deadline::after(MUTEX_PATIENCE),
        };
        let again = mutex.lock_until(patience);
        seat.took_again(again).map(|guard| (guard, is_notified))
    }

    /// Takes a place among those who wait. The caller has the mutex.
    pub(super) fn sit(&self) -> Result<Seat<'_>, NoSeat> {
        let window = self.handle.open().ok_or(NoSeat::Gone)?;
        let seats = waiters::of(window).ok_or(NoSeat::Gone)?;
        let number = waiters::sit(&seats, window.segment.me()).ok_or(NoSeat::Full)?;
        Ok(Seat::new(self, window.segment, seats, number))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.handle.open().is_none()
    }

    fn seats(&self) -> Option<Seats> {
        waiters::of(self.handle.open()?)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.handle.id();
        write!(f, "Condition({}.{}, {} wait)", id.index, id.generation, self.waiting())
    }
}
