//! The operations on what processes share beside queues and mailboxes, each in all of its variants.
//!
//! A new variant is a line here. What it is tried on, and what has to hold then, is in the file of the thing.

use super::barriers::{self, Meeting};
use super::conditions::{self, Notified};
use super::events::{self, Happening};
use super::locks::{self, Few, Locked, Many};
use super::moves::{self, Moved, Side};
use super::permits::{self, Permits};
use super::pipes::{self, LONG, Piped, SHORT};
use super::pools::{self, Pooled};
use super::readers::{self, Readable};
use super::thing::Thing;
use crate::crash::Fault;

/// One operation in one variant.
#[derive(Clone, Copy)]
pub(in crate::crash::steps) struct Row {
    pub(in crate::crash::steps) title: &'static str,
    pub(super) meanwhile: Meanwhile,
    pub(super) make: fn() -> Result<Box<dyn Thing>, Fault>,
}

/// What somebody else does in the midst of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    Nothing,
    /// What the victim waits for.
    GoesOn,
}

impl Row {
    const fn new(title: &'static str, make: fn() -> Result<Box<dyn Thing>, Fault>) -> Row {
        Row { title, meanwhile: Meanwhile::Nothing, make }
    }

    const fn goes_on(self) -> Row {
        Row { meanwhile: Meanwhile::GoesOn, ..self }
    }
}

/// All of them.
pub(in crate::crash::steps) const ROWS: &[Row] = &[
    Row::new("mutex/write", || Locked::<Few>::make(locks::Act::Write)),
    Row::new("mutex/write-many-words", || Locked::<Many>::make(locks::Act::Write)),
    Row::new("mutex/write-after-a-death", || Locked::<Many>::make(locks::Act::WriteAfterDeath)),
    Row::new("mutex/unlock-to-a-sleeper", || Locked::<Many>::make(locks::Act::Unlock)),
    Row::new("lock/by-hand", || Locked::<Few>::make(locks::Act::ByHand)),
    Row::new("lock/held-and-then-not", || Locked::<Few>::make(locks::Act::Patiently)).goes_on(),
    Row::new("rlock/nested", || Locked::<Few>::make(locks::Act::Nested)),
    Row::new("rwlock/read", || Readable::make(readers::Act::Read)),
    Row::new("rwlock/write", || Readable::make(readers::Act::Write)),
    Row::new("rwlock/write-behind-a-reader", || Readable::make(readers::Act::WriteBehindReader)).goes_on(),
    Row::new("semaphore/acquire", || Permits::make(permits::Act::Acquire)),
    Row::new("semaphore/none-and-then-one", || Permits::make(permits::Act::AcquirePatiently)).goes_on(),
    Row::new("semaphore/give-back-to-a-sleeper", || Permits::make(permits::Act::GiveBack)),
    Row::new("semaphore/release", || Permits::make(permits::Act::Release)),
    Row::new("semaphore/release-to-a-sleeper", || Permits::make(permits::Act::ReleaseToSleeper)),
    Row::new("semaphore/forget", || Permits::make(permits::Act::Forget)),
    Row::new("event/set", || Happening::make(events::Act::Set)),
    Row::new("event/set-and-clear", || Happening::make(events::Act::Pulse)),
    Row::new("event/wait", || Happening::make(events::Act::Wait)).goes_on(),
    Row::new("condition/notify-one", || Notified::make(conditions::Act::NotifyOne)),
    Row::new("condition/notify-all", || Notified::make(conditions::Act::NotifyAll)),
    Row::new("condition/wait", || Notified::make(conditions::Act::Wait)).goes_on(),
    Row::new("barrier/first", || Meeting::make(barriers::Act::First)).goes_on(),
    Row::new("barrier/last", || Meeting::make(barriers::Act::Last)),
    Row::new("pipe_send/inline", || Piped::make(pipes::Act::Send, SHORT)),
    Row::new("pipe_send/extent", || Piped::make(pipes::Act::Send, LONG)),
    Row::new("pipe_send/to-a-sleeper", || Piped::make(pipes::Act::SendToSleeper, SHORT)),
    Row::new("pipe_send/full-and-then-not", || Piped::make(pipes::Act::SendPatiently, SHORT)).goes_on(),
    Row::new("pipe_recv/inline", || Piped::make(pipes::Act::Recv, SHORT)),
    Row::new("pipe_recv/extent", || Piped::make(pipes::Act::Recv, LONG)),
    Row::new("pipe_recv/with-a-sender-asleep", || Piped::make(pipes::Act::RecvWithSender, SHORT)),
    Row::new("pipe_recv/empty-and-then-not", || Piped::make(pipes::Act::RecvPatiently, SHORT)).goes_on(),
    Row::new("pipe_end/close-sender-with-a-receiver-asleep", || Piped::make(pipes::Act::CloseSender, SHORT)),
    Row::new("pipe_end/close-receiver-with-a-sender-asleep", || Piped::make(pipes::Act::CloseReceiver, SHORT)),
    Row::new("pipe_end/give-sender", || Moved::make(moves::Act::Give, Side::Sender)),
    Row::new("pipe_end/give-receiver", || Moved::make(moves::Act::Give, Side::Receiver)),
    Row::new("pipe_end/take-sender", || Moved::make(moves::Act::Take, Side::Sender)),
    Row::new("pipe_end/take-receiver", || Moved::make(moves::Act::Take, Side::Receiver)),
    Row::new("pipe_end/take-sender-as-a-task", || Moved::make(moves::Act::TakeAsTask, Side::Sender)),
    Row::new("pool/tasks", || Pooled::make(pools::Act::Tasks)),
    Row::new("pool/tasks-with-extents", || Pooled::make(pools::Act::LargeTasks)),
    Row::new("pool/chunk", || Pooled::make(pools::Act::Chunk)),
];
