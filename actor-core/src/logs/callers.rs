//! Spans of the root process that messages come from: by which number the log thread finds them.
//!
//! The span is the user's, and open only as long as somebody holds it. Who waits for a call stands in his span
//! meanwhile, so a call notes its number and nothing else. What its handler has logged may not have been read
//! when it returns: then the span is held for the log thread, until that has read it. A cast does not wait: its
//! span is held until the cast was handled, or for [`CAST_PATIENCE`].
//!
//! Each entry has a lock of its own, held for a few instructions and one call of the user's subscriber at most.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::Id;
use tracing::{Dispatch, dispatcher};

use super::relay;
use super::trace::TraceContext;
use crate::id::Participant;
use crate::shm::segment::{Segment, log_bell::CASTS};

/// How long the span of a cast is held that nobody has handled.
const CAST_PATIENCE: Duration = Duration::from_secs(1);

static ENTRIES: [Mutex<Option<Entry>>; CASTS] = [const { Mutex::new(None) }; CASTS];
static NUMBERS: AtomicU64 = AtomicU64::new(1);
/// Casts in the entries, more or less: the log thread looks for them while there are some.
static CASTS_HELD: AtomicU64 = AtomicU64::new(0);
/// Calls that have returned, whose spans are held for the log thread.
static RETURNED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

struct Entry {
    number: u64,
    held: Held,
    /// Since when a cast is under way.
    cast_at: Option<Instant>,
}

/// A span of a subscriber of this process.
pub(super) struct Held {
    pub(super) dispatch: Dispatch,
    pub(super) id: Id,
    /// The reference is ours, and not that of somebody who waits in the span.
    is_ours: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_ours {
            self.dispatch.try_close(self.id.clone());
        }
    }
}

impl Held {
    fn hold(&mut self) {
        if !self.is_ours {
            self.id = self.dispatch.clone_span(&self.id);
            self.is_ours = true;
        }
    }

    fn another(&self) -> Held {
        Held { dispatch: self.dispatch.clone(), id: self.dispatch.clone_span(&self.id), is_ours: true }
    }
}

/// The span that this thread is in, as what travels with a call.
pub(super) fn begin_call() -> Option<TraceContext> {
    current().map(|held| enter(held, None))
}

/// The call has returned, or nobody waits for it any more.
pub(super) fn end_call(context: TraceContext, segment: &Segment) {
    let mut entry = entry(context.span);
    let Some(mut own) = entry.take_if(|entry| entry.number == context.span) else { return };
    // What its handler has logged was told before the answer, so it shows here.
    if segment.is_log_pending() || relay::is_at_work() {
        own.held.hold();
        *entry = Some(own);
        drop(entry);
        RETURNED.lock().unwrap_or_else(PoisonError::into_inner).push(context.span);
        segment.log_bell().ring();
    }
}

/// The span that this thread is in, as what travels with a cast or with a call that is not waited for here.
pub(super) fn begin_cast(is_call: bool) -> Option<TraceContext> {
    let mut held = current()?;
    held.hold();
    if !is_call {
        CASTS_HELD.fetch_add(1, Relaxed);
    }
    Some(enter(held, (!is_call).then(Instant::now)))
}

fn current() -> Option<Held> {
    dispatcher::get_default(|dispatch| {
        let (id, _) = dispatch.current_span().into_inner()?;
        Some(Held { dispatch: dispatch.clone(), id, is_ours: false })
    })
}

fn enter(held: Held, cast_at: Option<Instant>) -> TraceContext {
    let number = NUMBERS.fetch_add(1, Relaxed);
    let displaced = entry(number).replace(Entry { number, held, cast_at });
    forget(displaced);
    TraceContext { participant: Participant::NODE, generation: 0, span: number }
}

/// The span of a message, held for whoever asks. `None`: it is not known any more.
pub(super) fn find(context: TraceContext) -> Option<Held> {
    entry(context.span).as_ref().filter(|entry| entry.number == context.span).map(|entry| entry.held.another())
}

/// Calls that have returned by now, and casts that were handled: what their handlers have logged will have been
/// read after the next pass.
pub(super) fn handled(segment: &Segment) -> Vec<u64> {
    let mut handled = std::mem::take(&mut *RETURNED.lock().unwrap_or_else(PoisonError::into_inner));
    if CASTS_HELD.load(Relaxed) != 0 {
        for at in (0..CASTS).filter(|at| segment.take_cast(*at)) {
            handled.extend(entry(at as u64).as_ref().filter(|entry| entry.cast_at.is_some()).map(|entry| entry.number));
        }
    }
    handled
}

/// Lets go of the spans of these messages.
pub(super) fn let_go(handled: &[u64]) {
    for number in handled {
        let own = entry(*number).take_if(|entry| entry.number == *number);
        forget(own);
    }
}

/// Lets go of the spans of casts that nobody has handled for too long. True: there are others.
pub(super) fn look_after_casts() -> bool {
    if CASTS_HELD.load(Relaxed) == 0 {
        return false;
    }
    for number in 0..CASTS {
        let is_over = |entry: &mut Entry| entry.cast_at.is_some_and(|at| CAST_PATIENCE < at.elapsed());
        let over = entry(number as u64).take_if(is_over);
        forget(over);
    }
    CASTS_HELD.load(Relaxed) != 0
}

/// Not under the lock: the last reference to a span may make its subscriber write.
fn forget(entry: Option<Entry>) {
    if entry.as_ref().is_some_and(|entry| entry.cast_at.is_some()) {
        CASTS_HELD.fetch_sub(1, Relaxed);
    }
    drop(entry);
}

fn entry(number: u64) -> MutexGuard<'static, Option<Entry>> {
    ENTRIES[number as usize % CASTS].lock().unwrap_or_else(PoisonError::into_inner)
}
