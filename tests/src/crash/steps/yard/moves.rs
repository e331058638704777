//! Ends of pipes that travel: at each instruction an end is the sender's, the message's or the taker's, and when
//! nobody has it any more the other end is told.

use actor_core::pipe::{self, Receiver, RecvError, SendError, Sender};
use actor_core::queue::{Close, Queue};
use serde::{Deserialize, Serialize};

use super::super::scene::{Note, Notes};
use super::super::table::SIZE;
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What the victim does with the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// It puts it into a queue.
    Give,
    /// It takes it from a queue.
    Take,
    /// It takes it, and has it in hand as a task.
    TakeAsTask,
}

/// An end, of whichever side.
#[derive(Debug, Serialize, Deserialize)]
enum End {
    Sender(Sender<u32>),
    Receiver(Receiver<u32>),
}

/// Which end it is that travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Sender,
    Receiver,
}

/// What is tried. Each trial has a pipe of its own.
pub(super) struct Moved {
    act: Act,
    side: Side,
    queue: Queue<End>,
    /// The one that stays.
    stays: Option<End>,
}

impl Moved {
    pub(super) fn make(act: Act, side: Side) -> Result<Box<dyn Thing>, Fault> {
        let queue: Queue<End> = SIZE.create().works()?;
        // What is done for the first time on a queue is not what is tried: hands have their memory from then on.
        queue.try_send(End::Sender(pipe::simplex().works()?.1)).works()?;
        drop(queue.try_recv_task().works()?.done());
        Ok(Box::new(Moved { act, side, queue, stays: None }))
    }

    /// The end that was in the queue is the harness's, and works with the one that stays.
    fn works_with(&self, stays: &End, end: &End) -> Result<(), Fault> {
        let (sender, receiver) = match (stays, end) {
            (End::Sender(sender), End::Receiver(receiver)) | (End::Receiver(receiver), End::Sender(sender)) => {
                (sender, receiver)
            }
            _ => return Err(Kind::Torn.fault("it is the other end that came")),
        };
        sender.send_timeout(7, soon()).works()?;
        let received = receiver.recv_timeout(soon());
        Kind::Lost.unless(received == Ok(7), || format!("instead of a message there is {received:?}"))
    }

    /// Nobody has the other end, since it was the dead one's.
    fn is_told(&self, stays: &End, dead: &Dead) -> Result<(), Fault> {
        let cause = match stays {
            End::Sender(sender) => match sender.send_timeout(7, soon()) {
                Err(SendError::Disconnected { cause, .. }) => Ok(cause),
                // It is accepted while somebody has the other end.
                other => Err(format!("{other:?}")),
            },
            End::Receiver(receiver) => match receiver.recv_timeout(soon()) {
                Err(RecvError::Disconnected(cause)) => Ok(cause),
                other => Err(format!("{other:?}")),
            },
        };
        match cause {
            Ok(cause) => dead.is_the_one(cause.process(), cause.report().as_ref()),
            Err(told) => Err(Kind::Lost.fault(format!("nobody has the other end, and this one is told {told}"))),
        }
    }
}

impl End {
    fn is_moved(&self) -> bool {
        match self {
            End::Sender(sender) => sender.is_moved(),
            End::Receiver(receiver) => receiver.is_moved(),
        }
    }
}

impl Thing for Moved {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        let size = pipe::Options { capacity: SIZE.capacity, message_max: SIZE.message_max, bytes: SIZE.bytes };
        let (receiver, sender) = size.simplex::<u32>().works()?;
        let (stays, goes) = match self.side {
            Side::Sender => (End::Receiver(receiver), End::Sender(sender)),
            Side::Receiver => (End::Sender(sender), End::Receiver(receiver)),
        };
        self.stays = Some(stays);
        match self.act {
            Act::Give => Victim::start(give, (goes, self.queue.clone(), notes.clone())),
            Act::Take | Act::TakeAsTask => {
                self.queue.try_send(goes).works()?;
                Victim::start(take, (self.act, self.queue.clone(), notes.clone()))
            }
        }
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        let Some(stays) = self.stays.take() else { return Ok(()) };
        let there = self.queue.try_recv();
        let none = self.queue.try_recv();
        Kind::Doubled.unless(none.is_err(), || format!("there are two ends: {there:?} and {none:?}"))?;
        let is_given = dead.is_over() && self.act == Act::Give;
        match there {
            Ok(end) if !end.is_moved() => {
                let is_late = dead.is_over() && self.act != Act::Give;
                Kind::Doubled.unless(!is_late, || "it had taken the end, and another one has it".to_owned())?;
                self.works_with(&stays, &end)
            }
            there => {
                Kind::Lost.unless(!is_given, || format!("the end was given, and what is there is {there:?}"))?;
                let is_lost = self.act == Act::Take && dead.is_over() && there.is_ok();
                Kind::Doubled.unless(!is_lost, || "the message was received, and comes again".to_owned())?;
                self.is_told(&stays, dead)
            }
        }
    }

    fn leave(self: Box<Self>) {
        self.queue.close(Close::Now);
    }
}

fn give((end, queue, notes): (End, Queue<End>, Notes)) {
    stand_still();
    queue.try_send(end).expect("there is room");
    notes.end()
}

fn take((act, queue, notes): (Act, Queue<End>, Notes)) {
    stand_still();
    match act {
        Act::TakeAsTask => {
            let task = queue.try_recv_task().expect("there is an end");
            notes.set(Note::Held, 1);
            std::mem::forget(task);
        }
        _ => std::mem::forget(queue.try_recv().expect("there is an end")),
    }
    notes.end()
}
