//! What goes through the two queues of a pool: tasks to its workers, results back.
//!
//! ```text
//! task:    place, generation, items, bytes of the head  | head | (length, arguments) per item
//! results: place, generation, first item, items, failed | (outcome, length, bytes) per item
//! ```
//! All numbers are 32 bits. Both come from other processes and are input: whatever does not fit is no
//! message.

use std::ops::Range;
use std::time::Duration;

use serde::de::value::{Error as ValueError, U64Deserializer};
use serde::de::{Deserialize, IntoDeserializer};
use serde::{Deserialize as DeserializeDerive, Serialize};

use super::board::TaskId;
use super::run::Run;
use crate::boot::Function;
use crate::wire::{self, EncodeError};

/// What is the same for all items of a task.
#[derive(Clone, Copy, Debug, Serialize, DeserializeDerive)]
pub(super) struct Head {
    /// Made for the types of the function.
    pub(super) entry: Function<Box<Run>, Box<Run>>,
    /// The function itself, as it travels.
    pub(super) function: u64,
    pub(super) retries: u32,
    /// How long an item may take.
    pub(super) timeout: Option<Duration>,
}

/// A function that has travelled.
pub(super) fn function<A, R>(raw: u64) -> Option<fn(A) -> R> {
    let raw: U64Deserializer<ValueError> = raw.into_deserializer();
    Function::<A, R>::deserialize(raw).ok()?.get()
}

/// As it travels.
pub(super) fn raw<A, R>(function: Function<A, R>) -> Result<u64, EncodeError> {
    let mut bytes = Vec::new();
    wire::encode_into(&mut bytes, &function)?;
    wire::decode(&bytes).map_err(|error| EncodeError::Refused(error.to_string()))
}

const NUMBERS: usize = 16;
/// Bytes in front of each item.
const LENGTH: usize = 4;

/// A task under construction.
pub(super) struct Draft {
    pub(super) bytes: Vec<u8>,
    pub(super) items: u32,
}

impl Draft {
    pub(super) fn new(head: &[u8]) -> Draft {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
        bytes.extend_from_slice(head);
        Draft { bytes, items: 0 }
    }

    /// # Errors
    /// It is as it was before.
    pub(super) fn push<A: Serialize>(&mut self, args: &A) -> Result<(), EncodeError> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        if let Err(error) = wire::encode_into(&mut self.bytes, args) {
            self.bytes.truncate(at);
            return Err(error);
        }
        let length = (self.bytes.len() - at - 4) as u32;
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
        self.items += 1;
        Ok(())
    }

    pub(super) fn address(&mut self, id: TaskId) {
        for (at, number) in [id.index, id.generation, self.items].into_iter().enumerate() {
            self.bytes[4 * at..4 * at + 4].copy_from_slice(&number.to_le_bytes());
        }
    }
}

/// A task as it has arrived.
pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) count: u32,
    pub(super) head: Head,
    /// Where the items begin.
    pub(super) items: usize,
}

impl Task {
    /// `None`: that is no task.
    pub(super) fn of(bytes: &[u8]) -> Option<Task> {
        let [index, generation, count, head] = numbers(bytes)?;
        let items = NUMBERS.checked_add(head as usize)?;
        let head = wire::decode(bytes.get(NUMBERS..items)?).ok()?;
        // Each item has its length at least: a count that nobody could have sent would keep a worker for ever.
        if ((bytes.len() - items) / LENGTH) < count as usize {
            return None;
        }
        Some(Task { id: TaskId { index, generation }, count, head, items })
    }
}

/// Where the next item lies, and where the one behind it begins.
pub(super) fn item(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let length = u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize;
    let end = (at + 4).checked_add(length)?;
    (end <= bytes.len()).then_some((at + 4..end, end))
}

/// Where the first outcome lies in a message of results.
pub(super) const OUTCOMES: usize = 20;

/// Of whom some results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Results {
    pub(super) id: TaskId,
    pub(super) first: u32,
    pub(super) count: u32,
    /// How many of them are no values.
    pub(super) failed: u32,
}

impl Results {
    /// Writes it in front of the outcomes.
    pub(super) fn write(self, bytes: &mut [u8]) {
        let numbers = [self.id.index, self.id.generation, self.first, self.count, self.failed];
        for (at, number) in numbers.into_iter().enumerate() {
            bytes[4 * at..4 * at + 4].copy_from_slice(&number.to_le_bytes());
        }
    }

    /// `None`: those are no results.
    pub(super) fn of(bytes: &[u8]) -> Option<Results> {
        let [index, generation, first, count] = numbers(bytes)?;
        let failed = u32::from_le_bytes(bytes.get(16..OUTCOMES)?.try_into().ok()?);
        Some(Results { id: TaskId { index, generation }, first, count, failed })
    }
}

fn numbers(bytes: &[u8]) -> Option<[u32; 4]> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some([number(0)?, number(4)?, number(8)?, number(12)?])
}

/// What became of an item, as it travels in front of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Outcome {
    /// Behind it is what the function returned.
    Returned = 0,
    /// A [`Panic`].
    Panicked = 1,
    /// A text: the arguments cannot be read.
    Unread = 2,
    /// A text: the result cannot be sent.
    Unsent = 3,
}

/// What a panic in a task said, and where.
#[derive(Clone, Debug, Default, Serialize, DeserializeDerive)]
pub(super) struct Panic {
    pub(super) message: String,
    pub(super) location: String,
}

/// The outcome that begins here, its bytes, and where the next one begins.
pub(super) fn outcome(bytes: &[u8], at: usize) -> Option<(Outcome, Range<usize>, usize)> {
    let outcome = match bytes.get(at)? {
        0 => Outcome::Returned,
        1 => Outcome::Panicked,
        2 => Outcome::Unread,
        3 => Outcome::Unsent,
        _ => return None,
    };
    item(bytes, at + 1).map(|(range, next)| (outcome, range, next))
}

/// Where the outcome begins that comes so many behind this one. `None`: there are not as many.
pub(super) fn skip_outcomes(bytes: &[u8], at: usize, count: u32) -> Option<usize> {
    (0..count).try_fold(at, |at, _| Some(outcome(bytes, at)?.2))
}

/// How many of so many outcomes from this one on are no values, as far as they can be read.
pub(super) fn failures(bytes: &[u8], mut at: usize, count: u32) -> u32 {
    let mut failed = 0;
    for _ in 0..count {
        let Some((kind, _, next)) = outcome(bytes, at) else { break };
        failed += u32::from(kind != Outcome::Returned);
        at = next;
    }
    failed
}

/// Appends an outcome whose bytes `write` appends.
pub(super) fn write_outcome(bytes: &mut Vec<u8>, outcome: Outcome, write: impl FnOnce(&mut Vec<u8>)) {
    bytes.extend_from_slice(&[outcome as u8, 0, 0, 0, 0]);
    let at = bytes.len();
    write(bytes);
    let length = (bytes.len() - at) as u32;
    bytes[at - 4..at].copy_from_slice(&length.to_le_bytes());
}
