//! Replies: a slot per waiting call, in a window of the caller's own.
//!
//! ```text
//! IDLE(gen) ──open──► WAITING(gen) ──claim──► WRITING(p, gen) ──► REPLIED(gen) ──read──► IDLE(gen+1)
//!                         │  ▲                    │ p died
//!                         │  └────────────────────┘
//!                         └── the caller gave up ──► IDLE(gen+1)
//! ```
//!
//! The generation is part of the word, so an answer to a call that was given up finds another
//! generation and is dropped; nobody ever gets somebody else's answer. A caller that gives up
//! while the answer is being written marks the slot abandoned, and the writer frees it.
//!
//! Death of the callee: an answer half written becomes WAITING again by recovery, and the node,
//! which finds the call in hand or queued, answers in place of the dead. Death of the caller: its
//! window is taken down, late answers find it gone.
//!
//! Here is the caller's end; [`word`] has the states, [`pool`] the slots of this process,
//! [`answer`](mod@answer) the other end, and [`duty`] who has to answer when that is not whoever has the
//! call in hand.

mod answer;
mod duty;
mod pool;
#[cfg(test)]
mod tests;
mod word;

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::task::{Context, Poll};

pub(crate) use answer::{answer, answer_patiently, is_owed, is_waited_for, nudge, poke, recover};
pub(crate) use duty::{Duty, Holder, carried, holder, throw_away};
#[cfg(test)]
pub(crate) use pool::CALLS_MAX;
use pool::ReplyBox;
pub(crate) use pool::{OpenError, Purpose};
pub(crate) use word::ReplyKind;
use word::{ReplyWord, State, low_half};

use crate::id::Participant;
use crate::mailbox::ReplyAddress;
use crate::shm::payload::Meta;
use crate::shm::segment::Segment;
use crate::shm::spin::spin;
use crate::shm::words::{Mapped, Memory};
use crate::time::Deadline;
use crate::waker;

/// The largest reply, encoded.
pub(crate) const REPLY_MAX: u64 = 64 << 20;

/// A call of this process that waits for its answer. Dropped, the call is given up.
pub(crate) struct ReplySlot {
    replies: &'static ReplyBox,
    index: u16,
    generation: u32,
    is_done: bool,
}

