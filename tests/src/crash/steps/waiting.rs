//! [`Waiting`]: a live one who waits for what an actor does next, while the actor is led to its death.
//!
//! He sleeps before the actor goes on, so it is the actor's wake that he needs, or the node's after its
//! death.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::{self, JoinHandle};

use actor_core::node;
use actor_core::prelude::*;

use super::clerk::{Bulk, Clerk};
use super::office::CALL_MAX;
use super::sleeper::{at_last, soon};
use crate::crash::{Fault, Kind};
use crate::watch::{bound, has_state};

/// A thread that waits.
pub(super) struct Waiting {
    thread: JoinHandle<Told>,
}

/// What somebody was told who waited.
#[derive(Debug)]
pub(super) enum Told {
    Answered(Bulk),
    Failed(CallError),
    Sent,
    Stopped,
    Refused(String),
}

impl Waiting {
    /// For the answer to a call.
    pub(super) fn call(clerk: ActorRef<Clerk>, number: u32, length: usize, again: bool) -> Result<Waiting, Fault> {
        Waiting::begin(move || {
            let bytes = Bulk::of(length);
            let answer = match again {
                false => clerk.work(number, bytes).timeout(bound(CALL_MAX)).wait(),
                true => clerk.work_again(number, bytes).timeout(bound(CALL_MAX)).wait(),
            };
            answer.map_or_else(Told::Failed, Told::Answered)
        })
    }

    /// For room.
    pub(super) fn cast(clerk: ActorRef<Clerk>, number: u32, length: usize) -> Result<Waiting, Fault> {
        Waiting::begin(move || match clerk.note_again(number, Bulk::of(length)).timeout(bound(CALL_MAX)).send() {
            Ok(()) => Told::Sent,
            Err(error) => Told::Refused(error.to_string()),
        })
    }

    /// For the end of the actor, which was asked to stop after all messages or at once.
    pub(super) fn stop(clerk: ActorRef<Clerk>, after_all: bool) -> Result<Waiting, Fault> {
        let waiting = Waiting::begin(move || {
            let stopped = if after_all { clerk.stop_timeout(bound(CALL_MAX)) } else { clerk.stop_now() };
            stopped.map_or_else(|error| Told::Refused(error.to_string()), |_| Told::Stopped)
        })?;
        // The node serves in turn: by now it has asked the actor.
        node::counters().map_err(|error| Kind::Wedged.fault(error))?;
        Ok(waiting)
    }

    /// Returns when he sleeps.
    fn begin(wait: impl FnOnce() -> Told + Send + 'static) -> Result<Waiting, Fault> {
        let number = Arc::new(AtomicU32::new(0));
        let told = number.clone();
        let thread = thread::spawn(move || {
            told.store(rustix::thread::gettid().as_raw_nonzero().get() as u32, Release);
            wait()
        });
        let asleep = || number.load(Acquire) != 0 && has_state(std::process::id(), number.load(Acquire), 'S');
        let is_there = at_last(|| asleep() || thread.is_finished()) && !thread.is_finished();
        Kind::Wedged.unless(is_there, || "somebody who was to wait does not".to_owned())?;
        Ok(Waiting { thread })
    }

    /// What he was told. He has something to wake up for.
    pub(super) fn end(self) -> Result<Told, Fault> {
        Kind::Wedged
            .unless(soon(|| self.thread.is_finished()), || "somebody is not told what has become".to_owned())?;
        self.thread.join().map_err(|_| Kind::Wedged.fault("somebody who waited has panicked"))
    }
}
