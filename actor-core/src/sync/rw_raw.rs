//! [`RawRw`]: waiting for a lock that many may read. Which words change stands in
//! [`rwlock`](crate::shm::rwlock).

use super::raw::{Held, NotHeld, RawLock};
use crate::shm::event::Waited;
use crate::shm::lock::LockWord;
use crate::shm::rwlock::{self, Reading, RwLock};
use crate::shm::segment::Segment;
use crate::shm::spin::spin;
use crate::shm::words::Mapped;
use crate::time::Deadline;
use crate::waker::Shared;

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
        let test = || place.words.try_read(place.segment.me()).ok();
        if let Some(reading) = test() {
            return Ok(reading);
        }
        match place.wait(&place.words.lock.event, deadline, test)? {
            Waited::Slept(reading) => {
                place.words.lock.event.chain();
                Ok(reading)
            }
            Waited::Ready(reading) => Ok(reading),
            Waited::TimedOut => Err(NotHeld::Late),
        }
    }

    pub(super) fn end_read(&self, reading: Reading) {
        if let Ok(place) = self.place() {
            place.words.end_read(place.segment.me(), reading);
        }
    }

    pub(super) fn write(&self, deadline: Deadline) -> Result<Held, NotHeld> {
        let place = self.place()?;
        let test = || place.words.try_claim(place.segment.me());
        let before = match test() {
            Some(before) => before,
            None => match place.wait(&place.words.lock.event, deadline, test)? {
                Waited::Ready(before) | Waited::Slept(before) => before,
                Waited::TimedOut => return Err(NotHeld::Late),
            },
        };
        let is_drained = || place.words.is_drained().then_some(());
        let waited = match is_drained() {
            Some(()) => Ok(Waited::Ready(())),
            None => place.wait(&place.words.drained, deadline, is_drained),
        };
        match waited {
            Ok(Waited::Ready(()) | Waited::Slept(())) => {
                place.words.begin_write();
                Ok(Held::new(before, self.lock.id()))
            }
            Ok(Waited::TimedOut) | Err(_) => {
                place.words.end_write(before);
                Err(NotHeld::Late)
            }
        }
    }

    pub(super) fn end_write(&self, next: LockWord) {
        if let Ok(place) = self.place() {
            place.words.end_write(next);
        }
    }
}

impl Place {
    #[cold]
    fn wait<T>(
        &self,
        event: &Shared,
        deadline: Deadline,
        mut test: impl FnMut() -> Option<T>,
    ) -> Result<Waited<T>, NotHeld> {
        if deadline.has_passed() {
            return Err(NotHeld::Late);
        }
        match spin(self.segment, deadline, &mut test) {
            Some(value) => Ok(Waited::Ready(value)),
            None => Ok(event.wait(deadline, test)),
        }
    }
}