impl ReplySlot {
    /// Opens a slot for one call.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub(crate) fn open(
        segment: &'static Segment,
        purpose: Purpose,
        deadline: Deadline,
    ) -> Result<ReplySlot, OpenError> {
        let replies = ReplyBox::get(segment)?;
        let index = replies.take(purpose, deadline).ok_or(OpenError::Full)?;
        Ok(ReplySlot::begin(replies, index))
    }

    /// [`ReplySlot::open`] for async calls: the waker is woken when a slot is free or at the
    /// deadline.
    pub(crate) fn poll_open(
        segment: &'static Segment,
        context: &mut Context<'_>,
        deadline: Deadline,
    ) -> Poll<Result<ReplySlot, OpenError>> {
        let replies = match ReplyBox::get(segment) {
            Ok(replies) => replies,
            Err(error) => return Poll::Ready(Err(error.into())),
        };
        replies.poll_take(context, deadline).map(|index| match index {
            Some(index) => Ok(ReplySlot::begin(replies, index)),
            None => Err(OpenError::Full),
        })
    }

    fn begin(replies: &'static ReplyBox, index: u16) -> ReplySlot {
        let word = &replies.slot(index).word;
        let generation = ReplyWord(word.load(Acquire)).generation();
        word.store(ReplyWord::new(State::Waiting, Participant::NOBODY, generation).0, Release);
        ReplySlot { replies, index, generation, is_done: false }
    }

    /// What the callee needs to answer.
    pub(crate) fn address(&self) -> ReplyAddress {
        ReplyAddress { window: self.replies.window.id, slot: self.index, generation: self.generation }
    }

    /// Waits for the answer; its payload replaces what is in `buffer`. `None`: not before
    /// `deadline`; it can be waited for again.
    pub(crate) fn wait(&mut self, deadline: Deadline, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
        self.wait_awake(deadline, buffer).or_else(|| self.wait_asleep(deadline, buffer))
    }

    /// [`ReplySlot::wait`] until it is time to sleep.
    #[inline]
    pub(crate) fn wait_awake(&mut self, deadline: Deadline, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
        let slot = self.replies.slot(self.index);
        let replied = || {
            let seen = ReplyWord(slot.word.load(Acquire)); // PAIR: replied
            (seen.state() == State::Replied).then_some(())
        };
        replied().or_else(|| spin(self.replies.window.segment, deadline, replied))?;
        self.take_answer(buffer)
    }

    /// [`ReplySlot::wait`] for an answer that surely takes longer than a spin.
    pub(crate) fn wait_asleep(&mut self, deadline: Deadline, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
        self.sleep(deadline, || None::<()>);
        self.take_answer(buffer)
    }

    /// [`ReplySlot::wait_asleep`] that asks `look` before each sleep.
    ///
    /// # Errors
    /// What `look` gave ends the wait.
    pub(crate) fn wait_watchfully<F>(
        &mut self,
        deadline: Deadline,
        buffer: &mut Vec<u8>,
        look: impl FnMut() -> Option<F>,
    ) -> Result<Option<ReplyKind>, F> {
        match self.sleep(deadline, look) {
            Some(found) => Err(found),
            None => Ok(self.take_answer(buffer)),
        }
    }

    /// Sleeps until the answer is there, the deadline has passed, or `look` has found something.
    #[cold]
    fn sleep<F>(&self, deadline: Deadline, mut look: impl FnMut() -> Option<F>) -> Option<F> {
        let slot = self.replies.slot(self.index);
        loop {
            let seen = ReplyWord(slot.word.load(Acquire));
            if seen.state() == State::Replied || deadline.has_passed() {
                return None;
            }
            let sleeping = seen.0 | ReplyWord::SLEEPS;
            if seen.0 == sleeping || slot.word.compare_exchange(seen.0, sleeping, AcqRel, Acquire).is_ok() {
                // Who wants another look after this one changes the word as well.
                if let Some(found) = look() {
                    return Some(found);
                }
                // A change of state after this changes the word that the kernel compares.
                Mapped::sleep(low_half(slot), sleeping as u32, deadline);
            }
        }
    }

    /// Whether the answer is there, for [`ReplySlot::take_answer`].
    #[inline]
    pub(crate) fn is_answered(&self) -> bool {
        let seen = ReplyWord(self.replies.slot(self.index).word.load(Acquire)); // PAIR: replied
        seen.state() == State::Replied
    }

    /// Waits until `test` gives a value; `None`: not before `deadline`. It gives one when the answer is
    /// there; whoever makes it give one before that calls [`poke`].
    pub(crate) fn wait_for<T>(&self, deadline: Deadline, mut test: impl FnMut() -> Option<T>) -> Option<T> {
        if let Some(value) = test() {
            return Some(value);
        }
        spin(self.replies.window.segment, deadline, &mut test).or_else(|| self.sleep_for(deadline, test))
    }

    /// Sleeps until `test` gives a value or the deadline has passed.
    #[cold]
    fn sleep_for<T>(&self, deadline: Deadline, mut test: impl FnMut() -> Option<T>) -> Option<T> {
        let slot = self.replies.slot(self.index);
        loop {
            let seen = ReplyWord(slot.word.load(Acquire));
            if seen.state() == State::Replied {
                return test();
            }
            let sleeping = seen.0 | ReplyWord::SLEEPS;
            if seen.0 != sleeping && slot.word.compare_exchange(seen.0, sleeping, AcqRel, Acquire).is_err() {
                continue;
            }
            Mapped::fence();
            // The second test: from here on whoever pokes sees the flag, and changes the word.
            if let Some(value) = test() {
                return Some(value);
            }
            if deadline.has_passed() {
                return None;
            }
            Mapped::sleep(low_half(slot), sleeping as u32, deadline);
        }
    }

    /// Has the waker woken at the answer, at the next [`poke`] or at the deadline. Look after it at what is
    /// waited for: who was faster does not ring.
    pub(crate) fn register(&self, context: &mut Context<'_>, deadline: Deadline) {
        let (word, seen) = self.watch();
        waker::register(self.replies.window.segment, word, seen, deadline, context.waker());
    }

    /// The word that changes with the answer or the next [`poke`], and what it is now. From then on either rings
    /// the doorbell of this process; one that came before does not.
    pub(crate) fn watch(&self) -> (&'static AtomicU32, u32) {
        let slot = self.replies.slot(self.index);
        let seen = slot.word.fetch_or(ReplyWord::ASYNC, AcqRel) | ReplyWord::ASYNC;
        Mapped::fence();
        (low_half(slot), seen as u32)
    }

    /// [`ReplySlot::wait`] for async callers: the waker is woken at the answer or the deadline.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        deadline: Deadline,
        buffer: &mut Vec<u8>,
    ) -> Poll<Option<ReplyKind>> {
        if let Some(kind) = self.take_answer(buffer) {
            return Poll::Ready(Some(kind));
        }
        if deadline.has_passed() {
            return Poll::Ready(None);
        }
        self.register(context, deadline);
        // The answer may have come before the flag; then nobody rings.
        match self.take_answer(buffer) {
            Some(kind) => Poll::Ready(Some(kind)),
            None => Poll::Pending,
        }
    }

    /// The answer, if it is there; its payload replaces what is in `buffer`.
    pub(crate) fn take_answer(&mut self, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
        let slot = self.replies.slot(self.index);
        let seen = ReplyWord(slot.word.load(Acquire)); // PAIR: replied
        if seen.state() != State::Replied {
            return None;
        }
        let meta = Meta::load(slot);
        if let Some(number) = meta.extent {
            self.replies.window.take_over_extent(number);
        }
        buffer.clear();
        let is_whole = self.replies.window.read_payload(slot, meta, 0, buffer);
        slot.word.store(seen.next_idle().0, Release);
        if let Some(number) = meta.extent {
            self.replies.window.free_extent(number);
        }
        self.is_done = true;
        self.replies.give_back(self.index, true);
        Some(if is_whole { seen.kind() } else { ReplyKind::Failed })
    }
}

impl Drop for ReplySlot {
    /// Gives the call up: a late answer is dropped.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let word = &self.replies.slot(self.index).word;
        loop {
            let seen = ReplyWord(word.load(Acquire));
            let then = match seen.state() {
                State::Replied => {
                    let mut unread = Vec::new();
                    self.take_answer(&mut unread);
                    throw_away(&unread);
                    return;
                }
                State::Writing => ReplyWord(seen.0 | ReplyWord::ABANDONED),
                _ => seen.next_idle(),
            };
            if word.compare_exchange(seen.0, then.0, AcqRel, Acquire).is_ok() {
                // Who waits for room to answer this call need not.
                self.replies.window.extent_room().notify_each();
                self.replies.give_back(self.index, then.state() == State::Idle);
                return;
            }
        }
    }
}
