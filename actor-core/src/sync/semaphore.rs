//! [`Semaphore`] and [`BoundedSemaphore`]: at most so many at once, whoever dies.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::failure::{AcquireError, CreateError, ReleaseError};
use super::line::{self, plain_data};
use crate::shm::handle::Handle;
use crate::shm::permits::{self, PERMITS_MAX, Permits};
use crate::shm::window::{Kind, Window};
use crate::shm::words::Mapped;
use crate::time::Deadline;
use crate::wait::{Opened, Source, Wakes, Words};
use crate::waker::Place;

/// A number of permits that processes acquire and give back; see the [module](super) for what a handle is.
///
/// A permit is given back when its [`Permit`] is dropped, or when the process that has it dies. Who waits for
/// one is not served in order: a newcomer may be faster than one who is about to wake up.
///
/// To count from one process to another, as items that there are, let the one who acquires
/// [`forget`](Permit::forget) his permits, and the other one [`release`](Semaphore::release) new ones.
///
/// | waits | not at all | for a time | until a time | async |
/// |---|---|---|---|---|
/// | [`acquire`](Semaphore::acquire) | [`try_acquire`](Semaphore::try_acquire) | [`acquire_timeout`](Semaphore::acquire_timeout) | [`acquire_deadline`](Semaphore::acquire_deadline) | [`acquire_async`](Semaphore::acquire_async) |
///
/// It can be waited for together with other things, see [`wait`](mod@crate::wait): it is ready while a permit
/// is free.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::sync::{AcquireError, Semaphore};
///
/// # fn main() -> actor_core::Result<()> {
/// let printers = Semaphore::new(2)?;
/// let (first, _second) = (printers.acquire()?, printers.acquire()?);
/// assert_eq!(printers.try_acquire().err(), Some(AcquireError::WouldBlock));
/// drop(first);
///
/// // One who dies with a permit does not keep it.
/// fn careless(printers: Semaphore) {
///     let _permit = printers.acquire();
///     std::process::abort();
/// }
/// Process::spawn(careless, printers.clone())?.join().unwrap_err();
/// drop(printers.acquire()?);
/// printers.close();
/// # Ok(())
/// # }
/// ```
pub struct Semaphore {
    handle: Handle,
}

plain_data!(Semaphore, Permits);

/// A semaphore that never has more permits than it began with, so that one release too many is an error.
///
/// It is a [`Semaphore`] in all else: what a `Permit` gives back by being dropped is never too much, and
/// [`release`](Semaphore::release) is for permits that were [forgotten](Permit::forget).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundedSemaphore(Semaphore);

/// How many permits there are; the start is [`SemaphoreOptions::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemaphoreOptions {
    /// Permits at the beginning.
    pub permits: usize,
    /// The most that there can be, free or held, from 1 to 65 536. Each takes 8 bytes, and who looks for a
    /// free one looks at all if it must.
    pub permits_max: usize,
}

/// As many permits there can be where nobody says.
const PERMITS_USUAL: usize = 1024;

impl SemaphoreOptions {
    /// So many permits, with room for 1024, or for as many as there are if these are more.
    pub fn new(permits: usize) -> SemaphoreOptions {
        SemaphoreOptions { permits, permits_max: permits.max(PERMITS_USUAL) }
    }

    /// Makes the semaphore.
    ///
    /// # Errors
    /// See [`CreateError`]: a number out of bounds, the node is full, no memory.
    pub fn create(self) -> Result<Semaphore, CreateError> {
        let asked = self.permits.max(self.permits_max);
        let shape = permits::shape(self.permits_max).filter(|_| self.permits <= self.permits_max);
        let max = if asked <= PERMITS_MAX { self.permits_max } else { PERMITS_MAX };
        let handle = line::make(Kind::Permits, shape, asked, max)?;
        handle.window().iter().for_each(|window| permits::initialise(window, self.permits, self.permits_max));
        Ok(Semaphore { handle })
    }
}

impl Semaphore {
    /// Makes a semaphore with so many permits, which can have 1024 or as many as it begins with; see
    /// [`SemaphoreOptions`] for another limit.
    ///
    /// # Errors
    /// See [`CreateError`]: a number out of bounds, the node is full, no memory.
    pub fn new(permits: usize) -> Result<Semaphore, CreateError> {
        SemaphoreOptions::new(permits).create()
    }

