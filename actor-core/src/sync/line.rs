//! What is the same for everything here that is a region with an event line: how it is made, and how a thread
//! waits. How a future does is in [`Place`](crate::waker::Place).

use crate::node;
use crate::shm::event::Waited;
use crate::shm::handle::Handle;
use crate::shm::layout::{EventLine, Shape};
use crate::shm::segment::Segment;
use crate::shm::spin::spin;
use crate::shm::window::Kind;
use crate::time::Deadline;

use super::failure::CreateError;

/// Makes a region; nobody else has a handle on it yet. `asked` and `max` are for who asks for too much.
pub(super) fn make(kind: Kind, shape: Option<Shape>, asked: usize, max: usize) -> Result<Handle, CreateError> {
    let shape = shape.ok_or(CreateError::OutOfBounds { asked, max })?;
    let segment = node::ensure().map_err(CreateError::Memory)?;
    Ok(Handle::make(segment, kind, shape)?)
}

/// Waits until `test` gives something. `None`: not before the deadline.
pub(super) fn wait<T>(
    segment: &Segment,
    line: &EventLine,
    deadline: Deadline,
    mut test: impl FnMut() -> Option<T>,
) -> Option<T> {
    if let Some(value) = test() {
        return Some(value);
    }
    if deadline.has_passed() {
        return None;
    }
    if let Some(value) = spin(segment, deadline, &mut test) {
        return Some(value);
    }
    match line.event().wait(deadline, test) {
        Waited::Ready(value) => Some(value),
        Waited::Slept(value) => {
            line.event().chain();
            Some(value)
        }
        Waited::TimedOut => None,
    }
}

/// What every handle of this module is: plain data that is sent as the number of its window.
macro_rules! plain_data {
    ($name:ident, $kind:ident) => {
        impl Clone for $name {
            fn clone(&self) -> $name {
                $name { handle: self.handle.clone() }
            }
        }

        /// Two handles are equal when they are on the same thing.
        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.handle.id() == other.handle.id()
            }
        }

        impl Eq for $name {}

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.handle.send(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                use crate::shm::{handle::Handle, window::Kind};
                Ok($name { handle: Handle::receive(deserializer, Kind::$kind)? })
            }
        }
    };
}
pub(super) use plain_data;
