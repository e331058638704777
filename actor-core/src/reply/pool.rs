//! The reply slots of this process: which are idle, and who gets one.
//!
//! They lie in one window that is made at the first call. Some are kept for requests to the node, so
//! that a process whose calls are all under way can still end those whom they wait for. Nothing here
//! knows answers.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::REPLY_MAX;
use super::word::{ReplyWord, State};
use crate::shm::layout::{Shape, SlotHead};
use crate::shm::segment::Segment;
use crate::shm::table::MakeError;
use crate::shm::window::{Kind, Window};
use crate::time::Deadline;
use crate::waker;

/// Calls that one process can have under way at once.
pub(crate) const CALLS_MAX: u32 = 256;
/// Slots that no call gets, for requests to the node: with all calls of a process under way it can
/// still stop and kill whom they wait for. More requests than these take what calls have left.
const RESERVED: u32 = 32;
/// Bytes of each size class of large replies.
const REPLY_BYTES: u64 = 32 << 20;

/// An abandoned slot becomes idle when somebody in another process has written half an answer to its
/// end, or has died, and nobody here is told. Who waits while there are such looks this often.
const LOOK: Duration = Duration::from_millis(10);

/// What a slot is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call of an actor, or something else that may take as long as it likes.
    Call,
    /// A request that the node answers in a bounded time.
    Request,
}

/// Why no reply slot could be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Too many calls are under way until the deadline.
    #[error("{CALLS_MAX} calls of this process are under way")]
    Full,
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// This process's reply slots.
pub(super) struct ReplyBox {
    pub(super) window: Window,
    free: Mutex<Free>,
    call_freed: Condvar,
    request_freed: Condvar,
}

/// Slots that nothing of this process uses.
struct Free {
    for_calls: Pool,
    reserved: Pool,
    /// Threads that wait for a slot: a condition variable that nobody waits for costs a system call
    /// all the same.
    sleepers: usize,
    /// Async callers that wait for a slot.
    wakers: Vec<Waker>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<u16>,
    /// Given up while an answer was being written; idle once the writer is done.
    abandoned: Vec<u16>,
}

impl Free {
    fn pool_of(&mut self, index: u16) -> &mut Pool {
        if u32::from(index) < CALLS_MAX { &mut self.for_calls } else { &mut self.reserved }
    }

    /// When to look again, if nobody says so before.
    fn next_look(&self, deadline: Deadline) -> Deadline {
        match self.for_calls.abandoned.is_empty() && self.reserved.abandoned.is_empty() {
            true => deadline,
            false => deadline.min(Deadline::after(LOOK)),
        }
    }
}

static REPLIES: OnceLock<ReplyBox> = OnceLock::new();

impl ReplyBox {
    pub(super) fn get(segment: &'static Segment) -> Result<&'static ReplyBox, MakeError> {
        if let Some(replies) = REPLIES.get() {
            return Ok(replies);
        }
        static MAKING: Mutex<()> = Mutex::new(());
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(replies) = REPLIES.get() {
            return Ok(replies);
        }
        let slots = CALLS_MAX + RESERVED;
        let shape = Shape { capacity: slots, hands: 0, message_max: REPLY_MAX, bytes: REPLY_BYTES };
        let window = Window::make(segment, Kind::Replies, shape)?;
        for index in 0..slots {
            let word = &window.slot(index).word;
            // What the slot starts with is past all that was ever here, generations as well as laps.
            // So an answerer that was stopped for ages finds no call that it expects.
            word.store(ReplyWord(word.load(Relaxed)).next_idle().0, Release);
        }
        let mut free = Free { for_calls: Pool::default(), reserved: Pool::default(), sleepers: 0, wakers: Vec::new() };
        (0..slots as u16).rev().for_each(|index| free.pool_of(index).idle.push(index));
        let (call_freed, request_freed) = (Condvar::new(), Condvar::new());
        Ok(REPLIES.get_or_init(|| ReplyBox { window, free: Mutex::new(free), call_freed, request_freed }))
    }

    pub(super) fn slot(&self, index: u16) -> &'static SlotHead {
        self.window.slot(u32::from(index))
    }

    pub(super) fn take(&self, purpose: Purpose, deadline: Deadline) -> Option<u16> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(index) = self.try_take(&mut free, purpose) {
                return Some(index);
            }
            if deadline.has_passed() {
                return None;
            }
            let left = free.next_look(deadline).remaining().unwrap_or(Duration::from_secs(3600));
            let freed = match purpose {
                Purpose::Call => &self.call_freed,
                Purpose::Request => &self.request_freed,
            };
            free.sleepers += 1;
            free = freed.wait_timeout(free, left).unwrap_or_else(PoisonError::into_inner).0;
            free.sleepers -= 1;
        }
    }

    fn try_take(&self, free: &mut Free, purpose: Purpose) -> Option<u16> {
        let reserved = match purpose {
            Purpose::Call => None,
            Purpose::Request => self.take_from(&mut free.reserved),
        };
        reserved.or_else(|| self.take_from(&mut free.for_calls))
    }

    /// A slot for a call, or the waker is woken when one is free or at the deadline; `None`: it has passed.
    pub(super) fn poll_take(&self, context: &mut Context<'_>, deadline: Deadline) -> Poll<Option<u16>> {
        static UNCHANGED: AtomicU32 = AtomicU32::new(0);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = self.try_take(&mut free, Purpose::Call) {
            return Poll::Ready(Some(index));
        }
        if deadline.has_passed() {
            return Poll::Ready(None);
        }
        if !free.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            free.wakers.push(context.waker().clone());
        }
        let look = free.next_look(deadline);
        drop(free);
        waker::register(self.window.segment, &UNCHANGED, 0, look, context.waker());
        Poll::Pending
    }

    /// An idle slot, or an abandoned one whose writer has finished.
    fn take_from(&self, pool: &mut Pool) -> Option<u16> {
        if let Some(index) = pool.idle.pop() {
            return Some(index);
        }
        let is_idle = |&index: &u16| ReplyWord(self.slot(index).word.load(Acquire)).state() == State::Idle;
        let found = pool.abandoned.iter().position(is_idle)?;
        Some(pool.abandoned.swap_remove(found))
    }

    /// How many wait for a slot, asleep or as futures.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.sleepers + free.wakers.len()
    }

    pub(super) fn give_back(&self, index: u16, is_idle: bool) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = free.pool_of(index);
        if is_idle {
            pool.idle.push(index)
        } else {
            pool.abandoned.push(index)
        }
        // All of them: one that was woken may have been given up meanwhile.
        let wakers = std::mem::take(&mut free.wakers);
        let somebody_sleeps = free.sleepers != 0;
        drop(free);
        if somebody_sleeps {
            // Either kind may take this one; who finds that the other was faster waits on.
            self.call_freed.notify_one();
            self.request_freed.notify_one();
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}
