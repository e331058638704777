//! What a mailbox knows of its receiver: that it is to stop, which life it lives, what it does now.
//!
//! The node writes when a life begins and ends, the receiver stamps what it handles, and anybody looks.
//! Nothing here starts, stops or judges a process.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use super::Mailbox;
use crate::id::{Participant, WindowId};
use crate::shm::window::{self, Window, flags};
use crate::shm::{slots, table};

/// What is stamped instead of the number of a handler while something is handled that is no message.
pub(crate) const NEWS_HANDLER: u16 = u16::MAX;

impl Mailbox {
    /// Refuses new messages and asks the receiver to stop: after all messages, or after the one in
    /// hand.
    pub(crate) fn stop(&self, after_all: bool) {
        let stop = if after_all { flags::STOP_AFTER } else { flags::STOP_NOW };
        window::raise_flags(&self.window, flags::CLOSING | stop);
        // The flags are raised and then this is read, the receiver notes this and then looks at the flags, a
        // fence in between on both sides: one of them sees the other.
        if let Some(window) = self.waits_in() {
            window.room().notify_all();
            window.extent_room().notify_all();
        }
    }

    /// Whether the actor was asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        window::has_flags(&self.window.header().state.flags, flags::STOP_AFTER | flags::STOP_NOW)
    }

    /// Notes that the receiver is about to wait for room in another window than this, in which whoever asks
    /// it to stop wakes it; or that it does not wait any more. Dead in between: the next life clears it, and
    /// a wake too many harms nobody.
    pub(crate) fn note_waits_in(&self, window: Option<WindowId>) {
        let packed = window.map_or(0, |id| (u64::from(id.index) << 32 | u64::from(id.generation)) + 1);
        self.window.header().actor.waits_in.store(packed, Relaxed);
    }

    fn waits_in(&self) -> Option<Window> {
        let packed = self.window.header().actor.waits_in.load(Relaxed).checked_sub(1)?;
        let (index, generation) = ((packed >> 32) as u16, packed as u32);
        table::at(self.window.segment, index).filter(|window| window.id.generation == generation)
    }

    /// Has the receiver look for news before the next message. Called after there is some.
    pub(crate) fn announce_news(&self) {
        window::set_flags(&self.window, flags::NEWS);
        self.window.items().notify_each();
    }

    /// Takes messages again, for a new life. Called by the node between two lives.
    pub(crate) fn reopen(&self) {
        window::clear_flags(&self.window, flags::CLOSING | flags::CLOSED_NOW | flags::STOP_AFTER | flags::STOP_NOW);
        slots::unseal(&self.window);
    }

    /// Notes that a life begins. Called by the node.
    pub(crate) fn begin_life(&self, life: u32) {
        // News was for the process of the life before.
        window::clear_flags(&self.window, flags::NEWS);
        self.clear_wait();
        let actor = &self.window.header().actor;
        actor.handling.store(0, Relaxed);
        actor.handled.store(0, Relaxed);
        actor.waits_in.store(0, Relaxed);
        actor.life.store(life, Relaxed);
        self.set_living(Participant::NOBODY);
    }

    /// Notes who lives the life that has begun, before he is at work. Called by the node.
    pub(crate) fn set_living(&self, participant: Participant) {
        let actor = &self.window.header().actor;
        actor.participant.store(u32::from(participant.0), Release);
    }

    /// Notes that nobody lives here. Called by the node after the proven death, or when nobody could be
    /// started.
    pub(crate) fn end_life(&self) {
        self.clear_wait();
        self.window.header().actor.participant.store(0, Release);
    }

    /// The current life and who lives it, if anybody.
    pub(crate) fn life(&self) -> (u32, Option<Participant>) {
        let actor = &self.window.header().actor;
        let participant = Participant(actor.participant.load(Acquire) as u16);
        (actor.life.load(Relaxed), (participant != Participant::NOBODY).then_some(participant))
    }

    /// Stamps that the receiver handles something that is no message, or that it has.
    pub(crate) fn stamp_news(&self, handling: bool) {
        let actor = &self.window.header().actor;
        actor.since_ns.store(coarse_now_ns(), Relaxed);
        actor.handling.store(if handling { u32::from(NEWS_HANDLER) + 1 } else { 0 }, Relaxed);
    }

    /// Stamps what the receiver does: a handler, or nothing.
    #[inline]
    pub(crate) fn stamp(&self, handler: Option<u16>) {
        let actor = &self.window.header().actor;
        match handler {
            Some(handler) => {
                actor.since_ns.store(coarse_now_ns(), Relaxed);
                actor.handling.store(u32::from(handler) + 1, Relaxed);
            }
            None => {
                actor.handling.store(0, Relaxed);
                actor.handled.store(actor.handled.load(Relaxed).wrapping_add(1), Relaxed);
            }
        }
    }

    /// The handler in hand and for how long, and the number of messages handled in this life.
    pub(crate) fn stamped(&self) -> (Option<(u16, Duration)>, u64) {
        let actor = &self.window.header().actor;
        let handling = actor.handling.load(Relaxed).checked_sub(1).map(|handler| {
            let since = actor.since_ns.load(Relaxed);
            (handler as u16, Duration::from_nanos(coarse_now_ns().saturating_sub(since)))
        });
        (handling, actor.handled.load(Relaxed))
    }
}

/// Monotonic nanoseconds at the resolution of the timer interrupt: a few instructions to read.
fn coarse_now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
