//! The answerer's end of a call, and its repair when the answerer dies there.
//!
//! An answer is written by whoever has the call: the actor that handled it, or the node in place of a
//! dead one. Of several only the first counts. Nothing here knows what an answer means.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::Duration;

use super::REPLY_MAX;
use super::duty::Duty;
use super::word::{ReplyKind, ReplyWord, State, low_half};
use crate::id::Participant;
use crate::mailbox::ReplyAddress;
use crate::planted::{self, planted};
use crate::shm::lately;
use crate::shm::layout::{INLINE_MAX, SlotHead};
use crate::shm::payload::Meta;
use crate::shm::post::PostError;
use crate::shm::segment::attached;
use crate::shm::window::{Kind, Window};
use crate::sys::futex;
use crate::time::Deadline;

/// How long a large answer waits for room: as long as callers wait who say nothing else.
pub(super) const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// Answers a call without waiting. False: the caller has given it up, or is gone, or is told that
/// there was no room for the answer.
pub(crate) fn answer(address: ReplyAddress, kind: ReplyKind, payload: &[u8]) -> bool {
    answer_by(address, kind, payload, |_| true, || Deadline::Now)
}

/// [`answer`], if the word of the call is as `is_due` wants it.
pub(super) fn answer_if(
    address: ReplyAddress,
    kind: ReplyKind,
    payload: &[u8],
    is_due: impl Fn(ReplyWord) -> bool + Copy,
) -> bool {
    answer_by(address, kind, payload, is_due, || Deadline::Now)
}

/// [`answer`] that waits for room if the caller has as many large answers as it can and has not read
/// them. Not for the node, which waits for nobody.
pub(crate) fn answer_patiently(address: ReplyAddress, kind: ReplyKind, payload: &[u8]) -> bool {
    answer_by(address, kind, payload, |_| true, || Deadline::after(ROOM_PATIENCE))
}

