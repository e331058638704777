//! [`gather`]: many calls at once, and their answers in the order in which they come.
//!
//! The calls are futures that share a bound on how many of them are under way. Whoever iterates polls
//! them on his own thread and parks in between; the process's one helper thread wakes him. So a
//! thousand calls take no thread of their own, and none holds up another: one whose mailbox is full
//! waits for room while the others are answered.

use std::convert::Infallible;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, Stream, StreamExt};

use super::call::Call;
use super::error::CallError;
use super::post::Limit;

/// Calls of one [`Gather`] that are under way at once. Less than a process can have, so that others of its
/// threads can call meanwhile.
const UNDER_WAY_MAX: usize = 128;

/// What has come of one of several calls: its place among them, and its answer.
type Gathered<T, E> = (usize, Result<T, CallError<E>>);

/// Makes many calls of one type, to one actor or to many, and gives their answers as they come.
///
/// Each comes with the place of its call. All are sent before the first answer is waited for, up to 128
/// at once, and of more the next whenever one is answered. Each gets an answer: who is dead is an error
/// among the others, at once, and who is stopped or slow is one when its time is up. That time
/// counts from the first look at the answers, whenever the call is sent.
///
/// Nothing is sent before the first answer is asked for. Those that are not asked for any more are given
/// up, as by a timeout.
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::gather;
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Squarer;
///
/// #[handlers]
/// impl Squarer {
///     #[call]
///     fn square(&self, n: u64) -> u64 {
///         n * n
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let squarers = [Squarer.spawn()?, Squarer.spawn()?, Squarer.spawn()?];
///     squarers[1].kill()?;
///     let calls = squarers.iter().map(|squarer| squarer.square(7));
///     let mut found = vec![None; 3];
///     for (place, answer) in gather(calls).timeout(Duration::from_secs(10)) {
///         found[place] = answer.ok();
///     }
///     assert_eq!(found, [Some(49), None, Some(49)]);
///     Ok(())
/// }
/// ```
#[doc(alias = "multicall")]
#[doc(alias = "join_all")]
pub fn gather<M: Send, T, E>(calls: impl IntoIterator<Item = Call<M, T, E>>) -> Gather<M, T, E> {
    Gather { calls: calls.into_iter().collect(), limit: None }
}

/// Several calls that are not sent yet: the value of [`gather`].
///
/// Iterate over it, or take its [`stream`](Gather::stream) in async code.
#[must_use = "the calls do nothing until their answers are asked for: iterate, or take the `stream`"]
pub struct Gather<M: 'static, T: 'static, E: 'static = Infallible> {
    calls: Vec<Call<M, T, E>>,
    /// For all of them, if it is not each one's own.
    limit: Option<Limit>,
}

impl<M: Send, T, E> Gather<M, T, E> {
    /// Waits so long for all answers together, instead of for each as long as its call says.
    pub fn timeout(self, timeout: Duration) -> Gather<M, T, E> {
        Gather { limit: Some(Limit::After(timeout)), ..self }
    }

    /// Waits for all answers until then, instead of for each as long as its call says.
    pub fn deadline(self, at: Instant) -> Gather<M, T, E> {
        Gather { limit: Some(Limit::Until(at)), ..self }
    }

    /// The answers for async code. No runtime is needed.
    pub fn stream(self) -> GatherStream<T, E> {
        let limit = self.limit;
        let mut begun = None;
        let calls = self.calls.into_iter().enumerate().map(move |(place, call)| {
            let begun = *begun.get_or_insert_with(Instant::now);
            let limit = limit.unwrap_or(call.limit).counted_from(begun);
            let call = Call { limit, ..call };
            async move { (place, call.await) }
        });
        GatherStream { answers: stream::iter(calls).buffer_unordered(UNDER_WAY_MAX).boxed() }
    }
}

impl<M: Send, T, E> IntoIterator for Gather<M, T, E> {
    type Item = Gathered<T, E>;
    type IntoIter = GatherIter<T, E>;

    fn into_iter(self) -> GatherIter<T, E> {
        GatherIter(self.stream())
    }
}

/// The answers to several calls in the order in which they come, each with the place of its call; ends
/// after the last. Waiting for the next blocks the thread.
pub struct GatherIter<T: 'static, E: 'static = Infallible>(GatherStream<T, E>);

/// [`GatherIter`] for async code.
#[must_use = "streams do nothing unless polled"]
pub struct GatherStream<T: 'static, E: 'static = Infallible> {
    answers: BoxStream<'static, Gathered<T, E>>,
}

impl<T, E> Iterator for GatherIter<T, E> {
    type Item = Gathered<T, E>;

    /// The next answer, of whichever call has one.
    fn next(&mut self) -> Option<Gathered<T, E>> {
        let waker = Waker::from(Arc::new(Parked(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match pin!(&mut self.0).poll_next(&mut context) {
                Poll::Ready(next) => return next,
                // Each call wakes by its answer or by its deadline.
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl<T, E> Stream for GatherStream<T, E> {
    type Item = Gathered<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Gathered<T, E>>> {
        self.answers.poll_next_unpin(context)
    }
}

/// A thread that waits for the next answer. An executor's own way of waiting refuses to be used within
/// another, as in an `async` handler.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<M, T, E> fmt::Debug for Gather<M, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("calls", &self.calls.len()).field("limit", &self.limit).finish()
    }
}

impl<T, E> fmt::Debug for GatherIter<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherIter").finish_non_exhaustive()
    }
}

impl<T, E> fmt::Debug for GatherStream<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherStream").finish_non_exhaustive()
    }
}
