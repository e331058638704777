//! The function in its process: arguments in, result out.
//!
//! The process is entered by the offset of [`enter`], which was made for the types of one function
//! and finds the function itself in front of its arguments.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::boot::{Function, Start};
use crate::exit::ExitReason;
use crate::logs;
use crate::node::{self, Life};
use crate::shm::blob;
use crate::wire;

/// What travels to the process.
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "A: Serialize", deserialize = "A: DeserializeOwned"))]
pub(super) struct Work<A, R> {
    pub(super) function: Function<A, R>,
    pub(super) args: A,
}

/// Where the process of a function from `A` to `R` begins.
pub(super) fn enter<A: DeserializeOwned, R: Serialize>(start: Start) {
    node::live(start, run::<A, R>)
}

fn run<A: DeserializeOwned, R: Serialize>(life: &Life) -> ExitReason {
    let work = match wire::decode::<Work<A, R>>(&life.args) {
        Ok(work) => work,
        Err(error) => return ExitReason::Failed(format!("the arguments cannot be read: {error}")),
    };
    let Some(function) = work.function.get() else {
        return ExitReason::Failed("the function is not in this executable".to_owned());
    };
    logs::install_at_once();
    life.is_ready();
    let result = function(work.args);
    match give(life, &result) {
        Ok(reason) => reason,
        Err(text) => ExitReason::Failed(format!("the result cannot be sent: {text}")),
    }
}

/// Leaves the result where the node finds it. Dead before the last step: there is none.
fn give<R: Serialize>(life: &Life, result: &R) -> Result<ExitReason, String> {
    let mut bytes = Vec::new();
    wire::encode_into(&mut bytes, result).map_err(|error| error.to_string())?;
    let window = blob::make(life.segment, &bytes).map_err(|error| error.to_string())?;
    life.segment.record(life.segment.me()).set_result(window);
    match wire::is_err(result) {
        true => Ok(ExitReason::Failed(error_text(&bytes))),
        false => Ok(ExitReason::Normal),
    }
}

/// What an encoded `Err` says of itself. Of an error all that is known here is that it can be
/// encoded; texts, which many errors between processes are, can be read back.
fn error_text(bytes: &[u8]) -> String {
    match wire::decode::<Result<IgnoredAny, String>>(bytes) {
        Ok(Err(text)) => text,
        _ => "the function returned an error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of<T: Serialize>(error: T) -> String {
        let mut bytes = Vec::new();
        wire::encode_into(&mut bytes, &Result::<(), T>::Err(error)).unwrap();
        error_text(&bytes)
    }

    #[test]
    fn smoke() {
        assert_eq!(text_of("no such file"), "no such file");
    }

    #[test]
    fn errors_without_a_text_are_errors_all_the_same() {
        assert_eq!(text_of(7), "the function returned an error");
        assert_eq!(text_of(()), "the function returned an error");
    }
}
