//! [`Waiting`]: a live one who waits for what an actor does next, while the actor is led to its death.
//!
//! He sleeps before the actor goes on, so it is the actor's wake that he needs, or the node's after its
//! death.

use actor_core::node;
use actor_core::prelude::*;

use super::aside::Aside;
use super::clerk::{Bulk, Clerk};
use super::office::CALL_MAX;
use crate::crash::{Fault, Kind};
use crate::watch::bound;

/// A thread that waits.
pub(super) type Waiting = Aside<Told>;

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
        Aside::asleep(move || {
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
        Aside::asleep(move || match clerk.note_again(number, Bulk::of(length)).timeout(bound(CALL_MAX)).send() {
            Ok(()) => Told::Sent,
            Err(error) => Told::Refused(error.to_string()),
        })
    }

    /// For the end of the actor, which was asked to stop after all messages or at once.
    pub(super) fn stop(clerk: ActorRef<Clerk>, after_all: bool) -> Result<Waiting, Fault> {
        let waiting = Aside::asleep(move || {
            let stopped = if after_all { clerk.stop_timeout(bound(CALL_MAX)) } else { clerk.stop_now() };
            stopped.map_or_else(|error| Told::Refused(error.to_string()), |_| Told::Stopped)
        })?;
        // The node serves in turn: by now it has asked the actor.
        node::counters().map_err(|error| Kind::Wedged.fault(error))?;
        Ok(waiting)
    }
}
