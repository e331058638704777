//! From what came back of a job to what its items have become.

use serde::de::DeserializeOwned;

use super::error::TaskError;
use super::ledger::{Part, What};
use super::message::{Outcome, Panic, outcome};
use crate::wire;

/// Passes each item of `part` to `take`, with its number in the job.
pub(super) fn items<R: DeserializeOwned>(part: Part, mut take: impl FnMut(u64, Result<R, TaskError>)) {
    let Part { first, count, what } = part;
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
