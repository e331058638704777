//! How futures wait at a queue: for an item, for room, and for whatever thread of this process may come.
//!
//! Each waits at a [`Place`] per event.

use std::task::{Context, Poll};

use serde::Serialize;

use super::error::RecvError;
use super::raw::RawQueue;
use crate::shm::hands::Held;
use crate::shm::layout::INLINE_MAX;
use crate::shm::post::{PostError, Wake};
use crate::time::Deadline;
use crate::waker::Place;
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
        Receiving { items: Place::new(), turn: Place::new() }
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
            let (segment, header) = (window.segment, window.header());
            self.items.register(segment, &header.items.event(), Deadline::Never, context.waker());
            // Something may have come before the registration; then nobody rings.
            found = channel.look();
            if matches!(found, Look::Busy) {
                self.turn.register(segment, &header.turn.event(), Deadline::Never, context.waker());
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
        Sending { room: Place::new(), extent_room: Place::new() }
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
            let (segment, header) = (window.segment, window.header());
            // A large item needs an extent and a slot, and may lack either.
            if item.len() as u64 > INLINE_MAX {
                self.extent_room.register(segment, &header.extent_room.event(), Deadline::Never, context.waker());
            }
            self.room.register(segment, &header.room.event(), Deadline::Never, context.waker());
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
