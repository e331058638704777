//! [`Calling`]: the span that a message is sent in, from the sender's side.
//!
//! Costs one look at a static where nobody listens and nothing was heard of a span.

use super::trace::TraceContext;
use super::{callers, forwarder, handling, relay};
use crate::shm::segment;

/// A call under way: where it comes from, until it has returned.
#[derive(Debug)]
pub(crate) struct Calling {
    trace: Option<TraceContext>,
}

impl Calling {
    /// For a thread that waits for the answer.
    #[inline]
    pub(crate) fn here() -> Calling {
        Calling { trace: context(callers::begin_call, false) }
    }

    /// For whoever may be anywhere when the answer comes.
    pub(crate) fn from_anywhere() -> Calling {
        Calling { trace: context(|| callers::begin_cast(true), false) }
    }

    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.trace
    }
}

impl Drop for Calling {
    #[inline]
    fn drop(&mut self) {
        if let Some(trace) = self.trace.filter(|trace| trace.is_of_node() && relay::is_running())
            && let Some(segment) = segment::attached()
        {
            callers::end_call(trace, segment);
        }
    }
}

/// Where a cast comes from.
#[inline]
pub(crate) fn casting() -> Option<TraceContext> {
    context(|| callers::begin_cast(false), true)
}

/// In the root process there is something to tell once somebody listens, elsewhere if something forwards.
#[inline]
fn context(in_root: impl FnOnce() -> Option<TraceContext>, is_cast: bool) -> Option<TraceContext> {
    if relay::is_running() {
        return in_root();
    }
    match forwarder::active() {
        Some(forwarding) => forwarding.context(is_cast).or_else(handling::trace),
        None => handling::trace(),
    }
}
