//! What becomes of a message that was taken: an item, or a [`Task`].

use serde::de::DeserializeOwned;

use super::error::RecvError;
use super::raw::RawQueue;
use super::task::Task;
use crate::reply;
use crate::shm::hands::Held;
use crate::shm::post::Wake;
use crate::wire;

impl RawQueue {
    /// The value that a message holds which this process has taken.
    pub(crate) fn decode<T: DeserializeOwned>(&self, held: Held) -> Result<T, RecvError> {
        let window = self.window().ok_or(RecvError::Closed)?;
        wire::with_buffer(|buffer| match window.read_held(held, buffer) {
            true => wire::decode(buffer).map_err(|error| {
                reply::throw_away(buffer);
                error.into()
            }),
            false => Err(wire::DecodeError::Damaged.into()),
        })
    }

    pub(super) fn decode_and_finish<T: DeserializeOwned>(&self, held: Held) -> Result<T, RecvError> {
        let item = self.decode(held);
        if let Some(window) = self.window() {
            window.finish(held, Wake::Now);
        }
        item
    }

    pub(super) fn decode_as_task<T: DeserializeOwned>(&self, held: Held) -> Result<Task<T>, RecvError> {
        self.task(held, self.decode(held))
    }

    /// A task of what was read; a message that could not be is gone.
    pub(super) fn task<T>(&self, held: Held, read: Result<T, RecvError>) -> Result<Task<T>, RecvError> {
        let window = self.window().ok_or(RecvError::Closed)?;
        match read {
            Ok(item) => Ok(Task::new(item, self, window.move_to_hand(held))),
            Err(error) => {
                window.finish(held, Wake::Now);
                Err(error)
            }
        }
    }
}
