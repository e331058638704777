//! [`RawRw`]: waiting for a lock that many may read. Which words change stands in
//! [`rwlock`](crate::shm::rwlock).

use super::raw::{Held, NotHeld, RawLock};
use crate::shm::event::{Event, Waited};
use crate::shm::lock::LockWord;
use crate::shm::rwlock::{self, Reading, RwLock, Waits};
use crate::shm::segment::Segment;
use crate::shm::spin::spin;
use crate::shm::words::Mapped;
use crate::time::Deadline;

/// A handle on a lock.
pub(super) struct RawRw {
    pub(super) lock: RawLock,
}

/// The lock where it lies, and this process.
pub(super) struct Place {
    pub(super) words: RwLock<'static, Mapped>,
    pub(super) segment: &'static Segment,
}

impl RawRw {
    pub(super) fn new(lock: RawLock) -> RawRw {
        RawRw { lock }
    }

    pub(super) fn place(&self) -> Result<Place, NotHeld> {
        let window = self.lock.window().ok_or(NotHeld::Gone)?;
        Ok(Place { words: rwlock::of(window).ok_or(NotHeld::Gone)?, segment: window.segment })
    }

    /// Reads if nobody writes.
    pub(super) fn try_read(&self) -> Option<Result<Reading, NotHeld>> {
        match self.place() {
            Ok(place) => place.words.try_read(place.segment.me()).ok().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    pub(super) fn read(&self, deadline: Deadline) -> Result<Reading, NotHeld> {
        let place = self.place()?;
        place.words.read(place.segment.me(), &Sleeper { segment: place.segment, deadline }).ok_or(NotHeld::Late)
    }

    pub(super) fn end_read(&self, reading: Reading) {
        if let Ok(place) = self.place() {
            place.words.end_read(place.segment.me(), reading);
        }
    }

    pub(super) fn write(&self, deadline: Deadline) -> Result<Held, NotHeld> {
        let place = self.place()?;
        let before = place.words.write(place.segment.me(), &Sleeper { segment: place.segment, deadline });
        Ok(Held::new(before.ok_or(NotHeld::Late)?, self.lock.id()))
    }

    pub(super) fn end_write(&self, next: LockWord) {
        if let Ok(place) = self.place() {
            place.words.end_write(next);
        }
    }
}

/// One who spins for a moment before he sleeps.
struct Sleeper {
    segment: &'static Segment,
    deadline: Deadline,
}

impl Waits<Mapped> for Sleeper {
    #[cold]
    fn wait<T>(&self, event: &Event<'_, Mapped>, mut test: impl FnMut() -> Option<T>) -> Waited<T> {
        if self.deadline.has_passed() {
            return Waited::TimedOut;
        }
        match spin(self.segment, self.deadline, &mut test) {
            Some(value) => Waited::Ready(value),
            None => event.wait(self.deadline, test),
        }
    }
}
