//! Which message a thread handles: the span around a handler, which exists only once somebody needs it.
//!
//! A handler's span is no span of `tracing` but a note in this thread: to set it costs nothing to speak of, and a
//! message that is handled in silence costs the node nothing. It becomes a span, in the span that the message
//! came from, with the first event, span or message out of the handler.

use std::cell::Cell;

use super::forwarder::{self, Forwarding};
use super::trace::TraceContext;
use crate::shm::segment::{self, log_bell::CASTS};

/// A message in hand, as far as the log is concerned.
#[derive(Clone, Copy)]
struct Handling {
    handler: u16,
    trace: Option<TraceContext>,
    /// The number of its span, once there is one.
    span: Option<u64>,
}

thread_local! {
    static HANDLING: Cell<Option<Handling>> = const { Cell::new(None) };
}

/// This thread begins to handle a message that comes from this span.
#[inline]
pub(crate) fn begin(handler: u16, trace: Option<TraceContext>) {
    HANDLING.set(Some(Handling { handler, trace, span: None }));
    forwarder::look_at_level();
}

/// The message is handled to its end.
#[inline]
pub(crate) fn end(is_cast: bool) {
    let Some(handling) = HANDLING.take() else { return };
    if handling.span.is_some() || (is_cast && handling.trace.is_some()) {
        finish(handling, is_cast);
    }
}

#[cold]
fn finish(handling: Handling, is_cast: bool) {
    if let (Some(span), Some(forwarding)) = (handling.span, forwarder::active()) {
        forwarding.outlet.release(span);
    }
    // Whoever has sent a cast out of a span of the root process keeps that until it hears of this.
    if let (Some(trace), Some(segment)) =
        (handling.trace.filter(|trace| is_cast && trace.is_of_node()), segment::attached())
    {
        segment.note_cast(trace.span as usize % CASTS);
    }
}

/// The span of the handler that this thread runs, if it runs one.
pub(super) fn span(forwarding: &Forwarding) -> Option<u64> {
    let handling = HANDLING.try_with(Cell::get).ok().flatten()?;
    Some(handling.span.unwrap_or_else(|| {
        let span = forwarding.open_handler(handling.handler, handling.trace);
        HANDLING.set(Some(Handling { span: Some(span), ..handling }));
        span
    }))
}

/// Where the message in hand comes from.
pub(super) fn trace() -> Option<TraceContext> {
    HANDLING.get()?.trace
}
