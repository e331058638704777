//! How futures wait at a queue: for an item, for room, and for whatever thread of this process may come.
//!
//! Who waits asks for the waker to be woken, looks once more, and only then is pending. Who is dropped
//! passes on what was meant for him, and otherwise leaves nothing behind.

use std::sync::atomic::Ordering::Acquire;
use std::task::{Context, Poll, Waker};

use serde::Serialize;

use super::error::RecvError;
use super::raw::RawQueue;
use crate::shm::hands::Held;
use crate::shm::layout::{EventLine, Header, INLINE_MAX};
use crate::shm::post::{PostError, Wake};
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::waker::Registration;
use crate::wire::travel::{self, Travellers};
use crate::wire::{self, EncodeError};

/// An item as it is posted, and those who travel in it.
pub(crate) type Encoded = (Vec<u8>, Travellers);

/// The item as bytes.
///
/// # Errors
/// It cannot be encoded.
pub(crate) fn encoded<T: Serialize>(item: &T) -> Result<Encoded, EncodeError> {
    let mut bytes = Vec::new();
    let ((), travellers) = travel::collect(|| wire::encode_into(&mut bytes, item))?;
    Ok((bytes, travellers))
}

/// The item as bytes, in which nobody can travel.
///
/// # Errors
/// It cannot be encoded, or somebody would travel in it.
pub(super) fn encoded_alone<T: Serialize>(item: &T) -> Result<Encoded, EncodeError> {
    let mut bytes = Vec::new();
    wire::encode_into(&mut bytes, item)?;
    Ok((bytes, Travellers::default()))
}

/// What futures need of a queue, whatever the order of its items.
pub(crate) trait Channel: Send + Sync {
    fn raw(&self) -> &RawQueue;

    /// Takes what is there, without waiting.
    fn look(&self) -> Look;

    /// Whether somebody may travel in an item.
    fn carries(&self) -> bool {
        true
    }

    /// Posts an encoded item, without waiting.
    ///
    /// # Errors
    /// Nothing was posted, see [`PostError`].
    fn try_post(&self, item: &[u8], travellers: &Travellers) -> Result<(), PostError>;
}

/// What somebody found who looked.
pub(crate) enum Look {
    Taken(Result<Held, RecvError>),
    Nothing,
    /// Another receiver is at it.
    Busy,
}

impl Channel for RawQueue {
    fn raw(&self) -> &RawQueue {
        self
    }

    fn look(&self) -> Look {
        self.try_take().map_or(Look::Nothing, Look::Taken)
    }

    fn try_post(&self, item: &[u8], travellers: &Travellers) -> Result<(), PostError> {
        self.post_with(item, travellers, Deadline::Now, Wake::Now)
    }
}

/// The place of one who receives.
pub(crate) struct Receiving {
    items: Place,
    turn: Place,
}

impl Receiving {
    pub(crate) const fn new() -> Receiving {
        Receiving { items: Place::at(|header| &header.items), turn: Place::at(|header| &header.turn) }
    }

    /// Takes what is there, or has the waker woken when something may be.
    pub(crate) fn poll_take(
        &mut self,
        channel: &dyn Channel,
        context: &mut Context<'_>,
    ) -> Poll<Result<Held, RecvError>> {
        let mut found = channel.look();
        if !matches!(found, Look::Taken(_)) {
            let Some(window) = channel.raw().window() else { return Poll::Ready(Err(RecvError::Closed)) };
            self.items.register(window, context.waker());
            // Something may have come before the registration; then nobody rings.
            found = channel.look();
            if matches!(found, Look::Busy) {
                self.turn.register(window, context.waker());
                // Likewise, the other may be done.
                found = channel.look();
            }
        }
        match found {
            Look::Taken(taken) => {
                self.items.leave();
                self.turn.leave();
                Poll::Ready(taken)
            }
            Look::Nothing => {
                self.turn.leave();
                Poll::Pending
            }
            Look::Busy => Poll::Pending,
        }
    }
}

/// The place of one who sends.
pub(crate) struct Sending {
    room: Place,
    extent_room: Place,
}

impl Sending {
    pub(crate) const fn new() -> Sending {
        Sending { room: Place::at(|header| &header.room), extent_room: Place::at(|header| &header.extent_room) }
    }

    /// Posts an encoded item, or has the waker woken when there may be room: then it is
    /// [`PostError::Full`].
    pub(crate) fn post(
        &mut self,
        channel: &dyn Channel,
        (item, travellers): &Encoded,
        context: &mut Context<'_>,
    ) -> Result<(), PostError> {
        let attempt = || channel.try_post(item, travellers);
        let mut result = attempt();
        if let (Err(PostError::Full), Some(window)) = (&result, channel.raw().window()) {
            // A large item needs an extent and a slot, and may lack either.
            if item.len() as u64 > INLINE_MAX {
                self.extent_room.register(window, context.waker());
            }
            self.room.register(window, context.waker());
            // There may have been room made before the registration; then nobody rings.
            result = attempt();
        }
        if result != Err(PostError::Full) {
            self.room.leave();
            self.extent_room.leave();
        }
        result
    }
}

/// A place among those who wait for one event of a queue.
struct Place {
    line: fn(&'static Header) -> &'static EventLine,
    /// Where it waits, and what the word of the event was then.
    at: Option<(Window, u32)>,
    registration: Registration,
}

impl Place {
    const fn at(line: fn(&'static Header) -> &'static EventLine) -> Place {
        Place { line, at: None, registration: Registration::new() }
    }

    fn register(&mut self, window: &Window, waker: &Waker) {
        let line = (self.line)(window.header());
        let seen = line.event().register_async(u32::from(window.segment.me().0));
        self.registration.set(window.segment, &line.word, seen, Deadline::Never, waker);
        self.at = Some((*window, seen));
    }

    /// Waits no more. A notification may have been meant for one who does not look any more, or there may
    /// be more than he took: somebody else looks. Without one there is nobody to be told.
    fn leave(&mut self) {
        if let Some((window, seen)) = self.at.take() {
            let line = (self.line)(window.header());
            if line.word.load(Acquire) != seen {
                line.event().chain();
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
