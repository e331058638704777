//! The operations on a mailbox and on answers, each in all of its variants, and what processes do there.
//!
//! A new variant is a line of the table. What is done by the actor itself is in [`clerk`](super::clerk).

use std::time::Duration;

use actor_core::prelude::*;
use actor_core::process::Process;
use serde::{Deserialize, Serialize};

use super::clerk::{Bulk, Clerk};
use super::scene::{Note, Notes};
use super::table::SIZE;
use crate::steps::stand_still;

/// One operation in one variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) title: &'static str,
    pub(super) act: Act,
    /// Bytes of the message, and of the answer if there is one.
    pub(super) length: usize,
    /// What the actor is at while a process does something.
    pub(super) clerk: There,
    /// What somebody else does in the midst of it.
    pub(super) between: Option<Meanwhile>,
    /// By a process that has never done so, or by an actor.
    pub(super) is_cold: bool,
}

/// What is done, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// By a process.
    Cast,
    TryCast,
    CastForAWhile,
    Call,
    /// It does not wait for the answer.
    CallAndGiveUp,
    /// By the actor, with a message of this kind.
    HandleNothing,
    HandleCall,
    HandleCallAgain,
    HandleCastAgain,
    /// By an actor that was asked to stop, after all messages or at once.
    Stop,
    StopNow,
}

/// Where the actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Asleep,
    /// In a handler, which ends when it is let go.
    Busy,
    /// So, and its mailbox is full.
    Full,
    /// So, and somebody else sleeps who waits for room.
    FullWithASender,
    /// Nowhere: it has ended for good.
    Gone,
}

/// What somebody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    /// The actor goes on, when the process sleeps.
    GoesOn,
    /// The actor goes on, when the process is about to sleep.
    GoesOnEarly,
    /// Somebody else casts.
    Casts,
}

/// Messages that the mailbox has room for beside the one in hand.
pub(super) const CAPACITY: u32 = 3;
const LONG: usize = 1_500;
/// Long enough for a sleep, short enough to be waited for at each instruction behind it.
const A_WHILE: Duration = Duration::from_millis(1);

impl Deed {
    const fn new(title: &'static str, act: Act, clerk: There) -> Deed {
        Deed { title, act, length: 0, clerk, between: None, is_cold: false }
    }

    const fn long(self) -> Deed {
        Deed { length: LONG, ..self }
    }

    const fn between(self, between: Meanwhile) -> Deed {
        Deed { between: Some(between), ..self }
    }

    const fn cold(self) -> Deed {
        Deed { is_cold: true, ..self }
    }

    /// Whether a process does it, and not the actor.
    pub(super) fn is_from_outside(&self) -> bool {
        matches!(self.act, Act::Cast | Act::TryCast | Act::CastForAWhile | Act::Call | Act::CallAndGiveUp)
    }

    /// Whether a second one may be at it beside the first one.
    pub(super) fn may_be_beside(&self) -> bool {
        self.is_from_outside() && self.clerk == There::Busy && self.between.is_none() && !self.is_cold
    }
}

