//! Taking news from the node: by a thread that waits for it, or in passing.
//!
//! Who must not wait asks, and looks for the answer later. The question is the process's, not his: whoever
//! comes next looks for its answer, so a future that is dropped loses nothing. There is one at a time, and
//! news is sorted in the order in which it comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::desk::{self, desk};
use crate::node::{self, Answer, AskError, Question, Request};
use crate::shm::segment::{Segment, attached};
use crate::time::Deadline;
use crate::wait::Wakes;

/// How long the node may take to give news that it says it has.
const AT_HAND: Duration = Duration::from_secs(5);

/// Held by a thread that waits for the node.
static COLLECTING: Mutex<()> = Mutex::new(());
/// What was asked in passing. Held for moments only.
static ASKED: Mutex<Option<Question>> = Mutex::new(None);
/// From before something is asked in passing until its answer is sorted.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Takes what the node has for this process, and wakes those whom it is for. False: there was nothing.
pub(super) fn fetch() -> bool {
    let Some(segment) = attached().filter(|segment| has_something(segment)) else { return false };
    collect(segment);
    // After the lock was given back: who found it held waits for this.
    tell_waiting(segment);
    true
}

/// [`fetch`] that waits for nobody: takes what was asked for before and has come, and asks for the rest.
/// False: nothing has come.
pub(super) fn fetch_in_passing() -> bool {
    let Some(segment) = attached().filter(|segment| has_something(segment)) else { return false };
    let mut asked = asked();
    let mut has_come = false;
    while begin(segment, &mut asked)
        && let Some(answer) = asked.as_mut().and_then(Question::try_answer)
    {
        *asked = None;
        let is_news = sort(answer);
        IS_ASKED.store(false, Ordering::SeqCst);
        has_come |= is_news;
        if !is_news {
            break;
        }
    }
    drop(asked);
    if has_come {
        tell_waiting(segment);
    }
    has_come
}

/// Has whoever waits look when the answer is there to what was asked in passing. For who has registered for
/// news before: what is announced after this look is told by that.
pub(super) fn register(wakes: &mut Wakes) {
    let Some(segment) = attached().filter(|segment| has_something(segment)) else { return };
    let mut asked = asked();
    if begin(segment, &mut asked)
        && let Some(question) = asked.as_ref()
    {
        wakes.word(question.register());
    }
}

/// Asks for news if there is some and nobody has. False: there is nothing to wait for, or somebody waits
/// for it who tells everybody, or the node has no room for the question, which is tried again.
fn begin(segment: &'static Segment, asked: &mut Option<Question>) -> bool {
    if asked.is_some() {
        return true;
    }
    if !segment.record(segment.me()).has_news() {
        return false;
    }
    // Nobody who has this lock waits for the other.
    let _collecting = match COLLECTING.try_lock() {
        Err(TryLockError::WouldBlock) => return false,
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(error)) => error.into_inner(),
    };
    let question = Question::ask(&Request::TakeNews { by: desk::me(segment) });
    IS_ASKED.store(question.is_ok(), Ordering::SeqCst);
    *asked = question.ok();
    asked.is_some()
}

/// Takes all that there is, one thread at a time.
fn collect(segment: &'static Segment) {
    let _collecting = COLLECTING.lock().unwrap_or_else(PoisonError::into_inner);
    // In a statement of its own: the lock is not held while the node is waited for.
    let before = asked().take();
    if let Some(mut question) = before {
        let Some(answer) = question.wait(Deadline::after(AT_HAND)) else {
            *asked() = Some(question);
            return;
        };
        let is_news = sort(answer);
        IS_ASKED.store(false, Ordering::SeqCst);
        if !is_news {
            return;
        }
    }
    while segment.record(segment.me()).has_news() {
        if !sort(node::ask(&Request::TakeNews { by: desk::me(segment) }, Deadline::after(AT_HAND))) {
            return;
        }
    }
}

/// False: it is still with the node, and the word still says so.
fn sort(answer: Result<Answer, AskError>) -> bool {
    match answer {
        Ok(Answer::News(batch)) => {
            desk().sort(&batch);
            true
        }
        Ok(_) | Err(_) => false,
    }
}

fn has_something(segment: &Segment) -> bool {
    segment.record(segment.me()).has_news() || IS_ASKED.load(Ordering::SeqCst)
}

fn tell_waiting(segment: &Segment) {
    segment.record(segment.me()).news.event().notify_all();
}

fn asked() -> MutexGuard<'static, Option<Question>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}
