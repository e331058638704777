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

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::id::Participant;
use crate::mailbox::ReplyAddress;
use crate::shm::lately;
use crate::shm::layout::{INLINE_MAX, Shape, SlotHead};
use crate::shm::payload::Meta;
use crate::shm::post::PostError;
use crate::shm::segment::{Segment, attached};
use crate::shm::slots;
use crate::shm::spin::spin;
use crate::shm::table::MakeError;
use crate::shm::window::{Kind, Window};
use crate::shm::words::{Mapped, Memory};
use crate::sys::futex;
use crate::time::Deadline;
use crate::waker;

/// Calls that one process can have under way at once.
pub(crate) const CALLS_MAX: u32 = 256;
/// Slots that no call gets, for requests to the node: with all calls of a process under way it can
/// still stop and kill whom they wait for. More requests than these take what calls have left.
const RESERVED: u32 = 32;
/// The largest reply, encoded.
pub(crate) const REPLY_MAX: u64 = 64 << 20;
/// Bytes of each size class of large replies.
const REPLY_BYTES: u64 = 32 << 20;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ReplyKind {
    /// What the handler returned.
    Value = 1,
    /// The error that the handler returned.
    Error = 2,
    /// The exit report of the callee, which died with the call in hand or for good.
    Exit = 3,
    /// There is no such actor any more.
    NoProc = 4,
    /// The actor stopped without handling the call.
    Closed = 5,
    /// The call could not be handled: a text.
    Failed = 6,
}

impl ReplyKind {
    fn of(bits: u64) -> ReplyKind {
        match bits {
            1 => ReplyKind::Value,
            2 => ReplyKind::Error,
            3 => ReplyKind::Exit,
            4 => ReplyKind::NoProc,
            5 => ReplyKind::Closed,
            _ => ReplyKind::Failed,
        }
    }
}

/// The word of a reply slot:
/// `state:3 | participant:14 | sleeps:1 | async:1 | abandoned:1 | kind:4 | 0:8 | generation:32`.
///
/// State and participant lie where they lie in the word of a message slot, and the states that
/// hold a payload or a writer have the same numbers there, so that recovery of extents and the
/// dismantling of windows serve both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReplyWord(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle = slots::State::Free as isize,
    Writing = slots::State::Writing as isize,
    Replied = slots::State::Ready as isize,
    Waiting = slots::State::Waiting as isize,
    Gone = slots::State::Sealed as isize,
}

impl ReplyWord {
    const SLEEPS: u64 = 1 << 17;
    const ASYNC: u64 = 1 << 18;
    const ABANDONED: u64 = 1 << 19;
    const KIND_SHIFT: u32 = 20;
    const GENERATION_SHIFT: u32 = 32;
    /// What a transition of the state keeps: who waits, and how.
    const KEPT: u64 = Self::SLEEPS | Self::ASYNC | Self::ABANDONED;

    const fn new(state: State, participant: Participant, generation: u32) -> ReplyWord {
        ReplyWord(state as u64 | (participant.0 as u64) << 3 | (generation as u64) << Self::GENERATION_SHIFT)
    }

    const fn state(self) -> State {
        match self.0 & 0b111 {
            0 => State::Idle,
            1 => State::Writing,
            2 => State::Replied,
            5 => State::Waiting,
            _ => State::Gone,
        }
    }

    const fn participant(self) -> Participant {
        Participant((self.0 >> 3) as u16 & ((1 << Participant::BITS) - 1))
    }

    const fn generation(self) -> u32 {
        (self.0 >> Self::GENERATION_SHIFT) as u32
    }

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn kind(self) -> ReplyKind {
        ReplyKind::of(self.0 >> Self::KIND_SHIFT & 0b1111)
    }

    /// The same call in another state.
    const fn to(self, state: State, participant: Participant) -> ReplyWord {
        ReplyWord(ReplyWord::new(state, participant, self.generation()).0 | self.0 & Self::KEPT)
    }

    const fn next_idle(self) -> ReplyWord {
        ReplyWord::new(State::Idle, Participant::NOBODY, self.generation().wrapping_add(1))
    }
}