/// The deadline is only asked for if there is no room: reading the clock takes as long as answering.
fn answer_by(
    address: ReplyAddress,
    kind: ReplyKind,
    payload: &[u8],
    is_due: impl Fn(ReplyWord) -> bool + Copy,
    deadline: impl FnOnce() -> Deadline,
) -> bool {
    let mut answered = Answered::TooLarge;
    if payload.len() as u64 <= REPLY_MAX {
        answered = put(address, kind, payload, is_due, Deadline::Now);
        if answered == Answered::NoRoom {
            answered = put(address, kind, payload, is_due, deadline());
        }
    }
    let why = match answered {
        Answered::Yes => return true,
        Answered::GivenUp => return false,
        Answered::NoRoom => "there is no room for the reply".to_owned(),
        Answered::TooLarge => format!("the reply has {} bytes, which is more than {REPLY_MAX}", payload.len()),
    };
    put(address, ReplyKind::Failed, why.as_bytes(), is_due, Deadline::Now);
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

/// Has a caller who waits for something beside the answer look at it: it was made true, and a full fence
/// lies in between. False: it does not wait any more.
///
/// Dead between the change of the word and the wake: [`recover`] wakes whoever may have been meant.
#[inline]
pub(crate) fn poke(address: ReplyAddress) -> bool {
    let Some(window) = attach(address) else { return false };
    let slot = window.slot(u32::from(address.slot));
    let seen = ReplyWord(slot.word.load(Acquire));
    if !is_waiting(seen, address) {
        return false;
    }
    if seen.has(ReplyWord::SLEEPS | ReplyWord::ASYNC) {
        poke_awake(&window, slot, address);
    }
    true
}

#[cold]
fn poke_awake(window: &Window, slot: &'static SlotHead, address: ReplyAddress) {
    let mut seen = ReplyWord(slot.word.load(Acquire));
    while is_waiting(seen, address) {
        let awake = seen.0 & !(ReplyWord::SLEEPS | ReplyWord::ASYNC);
        match slot.word.compare_exchange(seen.0, awake, AcqRel, Acquire) {
            Ok(_) => return wake(window, slot, seen),
            Err(now) => seen = ReplyWord(now),
        }
    }
}

fn is_waiting(seen: ReplyWord, address: ReplyAddress) -> bool {
    seen.state() == State::Waiting && seen.generation() == address.generation
}

fn put(
    address: ReplyAddress,
    kind: ReplyKind,
    payload: &[u8],
    is_due: impl Fn(ReplyWord) -> bool,
    deadline: Deadline,
) -> Answered {
    let Some(window) = attach(address) else { return Answered::GivenUp };
    let slot = window.slot(u32::from(address.slot));
    let is_wanted = |seen: ReplyWord| is_waiting(seen, address) && is_due(seen);
    let is_still_wanted = || is_wanted(ReplyWord(slot.word.load(Acquire)));
    if !is_still_wanted() {
        return Answered::GivenUp;
    }
    let mut extent = None;
    if INLINE_MAX < payload.len() as u64 {
        match window.wait_for_extent([payload, &[]], deadline, is_still_wanted) {
            Ok(number) => extent = Some(number),
            Err(PostError::Closed | PostError::Gone) => return Answered::GivenUp,
            Err(PostError::Full | PostError::NoMemory | PostError::TooLarge { .. }) => return Answered::NoRoom,
        }
    }
    let me = window.segment.me();
    let mut seen = ReplyWord(slot.word.load(Acquire));
    loop {
        if !is_wanted(seen) {
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
    if planted!(ForgetReplies) {
        planted::widen();
    }
    if extent.is_none() {
        window.write_inline(slot, [payload, &[]]);
    }
    Meta { length: payload.len() as u32, extent }.store(slot);
    if finish(&window, slot, kind) { Answered::Yes } else { Answered::GivenUp }
}

/// The window of a reply slot, if the slot is one.
pub(super) fn attach(address: ReplyAddress) -> Option<Window> {
    let window = attached().and_then(|segment| lately::attach(segment, address.window, Kind::Replies));
    window.filter(|window| has_slot(window, address))
}

fn has_slot(window: &Window, address: ReplyAddress) -> bool {
    u32::from(address.slot) < window.layout.shape.capacity
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
/// never were, and whoever it may have failed to wake looks again. Called by the node only, which gets
/// the calls that were the dead one's duty to answer.
pub(crate) fn recover(window: &Window, dead: Participant) -> Vec<Duty> {
    let mut owed = Vec::new();
    for index in 0..window.layout.shape.capacity {
        let slot = window.slot(index);
        let mut seen = ReplyWord(slot.word.load(Acquire));
        while seen.state() == State::Writing && seen.participant() == dead {
            let then = if seen.has(ReplyWord::ABANDONED) {
                seen.next_idle()
            } else if seen.hops() == 0 {
                seen.to(State::Waiting, Participant::NOBODY)
            } else {
                // Whoever had the duty before was overwritten, most likely by itself.
                seen.to(State::Waiting, dead)
            };
            match slot.word.compare_exchange(seen.0, then.0, AcqRel, Acquire) {
                Ok(_) => seen = then,
                Err(now) => seen = ReplyWord(now),
            }
        }
        match seen.state() {
            State::Replied => wake(window, slot, seen),
            // Poked by the dead, who may not have come to wake it. With the flag, nobody has been poked; an
            // async caller finds the word changed, and all doorbells are rung at a death.
            State::Waiting if !seen.has(ReplyWord::SLEEPS) => drop(futex::wake(low_half(slot), u32::MAX)),
            _ => {}
        }
        owed.extend(Duty::of(window, index, seen).filter(|_| seen.participant() == dead));
    }
    window.recover_extents(dead);
    owed
}

/// Whether this call waits for its answer and nobody has begun to give one. For those who only look.
pub(crate) fn is_owed(address: ReplyAddress) -> bool {
    let window = attached().and_then(|segment| Window::look(segment, address.window, Kind::Replies));
    let slot = window.filter(|window| has_slot(window, address)).map(|window| window.slot(u32::from(address.slot)));
    slot.is_some_and(|slot| {
        let seen = ReplyWord(slot.word.load(Acquire));
        // Once taken out of its message the duty may be anybody's.
        seen.generation() == address.generation && seen.state() == State::Waiting && seen.hops() == 0
    })
}

/// Has the caller look again before it sleeps on, if it waits. Dead in the middle: it may not have been
/// woken.
pub(crate) fn nudge(address: ReplyAddress) {
    let Some(window) = attach(address) else { return };
    let slot = window.slot(u32::from(address.slot));
    let mut seen = ReplyWord(slot.word.load(Acquire));
    while seen.generation() == address.generation && seen.state() == State::Waiting {
        // The word that a sleeper compares is another now, whether it sleeps already or not yet.
        match slot.word.compare_exchange(seen.0, seen.0 ^ ReplyWord::NUDGED, AcqRel, Acquire) {
            Ok(_) => return wake(&window, slot, seen),
            Err(now) => seen = ReplyWord(now),
        }
    }
}

/// Whether this call waits for its answer. If not, it was answered, given up, or its caller is gone.
/// For the node.
pub(crate) fn is_waited_for(address: ReplyAddress) -> bool {
    attach(address).is_some_and(|window| {
        let seen = ReplyWord(window.slot(u32::from(address.slot)).word.load(Acquire));
        seen.generation() == address.generation && matches!(seen.state(), State::Waiting | State::Writing)
    })
}
