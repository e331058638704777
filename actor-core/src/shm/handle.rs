//! [`Handle`]: what a process has of a window that many share, such as a queue.
//!
//! A handle is plain data: the number and the generation of a window. The handles of one process
//! are counted, so that the process is attached to the window while it has one; a window to which
//! nobody is attached, and of which no handle can be under way in a message, is freed by the node.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::layout::Shape;
use super::region;
use super::segment::{Segment, attached};
use super::table::MakeError;
use super::window::{Kind, Window, flags, has_flags, raise_flags};
use crate::id::WindowId;

/// A handle on a window of this kind.
pub(crate) struct Handle {
    id: WindowId,
    kind: Kind,
    /// `None`: the window was gone when the handle arrived in this process.
    window: Option<Window>,
}

/// Handles of this process per window. An ordered map, because a zygote must not seed hash tables.
static HANDLES: Mutex<BTreeMap<u16, u32>> = Mutex::new(BTreeMap::new());

impl Handle {
    /// Makes a window, and the first handle on it.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub(crate) fn make(segment: &'static Segment, kind: Kind, shape: Shape) -> Result<Handle, MakeError> {
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let window = Window::make(segment, kind, shape)?;
        *handles.entry(window.id.index).or_default() += 1;
        Ok(Handle { id: window.id, kind, window: Some(window) })
    }

    /// A further handle, in this process or from a message.
    pub(crate) fn from_id(id: WindowId, kind: Kind) -> Handle {
        // Under the lock: the last handle of another thread may be about to detach this process.
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let window = attached().and_then(|segment| Window::attach(segment, id, kind));
        if window.is_some() {
            *handles.entry(id.index).or_default() += 1;
        }
        Handle { id, kind, window }
    }

    pub(crate) fn id(&self) -> WindowId {
        self.id
    }

    /// The window, as it was when the handle came: see [`Window::is_live`].
    #[inline]
    pub(crate) fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// The window, unless it was closed.
    #[inline]
    pub(crate) fn open(&self) -> Option<&Window> {
        self.window().filter(|window| !has_flags(&window.header().state.flags, flags::CLOSING))
    }

    /// Ends it for everybody, so that it is freed with the last handle even if one was sent in a message.
    /// Whoever waits in the memory of a region is woken by the caller.
    pub(crate) fn close(&self) {
        let Some(window) = self.window().filter(|window| window.is_live()) else { return };
        raise_flags(window, flags::CLOSING);
        window.segment.ask_attention(self.id.index);
    }

    /// Notes that a handle leaves this process in a message.
    pub(crate) fn mark_escaped(&self) {
        if let Some(window) = &self.window {
            window.mark_escaped();
        }
    }

    /// For `Serialize` of whatever is a handle: writes it for a message.
    ///
    /// # Errors
    /// Those of the serializer.
    pub(crate) fn send<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.mark_escaped();
        self.id.serialize(serializer)
    }

    /// For `Deserialize` of whatever is a handle: one that has come in a message.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub(crate) fn receive<'de, D: Deserializer<'de>>(deserializer: D, kind: Kind) -> Result<Handle, D::Error> {
        Ok(Handle::from_id(WindowId::deserialize(deserializer)?, kind))
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::from_id(self.id, self.kind)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(window) = &self.window else { return };
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let count = handles.entry(self.id.index).or_default();
        *count = count.saturating_sub(1);
        if *count == 0 {
            handles.remove(&self.id.index);
            if region::is_in_hand(window, self.kind) {
                // It stays attached until it ends, so that its end is noticed there.
                return;
            }
            let record = window.segment.record(window.segment.me());
            // Dead behind the detachment, recovery finds by this what nobody has asked to look at.
            record.set_leaving(Some(self.id.index));
            record.detach(self.id.index);
            window.segment.ask_attention(self.id.index);
            record.set_leaving(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::segment::segment;

    #[test]
    fn smoke() {
        let segment = segment().unwrap();
        let shape = Shape { capacity: 1, hands: 0, message_max: 64, bytes: 0 };
        let handle = Handle::make(segment, Kind::Queue, shape).unwrap();
        let (id, record) = (handle.id(), segment.record(segment.me()));
        let other = handle.clone();
        assert!(other.window().is_some() && Handle::from_id(id, Kind::Mailbox).window().is_none());
        drop(handle);
        assert!(record.is_attached(id.index));
        drop(other);
        assert!(!record.is_attached(id.index));
    }
}
