//! [`Place`]: how a future waits for a word of shared memory to change.
//!
//! Who waits asks for the waker to be woken, looks once more, and only then is pending. Who is dropped
//! passes on what was meant for him, and otherwise leaves nothing behind.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::task::Waker;

use crate::shm::event::Event;
use crate::shm::segment::Segment;
use crate::shm::words::Mapped;
use crate::time::Deadline;
use crate::waker::Registration;

/// An event in shared memory that is never unmapped.
pub(super) type Shared = Event<'static, Mapped>;

/// A place among those who wait for one event.
pub(super) struct Place {
    /// Where it waits, and what the word of the event was then.
    at: Option<(Shared, u32)>,
    registration: Registration,
}

impl Place {
    pub(super) const fn new() -> Place {
        Place { at: None, registration: Registration::new() }
    }

    /// Has the waker woken at the next notification. Look once more after this.
    pub(super) fn register(&mut self, segment: &'static Segment, event: &Shared, waker: &Waker) {
        let seen = event.register_async(u32::from(segment.me().0));
        let (word, async_groups): (&'static AtomicU32, _) = (event.word, event.async_groups);
        self.registration.set(segment, word, seen, Deadline::Never, waker);
        self.at = Some((Event { word, async_groups }, seen));
    }

    /// Waits no more. A notification may have been meant for one who does not look any more: somebody else
    /// looks. Without one there is nobody to be told.
    pub(super) fn leave(&mut self) {
        if let Some((event, seen)) = self.at.take()
            && event.word.load(Acquire) != seen
        {
            event.chain();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
