//! [`Half`]: one end of one direction, as a value of this process: what senders and receivers have in common.
//!
//! Who has the end says the word in the window, see [`ends`](crate::shm::ends). A value whose end was sent on,
//! or came in a message that was handed out again, is void; it is dropped without anybody noticing.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserializer, Serialize, Serializer};

use super::error::Disconnected;
use crate::queue::RawQueue;
use crate::shm::ends::{End, Fate, Side};
use crate::shm::handle::Handle;
use crate::shm::window::{Kind, Window};
use crate::wait::{Wakes, Words};
use crate::wire;
use crate::wire::travel::{self, Traveller};

/// One end of one direction.
pub(super) struct Half {
    pub(super) raw: RawQueue,
    end: End,
}

/// What the other end is, of a pipe that has ended.
pub(super) enum Other {
    Closed,
    Disconnected(Disconnected),
}

impl Half {
    /// The two ends of a direction that was made just now.
    pub(super) fn both(handle: Handle) -> Option<(Half, Half)> {
        let (sender, receiver) = End::both(handle.window()?);
        let half = |handle, end| Half { raw: RawQueue::of_handle(handle), end };
        Some((half(handle.clone(), sender), half(handle, receiver)))
    }

    /// The window, if this process has the end.
    #[inline]
    pub(super) fn window(&self) -> Option<&Window> {
        self.raw.window().filter(|window| self.end.is_own(window))
    }

    #[inline]
    pub(super) fn is_here(&self) -> bool {
        self.window().is_some()
    }

    /// What has become of the other end. For who has found the pipe ended.
    #[cold]
    pub(super) fn other(&self) -> Other {
        let window = self.raw.window();
        match window.map_or(Fate::Closed, |window| window.fate(self.end.side.other())) {
            // The first only where somebody has written what nobody writes.
            Fate::Open | Fate::Closed => Other::Closed,
            Fate::Died(process) => {
                Other::Disconnected(Disconnected::new(Some(process), self.end.pipe, self.raw.handle()))
            }
            Fate::Lost => Other::Disconnected(Disconnected::new(None, self.end.pipe, self.raw.handle())),
        }
    }

    /// Whether two values are on the same end.
    pub(super) fn is_same(&self, other: &Half) -> bool {
        (self.end.pipe, self.end.side) == (other.end.pipe, other.end.side)
    }

    pub(super) fn receive<'de, D: Deserializer<'de>>(deserializer: D, side: Side) -> Result<Half, D::Error> {
        let bytes = wire::bytes::deserialize(deserializer)?;
        let end = End::from_bytes(&bytes).filter(|end| end.side == side);
        let end = end.ok_or_else(|| D::Error::custom("these bytes are no such end of a pipe"))?;
        // First the attachment: whoever takes an end and dies is found by it.
        let handle = Handle::from_id(end.pipe, Kind::Pipe);
        let end = handle.window().map_or(end, |window| end.take(window));
        Ok(Half { raw: RawQueue::of_handle(handle), end })
    }
}

impl Serialize for Half {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_here() {
            return Err(S::Error::custom("this end of a pipe was sent to somebody else"));
        }
        if !travel::note(self.end) {
            return Err(S::Error::custom("the end of a pipe cannot travel here"));
        }
        serializer.serialize_bytes(&self.end.to_bytes())
    }
}

impl Traveller for End {
    fn let_go(&self) {
        End::let_go(*self);
    }
}

/// Ready is who would not have to wait for a message, or to be told that there will be none.
impl Words for Half {
    fn is_ready(&self) -> bool {
        !self.is_here() || self.raw.is_ready()
    }

    fn register(&self, wakes: &mut Wakes) {
        self.raw.register(wakes);
    }
}

/// Closes the end, if this process has it.
impl Drop for Half {
    fn drop(&mut self) {
        if let Some(window) = self.raw.window() {
            self.end.close(window);
        }
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let End { pipe, side, .. } = self.end;
        let place = if self.is_here() { "here" } else { "moved" };
        write!(f, "{side:?}({}.{}, {place})", pipe.index, pipe.generation)
    }
}
