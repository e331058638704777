//! [`Question`]: a request to the node whose answer is looked for later, by one who must not wait.

use std::fmt;
use std::sync::atomic::AtomicU32;

use super::client::{self, AskError};
use super::request::{Answer, Request};
use crate::reply::{OpenError, ReplySlot};
use crate::time::Deadline;
use crate::wire;

/// A request under way. Dropped, it is given up: the node finds that nobody takes its answer.
pub(crate) struct Question {
    slot: ReplySlot,
}

impl Question {
    /// Asks the node, and waits for nothing.
    ///
    /// # Errors
    /// It could not be asked, see [`AskError`]: [`AskError::TimedOut`] when there is no room now for the
    /// request or its answer.
    pub(crate) fn ask(request: &Request) -> Result<Question, AskError> {
        let segment = client::ensure()?;
        let slot = ReplySlot::open(segment, request.purpose(), Deadline::Now).map_err(|error| match error {
            OpenError::Full => AskError::TimedOut,
            error => AskError::Slot(error),
        })?;
        client::send(segment, request, Some(slot.address()), Deadline::Now)?;
        Ok(Question { slot })
    }

    /// The answer, once. `None`: not yet.
    pub(crate) fn try_answer(&mut self) -> Option<Result<Answer, AskError>> {
        wire::with_buffer(|buffer| self.slot.take_answer(buffer).map(|kind| client::read(kind, buffer)))
    }

    /// Waits for the answer. `None`: not before the deadline, and it can be waited for again.
    pub(crate) fn wait(&mut self, deadline: Deadline) -> Option<Result<Answer, AskError>> {
        wire::with_buffer(|buffer| self.slot.wait_asleep(deadline, buffer).map(|kind| client::read(kind, buffer)))
    }

    /// The word that changes with the answer, and what it is now; see [`ReplySlot::register`].
    pub(crate) fn register(&self) -> (&'static AtomicU32, u32) {
        self.slot.watch()
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn smoke() {
        let mut question = Question::ask(&Request::Counters).unwrap();
        let answer = question.wait(Deadline::after(Duration::from_secs(20)));
        assert!(matches!(answer, Some(Ok(Answer::Counters(_)))), "{answer:?}");
    }

    #[test]
    fn the_answer_is_there_when_the_word_has_changed() {
        use std::sync::atomic::Ordering::Acquire;
        let end = std::time::Instant::now() + Duration::from_secs(20);
        let mut question = Question::ask(&Request::Counters).unwrap();
        let answer = loop {
            let (word, seen) = question.register();
            match question.try_answer() {
                Some(answer) => break answer,
                None => while word.load(Acquire) == seen && std::time::Instant::now() < end {},
            }
        };
        assert!(matches!(answer, Ok(Answer::Counters(_))), "{answer:?}");
    }
}
