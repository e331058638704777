//! Reply handles that were dropped with the duty to answer: when their callers are told so, and when
//! somebody else has more to say.
//!
//! | dropped | the caller gets |
//! |---|---|
//! | in the handler of its own call | the `Err` that the handler returns, else `Unanswered` |
//! | in the panic of a handler | the exit report, from the node; `Unanswered` if the panic was caught |
//! | with the actor, at its end | the exit report, from the node |
//! | otherwise | `Unanswered` at once |

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::context;
use crate::mailbox::{Mailbox, ReplyAddress};
use crate::reply::{Duty, ReplyKind};

/// A call whose handler runs, which takes a handle for it.
#[derive(Clone, Copy)]
struct Handling {
    call: ReplyAddress,
    is_dropped: bool,
}

thread_local! {
    static HANDLING: Cell<Option<Handling>> = const { Cell::new(None) };
    /// Nothing is told by this thread any more: the process is about to end.
    static OVER: Cell<bool> = const { Cell::new(false) };
}

/// Those that were dropped in a panic which nobody may have caught.
static LEFT: Mutex<Vec<Duty>> = Mutex::new(Vec::new());

/// Does what is right for a handle that is dropped, whose duty is this process's.
#[cold]
pub(super) fn dropped(duty: Duty) {
    if OVER.get() {
        return;
    }
    if thread::panicking()
        && let Some(own) = context::own()
    {
        LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(duty);
        // Looked at between two messages, so only if the panic was caught.
        if let Some(mailbox) = Mailbox::attach(own) {
            mailbox.announce_news();
        }
        return;
    }
    match HANDLING.get() {
        Some(handling) if handling.call == duty.address() => {
            HANDLING.set(Some(Handling { is_dropped: true, ..handling }));
        }
        _ => _ = duty.answer_own(ReplyKind::Unanswered, &[]),
    }
}

/// Runs the handler of a call that takes a handle for it. True: the handle was dropped meanwhile.
pub(super) fn noted<R>(call: ReplyAddress, handle: impl FnOnce() -> R) -> (R, bool) {
    HANDLING.set(Some(Handling { call, is_dropped: false }));
    let outcome = handle();
    let is_dropped = HANDLING.take().is_some_and(|handling| handling.is_dropped);
    (outcome, is_dropped)
}

/// Tells of those that were dropped in a panic. Called by the actor's thread between two messages.
pub(super) fn answer_left() {
    let left = std::mem::take(&mut *LEFT.lock().unwrap_or_else(PoisonError::into_inner));
    for duty in left {
        duty.answer_own(ReplyKind::Unanswered, &[]);
    }
}

/// What this thread drops from now on is answered with the report of its process's end.
pub(super) fn leave_to_the_report() {
    OVER.set(true);
}
