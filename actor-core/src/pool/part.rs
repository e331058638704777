//! [`Part`]: what came back of some items of a job, from the queue of results to what they have become.
//!
//! Kept as bytes until whoever has the job asks: nobody else knows the types.

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::error::TaskError;
use super::message::{Outcome, Panic, failures, outcome, skip_outcomes};
use crate::wire;

/// Results of some items of a job.
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) what: What,
}

impl Part {
    /// Passes each item to `take`, with its number in the job.
    pub(super) fn items<R: DeserializeOwned>(self, mut take: impl FnMut(u64, Result<R, TaskError>)) {
        let Part { first, count, what } = self;
        let numbers = first..first + u64::from(count);
        match what {
            What::Error(error) => numbers.for_each(|number| take(number, Err(error.clone()))),
            What::Outcomes(bytes, start) => {
                let mut at = start;
                for number in numbers {
                    let Some((kind, range, next)) = outcome(&bytes, at) else {
                        take(number, Err(wire::DecodeError::Damaged.into()));
                        continue;
                    };
                    take(number, value(kind, &bytes[range]));
                    at = next;
                }
            }
        }
    }
}

/// What has become of them.
pub(super) enum What {
    /// Outcomes, one behind the other, from this place on.
    Outcomes(Vec<u8>, usize),
    /// All of them have the same.
    Error(TaskError),
}

impl What {
    /// What these items have of it, which begins with the item `first`, of a task that begins with `start` in
    /// its job; and how many of them are no values.
    pub(super) fn part(&self, start: u64, first: u32, run: Range<u32>) -> (Part, u32) {
        let count = run.end - run.start;
        let (what, failed) = match self {
            What::Error(error) => (What::Error(error.clone()), count),
            What::Outcomes(bytes, at) => {
                // What is not there is damaged for who reads it.
                let at = skip_outcomes(bytes, *at, run.start - first).unwrap_or(bytes.len());
                (What::Outcomes(bytes.clone(), at), failures(bytes, at, count))
            }
        };
        (Part { first: start + u64::from(run.start), count, what }, failed)
    }
}

fn value<R: DeserializeOwned>(kind: Outcome, bytes: &[u8]) -> Result<R, TaskError> {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    match kind {
        Outcome::Returned => Ok(wire::decode(bytes)?),
        Outcome::Panicked => {
            let Panic { message, location } = wire::decode(bytes)?;
            Err(TaskError::Failed { message, location })
        }
        Outcome::Unread => Err(TaskError::Decode(text())),
        Outcome::Unsent => Err(TaskError::Encode(text())),
    }
}