/// What a slot is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call of an actor, or something else that may take as long as it likes.
    Call,
    /// A request that the node answers in a bounded time.
    Request,
}

/// This process's reply slots.
struct ReplyBox {
    window: Window,
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
}

static REPLIES: OnceLock<ReplyBox> = OnceLock::new();

/// Why no reply slot could be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Too many calls are under way until the deadline.
    #[error("{CALLS_MAX} calls of this process are under way")]
    Full,
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// A call of this process that waits for its answer. Dropped, the call is given up.
pub(crate) struct ReplySlot {
    replies: &'static ReplyBox,
    index: u16,
    generation: u32,
    is_done: bool,
}

impl ReplyBox {
    fn get(segment: &'static Segment) -> Result<&'static ReplyBox, MakeError> {
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

    fn slot(&self, index: u16) -> &'static SlotHead {
        self.window.slot(u32::from(index))
    }

    fn take(&self, purpose: Purpose, deadline: Deadline) -> Option<u16> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(index) = self.try_take(&mut free, purpose) {
                return Some(index);
            }
            let left = deadline.remaining().unwrap_or(Duration::from_secs(3600));
            if left.is_zero() {
                return None;
            }
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

    /// An idle slot, or an abandoned one whose writer has finished.
    fn take_from(&self, pool: &mut Pool) -> Option<u16> {
        if let Some(index) = pool.idle.pop() {
            return Some(index);
        }
        let is_idle = |&index: &u16| ReplyWord(self.slot(index).word.load(Acquire)).state() == State::Idle;
        let found = pool.abandoned.iter().position(is_idle)?;
        Some(pool.abandoned.swap_remove(found))
    }

    fn give_back(&self, index: u16, is_idle: bool) {
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
        static UNCHANGED: AtomicU32 = AtomicU32::new(0);
        let replies = match ReplyBox::get(segment) {
            Ok(replies) => replies,
            Err(error) => return Poll::Ready(Err(error.into())),
        };
        let mut free = replies.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = replies.try_take(&mut free, Purpose::Call) {
            return Poll::Ready(Ok(ReplySlot::begin(replies, index)));
        }
        if deadline.has_passed() {
            return Poll::Ready(Err(OpenError::Full));
        }
        free.wakers.push(context.waker().clone());
        drop(free);
        waker::register(segment, &UNCHANGED, 0, deadline, context.waker());
        Poll::Pending
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
        let slot = self.replies.slot(self.index);
        let replied = || {
            let seen = ReplyWord(slot.word.load(Acquire)); // PAIR: replied
            (seen.state() == State::Replied).then_some(())
        };
        if replied().is_none() && spin(self.replies.window.segment, deadline, replied).is_none() {
            self.sleep(deadline);
        }
        self.take_answer(buffer)
    }

    /// [`ReplySlot::wait`] for an answer that surely takes longer than a spin.
    pub(crate) fn wait_asleep(&mut self, deadline: Deadline, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
        self.sleep(deadline);
        self.take_answer(buffer)
    }

    /// Sleeps until the answer is there or the deadline has passed.
    #[cold]
    fn sleep(&self, deadline: Deadline) {
        let slot = self.replies.slot(self.index);
        loop {
            let seen = ReplyWord(slot.word.load(Acquire));
            if seen.state() == State::Replied || deadline.has_passed() {
                return;
            }
            let sleeping = seen.0 | ReplyWord::SLEEPS;
            if seen.0 == sleeping || slot.word.compare_exchange(seen.0, sleeping, AcqRel, Acquire).is_ok() {
                // A change of state after this changes the word that the kernel compares.
                Mapped::sleep(low_half(slot), sleeping as u32, deadline);
            }
        }
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
        let slot = self.replies.slot(self.index);
        let seen = slot.word.fetch_or(ReplyWord::ASYNC, AcqRel) | ReplyWord::ASYNC;
        waker::register(self.replies.window.segment, low_half(slot), seen as u32, deadline, context.waker());
        // The answer may have come before the flag; then nobody rings.
        match self.take_answer(buffer) {
            Some(kind) => Poll::Ready(Some(kind)),
            None => Poll::Pending,
        }
    }

    fn take_answer(&mut self, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
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
                    self.take_answer(&mut Vec::new());
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

/// The half of a reply word that the kernel compares: everything but the generation.
fn low_half(slot: &'static SlotHead) -> &'static AtomicU32 {
    crate::shm::words::low_half(&slot.word)
}

/// How long a large answer waits for room: as long as callers wait who say nothing else.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// Answers a call without waiting. False: the caller has given it up, or is gone, or is told that
/// there was no room for the answer.
pub(crate) fn answer(address: ReplyAddress, kind: ReplyKind, payload: &[u8]) -> bool {
    answer_by(address, kind, payload, || Deadline::Now)
}

/// [`answer`] that waits for room if the caller has as many large answers as it can and has not read
/// them. Not for the node, which waits for nobody.
pub(crate) fn answer_patiently(address: ReplyAddress, kind: ReplyKind, payload: &[u8]) -> bool {
    answer_by(address, kind, payload, || Deadline::after(ROOM_PATIENCE))
}

/// The deadline is only asked for if there is no room: reading the clock takes as long as answering.
fn answer_by(address: ReplyAddress, kind: ReplyKind, payload: &[u8], deadline: impl FnOnce() -> Deadline) -> bool {
    let mut answered = Answered::TooLarge;
    if payload.len() as u64 <= REPLY_MAX {
        answered = put(address, kind, payload, Deadline::Now);
        if answered == Answered::NoRoom {
            answered = put(address, kind, payload, deadline());
        }
    }
    let why = match answered {
        Answered::Yes => return true,
        Answered::GivenUp => return false,
        Answered::NoRoom => "there is no room for the reply".to_owned(),
        Answered::TooLarge => format!("the reply has {} bytes, which is more than {REPLY_MAX}", payload.len()),
    };
    put(address, ReplyKind::Failed, why.as_bytes(), Deadline::Now);
    false
}

/// What came of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    Yes,
    GivenUp,
    NoRoom,
    TooLarge,
}

fn put(address: ReplyAddress, kind: ReplyKind, payload: &[u8], deadline: Deadline) -> Answered {
    let Some(window) = attach(address) else { return Answered::GivenUp };
    let slot = window.slot(u32::from(address.slot));
    let is_waiting = |seen: ReplyWord| seen.state() == State::Waiting && seen.generation() == address.generation;
    let is_wanted = || is_waiting(ReplyWord(slot.word.load(Acquire)));
    if !is_wanted() {
        return Answered::GivenUp;
    }
    let mut extent = None;
    if INLINE_MAX < payload.len() as u64 {
        match window.wait_for_extent([payload, &[]], deadline, is_wanted) {
            Ok(number) => extent = Some(number),
            Err(PostError::Closed | PostError::Gone) => return Answered::GivenUp,
            Err(PostError::Full | PostError::NoMemory | PostError::TooLarge { .. }) => return Answered::NoRoom,
        }
    }
    let me = window.segment.me();
    let mut seen = ReplyWord(slot.word.load(Acquire));
    loop {
        if !is_waiting(seen) {
            if let Some(number) = extent {
                window.free_extent(number);
            }
            return Answered::GivenUp;
        }
        match slot.word.compare_exchange(seen.0, seen.to(State::Writing, me).0, AcqRel, Acquire) {
            Ok(_) => break,
            Err(now) => seen = ReplyWord(now),
        }
    }
    if extent.is_none() {
        window.write_inline(slot, [payload, &[]]);
    }
    Meta { length: payload.len() as u32, extent }.store(slot);
    if finish(&window, slot, kind) { Answered::Yes } else { Answered::GivenUp }
}

/// The window of a reply slot, if the slot is one.
fn attach(address: ReplyAddress) -> Option<Window> {
    let window = attached().and_then(|segment| lately::attach(segment, address.window, Kind::Replies));
    window.filter(|window| u32::from(address.slot) < window.layout.shape.capacity)
}

/// Turns a written answer into a reply and wakes the caller. False: it was given up meanwhile.
fn finish(window: &Window, slot: &'static SlotHead, kind: ReplyKind) -> bool {
    // Before the slot is idle: then the caller may use it for another call.
    let extent = Meta::load(slot).extent;
    let mut seen = ReplyWord(slot.word.load(Relaxed));
    loop {
        let then = if seen.has(ReplyWord::ABANDONED) {
            seen.next_idle()
        } else {
            // The flags are dropped: whoever they stand for is woken below.
            let replied = ReplyWord::new(State::Replied, Participant::NOBODY, seen.generation());
            ReplyWord(replied.0 | (kind as u64) << ReplyWord::KIND_SHIFT | seen.0 & ReplyWord::KEPT)
        };
        match slot.word.compare_exchange(seen.0, then.0, AcqRel, Acquire) {
            Ok(_) => break, // PAIR: replied
            Err(now) => seen = ReplyWord(now),
        }
    }
    if seen.has(ReplyWord::ABANDONED) {
        if let Some(number) = extent {
            window.free_extent(number);
        }
        return false;
    }
    wake(window, slot, seen);
    true
}

fn wake(window: &Window, slot: &'static SlotHead, seen: ReplyWord) {
    if seen.has(ReplyWord::SLEEPS) {
        futex::wake(low_half(slot), u32::MAX);
    }
    if seen.has(ReplyWord::ASYNC) {
        window.segment.ring_doorbell(window.maker());
    }
}

/// Repairs a reply window after the proven death of somebody who answered there: half answers
/// never were, and whoever it may have failed to wake looks again. Called by the node only.
pub(crate) fn recover(window: &Window, dead: Participant) {
    for index in 0..window.layout.shape.capacity {
        let slot = window.slot(index);
        let mut seen = ReplyWord(slot.word.load(Acquire));
        while seen.state() == State::Writing && seen.participant() == dead {
            let then = if seen.has(ReplyWord::ABANDONED) {
                seen.next_idle()
            } else {
                seen.to(State::Waiting, Participant::NOBODY)
            };
            match slot.word.compare_exchange(seen.0, then.0, AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => seen = ReplyWord(now),
            }
        }
        if seen.state() == State::Replied {
            wake(window, slot, seen);
        }
    }
    window.recover_extents(dead);
}

/// Whether this call waits for its answer. If not, it was answered, given up, or its caller is gone.
/// For the node.
pub(crate) fn is_waited_for(address: ReplyAddress) -> bool {
    attach(address).is_some_and(|window| {
        let seen = ReplyWord(window.slot(u32::from(address.slot)).word.load(Acquire));
        seen.generation() == address.generation && matches!(seen.state(), State::Waiting | State::Writing)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::segment::segment;

    /// Held by a test that has several slots at once: two such tests could wait for each other.
    static SEVERAL: Mutex<()> = Mutex::new(());

    fn several() -> std::sync::MutexGuard<'static, ()> {
        SEVERAL.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open() -> ReplySlot {
        ReplySlot::open(segment().unwrap(), Purpose::Call, Deadline::after(Duration::from_secs(5))).unwrap()
    }

    #[test]
    fn smoke() {
        let (mut slot, mut buffer) = (open(), Vec::new());
        assert_eq!(slot.wait(Deadline::after(Duration::ZERO), &mut buffer), None);
        assert!(is_waited_for(slot.address()));
        assert!(answer(slot.address(), ReplyKind::Value, b"42"));
        assert!(!is_waited_for(slot.address()));
        assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Value));
        assert_eq!(buffer, b"42");
    }

    #[test]
    fn a_late_answer_is_dropped() {
        let slot = open();
        let address = slot.address();
        drop(slot);
        assert!(!answer(address, ReplyKind::Value, b"late"));
        assert!(!answer(address, ReplyKind::Value, &[0; 5000]), "and its extent is free again");
    }

    #[test]
    fn only_the_first_answer_counts() {
        let (mut slot, mut buffer) = (open(), Vec::new());
        assert!(answer(slot.address(), ReplyKind::Error, b"first"));
        assert!(!answer(slot.address(), ReplyKind::Value, b"second"));
        assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Error));
        assert_eq!(buffer, b"first");
    }

    #[test]
    fn a_sleeper_is_woken_and_large_answers_arrive() {
        let (mut slot, mut buffer) = (open(), Vec::new());
        let address = slot.address();
        let payload: Vec<u8> = (0..3_000_000).map(|i| i as u8).collect();
        let sent = payload.clone();
        let answerer = std::thread::spawn(move || {
            // Longer than anybody spins.
            let until = std::time::Instant::now() + Duration::from_millis(5);
            while std::time::Instant::now() < until {
                std::thread::yield_now();
            }
            assert!(answer_patiently(address, ReplyKind::Value, &sent));
        });
        assert_eq!(slot.wait(Deadline::after(Duration::from_secs(10)), &mut buffer), Some(ReplyKind::Value));
        assert_eq!(buffer, payload);
        answerer.join().unwrap();
    }

    #[test]
    fn a_large_answer_waits_until_others_are_read() {
        let _several = several();
        let (large, mut buffer, mut answered) = (vec![7; 1 << 20], Vec::new(), Vec::new());
        loop {
            let mut slot = open();
            if !answer(slot.address(), ReplyKind::Value, &large) {
                assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Failed));
                break;
            }
            answered.push(slot);
        }
        let mut last = open();
        let address = last.address();
        let sent = large.clone();
        let answerer = std::thread::spawn(move || answer_patiently(address, ReplyKind::Value, &sent));
        assert_eq!(last.wait(Deadline::after(Duration::from_millis(20)), &mut buffer), None);
        assert_eq!(answered[0].wait(Deadline::Never, &mut buffer), Some(ReplyKind::Value));
        assert_eq!(last.wait(Deadline::after(Duration::from_secs(20)), &mut buffer), Some(ReplyKind::Value));
        assert_eq!(buffer, large);
        assert!(answerer.join().unwrap());
    }

    #[test]
    fn nobody_waits_for_room_to_answer_who_does_not_listen() {
        let _several = several();
        let large = vec![7; 16 << 20];
        let answered: Vec<_> =
            std::iter::repeat_with(open).take_while(|slot| answer(slot.address(), ReplyKind::Value, &large)).collect();
        let unheard = open();
        let address = unheard.address();
        let answerer = std::thread::spawn(move || answer_patiently(address, ReplyKind::Value, &large));
        drop(unheard);
        let begin = std::time::Instant::now();
        assert!(!answerer.join().unwrap());
        assert!(begin.elapsed() < ROOM_PATIENCE / 2);
        drop(answered);
    }

    #[test]
    fn a_half_written_answer_of_the_dead_never_was() {
        let (mut slot, mut buffer) = (open(), Vec::new());
        let dead = Participant(77);
        let window = slot.replies.window;
        let word = &slot.replies.slot(slot.index).word;
        let waiting = ReplyWord(word.load(Acquire));
        word.store(waiting.to(State::Writing, dead).0, Release);
        assert!(!answer(slot.address(), ReplyKind::Value, b"not now"));
        recover(&window, dead);
        recover(&window, dead);
        assert!(answer(slot.address(), ReplyKind::Exit, b"report"));
        assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Exit));
    }

    #[test]
    fn with_all_calls_under_way_the_node_can_be_asked() {
        let _several = several();
        let now = Deadline::after(Duration::ZERO);
        let open = |purpose, deadline| ReplySlot::open(segment().unwrap(), purpose, deadline);
        // Other tests have some of them for a moment.
        let soon = Deadline::after(Duration::from_secs(20));
        let calls: Vec<_> = (0..CALLS_MAX).map(|_| open(Purpose::Call, soon).unwrap()).collect();
        assert!(matches!(open(Purpose::Call, now), Err(OpenError::Full)));
        open(Purpose::Request, now).unwrap();
        drop(calls);
    }

    #[test]
    fn slots_are_not_used_up_by_calls_that_time_out() {
        for _ in 0..10 * CALLS_MAX {
            let mut slot = open();
            assert_eq!(slot.wait(Deadline::after(Duration::ZERO), &mut Vec::new()), None);
        }
    }
}
