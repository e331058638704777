//! The items of a map on their way to the workers, in chunks.
//!
//! A chunk is a run of items without a gap. It ends when it has its items, when it has grown large, and
//! before an item that cannot be encoded. The items of one that the pool does not accept, and all behind it,
//! have that as their result.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::board::ITEMS_MAX;
use super::error::{SubmitError, TaskError};
use super::handle::Pool;
use super::map::MapOptions;
use super::map_handle::MapHandle;
use super::message::Draft;
use super::task::Sending;
use crate::time::Deadline;

/// A chunk is sent when it has so many bytes, however many items it is to have.
const CHUNK_BYTES: usize = 256 << 10;

/// Sends a map over `length` items, chunk by chunk.
pub(super) fn send_all<A, R>(
    pool: &Pool,
    options: &MapOptions<'_>,
    f: fn(A) -> R,
    items: impl Iterator<Item = A>,
    length: usize,
    deadline: Deadline,
    handle: &mut MapHandle<R>,
) where
    A: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    let chunk = options.chunk_size.unwrap_or_else(|| length.div_ceil(4 * pool.workers)).clamp(1, ITEMS_MAX - 1);
    handle.reserve(length);
    let mut chunks = match Sending::new(pool, &options.task, f) {
        Ok(sending) => Chunks::new(pool, sending, handle.job, deadline),
        Err(error) => {
            let error = TaskError::from(error);
            for _ in items {
                let number = handle.one_more();
                handle.put(number, Err(error.clone()));
            }
            return;
        }
    };
    for args in items {
        let number = handle.one_more();
        if let Some(error) = &chunks.refused {
            handle.put(number, Err(error.clone()));
        } else if let Err(error) = chunks.push(&args, number as u64) {
            handle.put(number, Err(error.into()));
        }
        if chunk <= chunks.draft.items as usize || CHUNK_BYTES <= chunks.draft.bytes.len() {
            chunks.flush(handle);
        }
    }
    chunks.flush(handle);
}

/// The chunks of a map while they are sent.
struct Chunks<'a> {
    pool: &'a Pool,
    sending: Sending,
    job: u64,
    deadline: Deadline,
    draft: Draft,
    /// The number of the first item in the draft.
    first: u64,
    /// Why no further chunk is accepted.
    refused: Option<TaskError>,
}

impl<'a> Chunks<'a> {
    fn new(pool: &'a Pool, sending: Sending, job: u64, deadline: Deadline) -> Chunks<'a> {
        let draft = Draft::new(&sending.head);
        Chunks { pool, sending, job, deadline, draft, first: 0, refused: None }
    }

    /// The next item. One that cannot be encoded has no place in a chunk, so the chunk ends before it.
    fn push<A: Serialize>(&mut self, args: &A, number: u64) -> Result<(), SubmitError> {
        if self.draft.items == 0 {
            self.first = number;
        }
        if self.first + u64::from(self.draft.items) != number {
            // Behind one without a place.
            self.send();
            if self.refused.is_some() {
                return Ok(());
            }
            self.first = number;
        }
        Ok(self.draft.push(args)?)
    }

    fn flush<R>(&mut self, handle: &mut MapHandle<R>) {
        self.send();
        if let Some(error) = &self.refused {
            // Those of the chunk that was not sent, and all behind it, have no other result.
            handle.put_rest(self.first as usize, error);
        }
    }

    fn send(&mut self) {
        if self.draft.items == 0 || self.refused.is_some() {
            return;
        }
        let sent = self.sending.send(self.pool, &mut self.draft, self.job, self.first, self.deadline);
        self.refused = sent.err().map(|error| match error {
            SubmitError::Full => TaskError::TimedOut { report: None },
            error => error.into(),
        });
        if self.refused.is_none() {
            self.draft = Draft::new(&self.sending.head);
        }
    }
}