    /// Takes a permit, waiting for one.
    ///
    /// # Errors
    /// [`AcquireError::Gone`].
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.acquire_until(Deadline::Never)
    }

    /// [`acquire`](Semaphore::acquire) without waiting.
    ///
    /// # Errors
    /// [`AcquireError::WouldBlock`] and [`AcquireError::Gone`].
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.claim().unwrap_or(Err(AcquireError::WouldBlock))
    }

    /// [`acquire`](Semaphore::acquire) for a time.
    ///
    /// # Errors
    /// [`AcquireError::Timeout`] and [`AcquireError::Gone`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, AcquireError> {
        self.acquire_until(Deadline::after(timeout))
    }

    /// [`acquire`](Semaphore::acquire) until a point in time.
    ///
    /// # Errors
    /// [`AcquireError::Timeout`] and [`AcquireError::Gone`].
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<Permit<'_>, AcquireError> {
        self.acquire_until(deadline.into())
    }

    /// [`acquire`](Semaphore::acquire), async. A dropped future has taken none. Its error is
    /// [`AcquireError::Gone`].
    pub fn acquire_async(&self) -> AcquireFuture<'_> {
        AcquireFuture { semaphore: self, place: Place::default() }
    }

    /// Makes one permit more, free, whoever calls it: in place of one that was
    /// [forgotten](Permit::forget), or beyond those that it began with.
    ///
    /// # Errors
    /// [`ReleaseError::Overflow`] if there are as many as there can be, free or held, and
    /// [`ReleaseError::Gone`].
    pub fn release(&self) -> Result<(), ReleaseError> {
        let permits = self.permits().ok_or(ReleaseError::Gone)?;
        if permits.add() { Ok(()) } else { Err(ReleaseError::Overflow { max: permits.words.len() }) }
    }

    /// How many permits are free now: a snapshot that may be old when it is returned.
    #[doc(alias = "get_value")]
    pub fn available(&self) -> usize {
        self.permits().map_or(0, |permits| permits.free())
    }

    /// Ends it for everybody, those who wait included; see the [module](super) for when that is needed.
    /// Permits may be given back all the same.
    pub fn close(&self) {
        self.handle.close();
        self.handle.window().iter().for_each(|window| permits::line(window).event().notify_all());
    }

    fn acquire_until(&self, deadline: Deadline) -> Result<Permit<'_>, AcquireError> {
        let window = self.handle.open().ok_or(AcquireError::Gone)?;
        let acquired = line::wait(window.segment, permits::line(window), deadline, || self.claim());
        acquired.unwrap_or(Err(AcquireError::Timeout))
    }

    /// `None`: none is free.
    fn claim(&self) -> Option<Result<Permit<'_>, AcquireError>> {
        let Some(window) = self.handle.open() else { return Some(Err(AcquireError::Gone)) };
        let number = permits::of(window)?.claim(window.segment.me())?;
        Some(Ok(Permit { semaphore: self, number }))
    }

    fn permits(&self) -> Option<Permits<'static, Mapped>> {
        permits::of(self.handle.open()?)
    }

    /// Even if it was closed: what somebody has stays his.
    fn window_with_permits(&self) -> Option<(&Window, Permits<'static, Mapped>)> {
        let window = self.handle.window()?;
        Some((window, permits::of(window)?))
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.handle.id();
        write!(f, "Semaphore({}.{}, {} free)", id.index, id.generation, self.available())
    }
}

impl BoundedSemaphore {
    /// Makes a semaphore with so many permits, from 1 to 65 536.
    ///
    /// # Errors
    /// See [`CreateError`]: a number out of bounds, the node is full, no memory.
    pub fn new(permits: usize) -> Result<BoundedSemaphore, CreateError> {
        SemaphoreOptions { permits, permits_max: permits }.create().map(BoundedSemaphore)
    }
}

impl Deref for BoundedSemaphore {
    type Target = Semaphore;

    fn deref(&self) -> &Semaphore {
        &self.0
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bounded{:?}", self.0)
    }
}

/// A permit of a [`Semaphore`], which goes back when this is dropped, or when this process dies.
///
/// One that is leaked stays held for as long as the process lives.
#[must_use = "a permit that is not kept is given back at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    number: u32,
}

impl Permit<'_> {
    /// Makes an end of this permit: it does not go back, and the semaphore has one less until somebody
    /// [releases](Semaphore::release) one.
    pub fn forget(self) {
        if let Some((window, permits)) = self.semaphore.window_with_permits() {
            permits.forget(self.number, window.segment.me());
        }
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some((window, permits)) = self.semaphore.window_with_permits() {
            permits.give_back(self.number, window.segment.me());
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} of {:?})", self.number, self.semaphore)
    }
}

/// Ready while a permit is free, and for good once it is gone.
impl Source for Semaphore {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Made(Box::new(Watched(self.clone()))))
    }
}

struct Watched(Semaphore);

impl Words for Watched {
    fn is_ready(&self) -> bool {
        self.0.permits().is_none_or(|permits| permits.free() != 0)
    }

    fn register(&self, wakes: &mut Wakes) {
        if let Some(window) = self.0.handle.open() {
            let line = permits::line(window);
            wakes.word((&line.word, line.event().register_async(u32::from(window.segment.me().0))));
        }
    }
}

/// The future of [`Semaphore::acquire_async`]. It takes a permit only in the poll that returns it.
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireFuture<'a> {
    semaphore: &'a Semaphore,
    place: Place,
}

impl<'a> Future for AcquireFuture<'a> {
    type Output = Result<Permit<'a>, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let Some(window) = semaphore.handle.open() else { return Poll::Ready(Err(AcquireError::Gone)) };
        let line = permits::line(window);
        let acquired = self.place.poll(window.segment, &line.event(), Deadline::Never, context, || semaphore.claim());
        acquired.map(|acquired| acquired.unwrap_or(Err(AcquireError::Timeout)))
    }
}
