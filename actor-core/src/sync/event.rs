//! [`Event`]: many wait until one says so.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::failure::{CreateError, WaitError};
use super::line::{self, plain_data};
use crate::shm::flag::{self, Flag, Times};
use crate::shm::handle::Handle;
use crate::shm::segment::Segment;
use crate::shm::window::Kind;
use crate::time::Deadline;
use crate::wait::{Opened, Source, Wakes, Words};
use crate::waker::Place;

/// A flag between processes that can be waited for; see the [module](super) for what a handle is.
///
/// By convention a variable of this type is named after what it says.
///
/// Setting lets go all who wait by then, even if it is cleared before they have run; none is missed between
/// a `set` and a `clear`. The death of any process changes nothing: what is set stays set.
///
/// | waits | for a time | until a time | async | not at all |
/// |---|---|---|---|---|
/// | [`wait`](Event::wait) | [`wait_timeout`](Event::wait_timeout) | [`wait_deadline`](Event::wait_deadline) | [`wait_async`](Event::wait_async) | [`is_set`](Event::is_set) |
///
/// It can be waited for together with other things, see [`wait`](mod@crate::wait).
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::sync::{Event, WaitError};
///
/// # fn main() -> actor_core::Result<()> {
/// let stop = Event::new()?;
/// assert_eq!(stop.wait_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
/// stop.set();
/// stop.wait()?;
/// stop.clear();
/// assert!(!stop.is_set());
/// # Ok(())
/// # }
/// ```
pub struct Event {
    handle: Handle,
}

plain_data!(Event, Flag);

impl Event {
    /// Makes an event that is not set.
    ///
    /// # Errors
    /// See [`CreateError`]: the node is full, no memory.
    pub fn new() -> Result<Event, CreateError> {
        Ok(Event { handle: line::make(Kind::Flag, flag::shape(), 1, 1)? })
    }

    /// Sets it and lets go all who wait. To set what is set is fine; one that is gone stays so.
    pub fn set(&self) {
        self.flag().into_iter().for_each(Flag::set);
    }

    /// Clears it: who comes from now on waits.
    pub fn clear(&self) {
        self.flag().into_iter().for_each(Flag::clear);
    }

    /// Whether it is set. One that is gone is not.
    pub fn is_set(&self) -> bool {
        self.flag().is_some_and(Flag::is_set)
    }

    /// Waits until it is set; at once if it is.
    ///
    /// # Errors
    /// [`WaitError::Gone`].
    pub fn wait(&self) -> Result<(), WaitError> {
        self.wait_until(Deadline::Never)
    }

    /// [`wait`](Event::wait) for a time.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] and [`WaitError::Gone`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), WaitError> {
        self.wait_until(Deadline::after(timeout))
    }

    /// [`wait`](Event::wait) until a point in time.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] and [`WaitError::Gone`].
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), WaitError> {
        self.wait_until(deadline.into())
    }

    /// [`wait`](Event::wait), async; the wait begins with the first poll. Its error is [`WaitError::Gone`].
    pub fn wait_async(&self) -> EventFuture<'_> {
        EventFuture { event: self, since: None, place: Place::default() }
    }

    /// Ends it for everybody, those who wait included; see the [module](super) for when that is needed.
    pub fn close(&self) {
        let flag = self.flag();
        self.handle.close();
        flag.iter().for_each(|flag| flag.line.event().notify_all());
    }

    fn wait_until(&self, deadline: Deadline) -> Result<(), WaitError> {
        let (segment, flag) = self.there().ok_or(WaitError::Gone)?;
        let since = flag.times();
        line::wait(segment, flag.line, deadline, || self.look(since)).unwrap_or(Err(WaitError::Timeout))
    }

    fn look(&self, since: Times) -> Option<Result<(), WaitError>> {
        match self.flag() {
            Some(flag) => flag.was_set_since(since).then_some(Ok(())),
            None => Some(Err(WaitError::Gone)),
        }
    }

    fn flag(&self) -> Option<Flag> {
        flag::of(self.handle.open()?)
    }

    fn there(&self) -> Option<(&'static Segment, Flag)> {
        let window = self.handle.open()?;
        Some((window.segment, flag::of(window)?))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.handle.id();
        write!(f, "Event({}.{}, {})", id.index, id.generation, if self.is_set() { "set" } else { "not set" })
    }
}

/// Ready while it is set, and for good once it is gone.
impl Source for Event {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Made(Box::new(Watched(self.clone()))))
    }
}

struct Watched(Event);

impl Words for Watched {
    fn is_ready(&self) -> bool {
        self.0.flag().is_none_or(Flag::is_set)
    }

    fn register(&self, wakes: &mut Wakes) {
        if let Some((segment, flag)) = self.0.there() {
            wakes.word((&flag.line.word, flag.line.event().register_async(u32::from(segment.me().0))));
        }
    }
}

/// The future of [`Event::wait_async`]. Dropped, it has changed nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct EventFuture<'a> {
    event: &'a Event,
    since: Option<Times>,
    place: Place,
}

impl Future for EventFuture<'_> {
    type Output = Result<(), WaitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some((segment, flag)) = this.event.there() else { return Poll::Ready(Err(WaitError::Gone)) };
        let since = *this.since.get_or_insert_with(|| flag.times());
        let set = this.place.poll(segment, &flag.line.event(), Deadline::Never, context, || this.event.look(since));
        set.map(|set| set.unwrap_or(Err(WaitError::Timeout)))
    }
}
