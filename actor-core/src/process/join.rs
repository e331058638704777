//! [`JoinFuture`]: the end of a process in async code.
//!
//! It waits for the process itself, by its descriptor, and asks the node once it is dead: a future that is
//! dropped leaves nothing behind at the node.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::JoinError;
use super::handle::{NODE_TIMEOUT, Process};
use crate::node::{AskError, Question, Request};
use crate::shm::segment::segment;
use crate::time::Deadline;
use crate::wait::{Ready, Registrations, Wakes, ready};

/// How long until the node is asked again that had no room for the question.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// The future of [`Process::join_async`].
///
/// Polled again after it was ready, it gives the same again.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct JoinFuture<'a, R> {
    process: &'a Process<R>,
    step: Step<'a>,
    registrations: Registrations,
}

#[derive(Debug)]
enum Step<'a> {
    /// It waits for the process.
    Death(Ready<'a>),
    /// The process is dead, and the node is to tell how until then.
    Report { question: Option<Question>, deadline: Deadline },
}

impl<'a, R> JoinFuture<'a, R> {
    pub(super) fn new(process: &'a Process<R>) -> JoinFuture<'a, R> {
        JoinFuture { process, step: Step::Death(ready(process)), registrations: Registrations::default() }
    }

    /// Asks the node unless that is done, and looks for its answer.
    fn poll_report(&mut self, context: &mut Context<'_>) -> Poll<Result<(), JoinError>> {
        let Step::Report { question, deadline } = &mut self.step else { return Poll::Pending };
        let mut wakes = Wakes::new();
        wakes.at(*deadline);
        let asked = match question {
            Some(question) => Ok(question),
            None => Question::ask(&Request::Join { process: self.process.id() }).map(|asked| question.insert(asked)),
        };
        let answer = match asked {
            Ok(question) => {
                wakes.word(question.register());
                // An answer from before the registration rings for nobody.
                question.try_answer()
            }
            Err(AskError::TimedOut) => {
                wakes.at(Deadline::after(RETRY_AFTER));
                None
            }
            Err(error) => Some(Err(error)),
        };
        match answer {
            Some(answer) => return Poll::Ready(self.process.keep(answer).map(drop)),
            None if deadline.has_passed() => return Poll::Ready(self.process.keep(Err(AskError::TimedOut)).map(drop)),
            None => {}
        }
        match segment() {
            Ok(segment) => self.registrations.set(segment, &wakes, context.waker()),
            Err(error) => return Poll::Ready(self.process.keep(Err(error.into())).map(drop)),
        }
        Poll::Pending
    }
}

impl<R: DeserializeOwned> Future for JoinFuture<'_, R> {
    type Output = Result<R, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let process = this.process;
        if let Step::Death(death) = &mut this.step
            && process.known_end().is_none()
        {
            let deadline = match Pin::new(death).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => Deadline::after(NODE_TIMEOUT),
                // Without a descriptor the node has to do the waiting.
                Poll::Ready(Err(_)) => Deadline::Never,
            };
            this.step = Step::Report { question: None, deadline };
        }
        if process.known_end().is_none()
            && let Err(error) = std::task::ready!(this.poll_report(context))
        {
            return Poll::Ready(Err(error));
        }
        let end = process.known_end().map(|end| process.result_of(end));
        end.map_or(Poll::Pending, Poll::Ready)
    }
}