/// All of them.
pub(super) const DEEDS: &[Deed] = &[
    Deed::new("cast/inline", Act::Cast, There::Busy),
    Deed::new("cast/extent", Act::Cast, There::Busy).long(),
    Deed::new("cast/to-a-sleeper", Act::Cast, There::Asleep),
    Deed::new("cast/extent-to-a-sleeper", Act::Cast, There::Asleep).long(),
    Deed::new("cast/the-first-of-all", Act::Cast, There::Busy).cold(),
    Deed::new("cast/full", Act::TryCast, There::Full),
    Deed::new("cast/full-for-a-while", Act::CastForAWhile, There::Full),
    Deed::new("cast/full-and-then-not", Act::Cast, There::Full).between(Meanwhile::GoesOn),
    Deed::new("cast/contended", Act::Cast, There::Busy).between(Meanwhile::Casts),
    Deed::new("cast/contended-extent", Act::Cast, There::Busy).long().between(Meanwhile::Casts),
    Deed::new("cast/closed", Act::Cast, There::Gone),
    Deed::new("call/inline", Act::Call, There::Busy).between(Meanwhile::GoesOn),
    Deed::new("call/extents", Act::Call, There::Busy).long().between(Meanwhile::GoesOn),
    Deed::new("call/answered-before-it-sleeps", Act::Call, There::Busy).between(Meanwhile::GoesOnEarly),
    Deed::new("call/the-first-of-all", Act::Call, There::Busy).between(Meanwhile::GoesOn).cold(),
    Deed::new("call/to-a-sleeper", Act::Call, There::Asleep),
    Deed::new("call/given-up", Act::CallAndGiveUp, There::Busy),
    Deed::new("call/given-up-with-extents", Act::CallAndGiveUp, There::Busy).long(),
    Deed::new("call/given-up-and-answered", Act::CallAndGiveUp, There::Asleep).long(),
    Deed::new("call/full-and-then-not", Act::Call, There::Full).between(Meanwhile::GoesOn),
    Deed::new("call/closed", Act::Call, There::Gone),
    Deed::new("handle/nothing", Act::HandleNothing, There::Busy),
    Deed::new("handle/call", Act::HandleCall, There::Busy),
    Deed::new("handle/the-first-call-of-a-life", Act::HandleCall, There::Busy).cold(),
    Deed::new("handle/call-with-extents", Act::HandleCall, There::Busy).long(),
    Deed::new("handle/call-that-is-redelivered", Act::HandleCallAgain, There::Busy),
    Deed::new("handle/call-that-is-redelivered-with-extents", Act::HandleCallAgain, There::Busy).long(),
    Deed::new("handle/cast-that-is-redelivered", Act::HandleCastAgain, There::Busy),
    Deed::new("handle/cast-that-is-redelivered-with-extents", Act::HandleCastAgain, There::Busy).long(),
    Deed::new("handle/with-a-sender-asleep", Act::HandleNothing, There::FullWithASender),
    Deed::new("handle/extents-with-a-sender-asleep", Act::HandleNothing, There::FullWithASender).long(),
    Deed::new("stop/after-all", Act::Stop, There::Busy),
    Deed::new("stop/now", Act::StopNow, There::Busy),
];

/// What a process has to do.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Errand {
    pub(super) clerk: ActorRef<Clerk>,
    /// Another actor, for what is not tried.
    pub(super) other: ActorRef<Clerk>,
    pub(super) notes: Notes,
    pub(super) act: Act,
    pub(super) number: u32,
    pub(super) length: usize,
    pub(super) is_cold: bool,
}

impl Errand {
    /// A process on its way to the beginning of what it has to do.
    pub(super) fn begin(&self) -> Result<Process<()>, actor_core::process::SpawnError> {
        Process::spawn(do_errand, self.clone())
    }
}

fn do_errand(errand: Errand) {
    let Errand { clerk, other, notes, act, number, length, is_cold } = errand;
    let bytes = || Bulk::of(length);
    if !is_cold {
        // What a process does for the first time in its life is not what is tried.
        drop(SIZE.create::<u8>());
        let _ = other.work(number, bytes()).wait();
        let _ = clerk.status();
    }
    let (cast, call) = (clerk.note(number, bytes()), clerk.work(number, bytes()));
    stand_still();
    let is_sent = match act {
        Act::TryCast => cast.try_send().is_ok(),
        Act::CastForAWhile => cast.timeout(A_WHILE).send().is_ok(),
        Act::Call => call.wait().is_ok_and(|answer| answer.is_whole(length)),
        // In vain, and that is what is to be. Whether it was sent nobody has said.
        Act::CallAndGiveUp => return end(&notes, call.timeout(Duration::ZERO).wait().is_ok().then_some(Note::Sent)),
        _ => cast.send().is_ok(),
    };
    end(&notes, Some(if is_sent { Note::Sent } else { Note::Refused }));
}

fn end(notes: &Notes, told: Option<Note>) {
    if let Some(told) = told {
        notes.set(told, 1);
    }
    notes.end()
}
