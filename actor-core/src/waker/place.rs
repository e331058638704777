//! [`Place`]: how a future waits for an event in shared memory.
//!
//! Who waits looks, asks for the waker to be woken, looks once more, and only then is pending. Who leaves, with
//! what he wanted or dropped without, passes on what may have been meant for somebody else, and otherwise
//! leaves nothing behind.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::task::{Context, Poll, Waker};

use super::Registration;
use crate::shm::event::Event;
use crate::shm::segment::Segment;
use crate::shm::words::Mapped;
use crate::time::Deadline;

/// An event in shared memory, which is never unmapped.
pub(crate) type Shared = Event<'static, Mapped>;

/// A place among those who wait for one event.
#[derive(Default)]
pub(crate) struct Place {
    /// Where it waits, and what the word of the event was then.
    at: Option<(Shared, u32)>,
    registration: Registration,
}

impl Place {
    pub(crate) const fn new() -> Place {
        Place { at: None, registration: Registration::new() }
    }

    /// Waits until `test` gives something. `None`: not before the deadline.
    pub(crate) fn poll<T>(
        &mut self,
        segment: &'static Segment,
        event: &Shared,
        deadline: Deadline,
        context: &mut Context<'_>,
        mut test: impl FnMut() -> Option<T>,
    ) -> Poll<Option<T>> {
        let mut value = test();
        if value.is_none() {
            self.register(segment, event, deadline, context.waker());
            // It may have come before the registration; then nobody rings.
            value = test();
        }
        if value.is_none() && !deadline.has_passed() {
            return Poll::Pending;
        }
        self.leave();
        Poll::Ready(value)
    }

    /// Has the waker woken at the next notification, or at the deadline. Look once more after this.
    pub(crate) fn register(&mut self, segment: &'static Segment, event: &Shared, deadline: Deadline, waker: &Waker) {
        let seen = event.register_async(u32::from(segment.me().0));
        let (word, async_groups): (&'static AtomicU32, _) = (event.word, event.async_groups);
        self.registration.set(segment, word, seen, deadline, waker);
        self.at = Some((Event { word, async_groups }, seen));
    }

    /// Waits no more. A notification may have been meant for one who does not look any more, or there may be
    /// more than he took: somebody else looks. Without one there is nobody to be told.
    pub(crate) fn leave(&mut self) {
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
