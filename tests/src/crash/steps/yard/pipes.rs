//! The two ends of a pipe, one of which is a victim's: what was sent arrives whole and in order, and after it
//! comes the news of the death.

use actor_core::pipe::{Options, Receiver, RecvError, SendError, Sender};
use serde::{Deserialize, Serialize};

use super::super::aside::Aside;
use super::super::scene::{Item, Note, Notes, Sender as Origin};
use super::super::table::{CAPACITY, SIZE};
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What the victim does with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    Send,
    /// The other one waits for a message.
    SendToSleeper,
    /// After a wait for room.
    SendPatiently,
    Recv,
    /// The other one waits for room.
    RecvWithSender,
    /// After a wait for a message.
    RecvPatiently,
    /// It drops its end, and the other one waits.
    CloseSender,
    CloseReceiver,
}

impl Act {
    fn sends(self) -> bool {
        matches!(self, Act::Send | Act::SendToSleeper | Act::SendPatiently | Act::CloseSender)
    }
}

/// What is tried. Each trial has a pipe of its own: the one before ended with the victim.
pub(super) struct Piped {
    act: Act,
    length: usize,
    trial: u32,
    /// The end of the harness.
    end: Option<End>,
    /// The harness has sent so many.
    sent: u32,
    /// The next message of the victim, and those that were received before.
    received: Vec<Item>,
    waiting: Option<Aside<Awake>>,
}

enum End {
    Sender(Sender<Item>),
    Receiver(Receiver<Item>),
}

/// What somebody was told who waited, and his end.
enum Awake {
    Received(Receiver<Item>, Result<Item, RecvError>),
    Sent(Sender<Item>, Result<(), SendError<Item>>),
}

/// Bytes of a message that lies in its slot, and of one that does not.
pub(super) const SHORT: usize = 40;
pub(super) const LONG: usize = 1_500;

impl Piped {
    pub(super) fn make(act: Act, length: usize) -> Result<Box<dyn Thing>, Fault> {
        let (end, sent, received, waiting) = (None, 0, Vec::new(), None);
        Ok(Box::new(Piped { act, length, trial: 0, end, sent, received, waiting }))
    }

    fn item(&self, from: Origin, number: u32) -> Item {
        Item::new(self.trial, from, number, self.length)
    }

    /// The harness sends so many.
    fn fill(&mut self, sender: &Sender<Item>, count: u32) -> Result<(), Fault> {
        for _ in 0..count {
            sender.try_send(self.item(Origin::Harness, self.sent)).works()?;
            self.sent += 1;
        }
        Ok(())
    }

    /// All that is there, and then the end.
    fn check_received(&mut self, dead: &Dead, receiver: &Receiver<Item>) -> Result<(), Fault> {
        let end = loop {
            match receiver.recv_timeout(soon()) {
                Ok(item) => self.received.push(item),
                Err(end) => break end,
            }
        };
        // When the pipe is full, these come first.
        let filled = if self.act == Act::SendPatiently { self.sent } else { 0 };
        for (number, item) in (0..).zip(&self.received) {
            let victim = (Origin::Victim(0), number - filled.min(number));
            let (from, number) = if number < filled { (Origin::Harness, number) } else { victim };
            let is_it = item.bit(self.trial) == Some(from.bit(number)) && item.is_whole(self.trial, self.length);
            Kind::Torn.unless(is_it, || format!("instead of message {number} of {from:?} comes {item:?}"))?;
        }
        let (count, sent) = (self.received.len() as u32 - filled.min(self.received.len() as u32), self.sent_by(dead));
        Kind::Lost.unless(sent.0 <= count, || format!("{} were sent, and {count} came", sent.0))?;
        Kind::Doubled.unless(count <= sent.1, || format!("{} were to be sent, and {count} came", sent.1))?;
        match &end {
            RecvError::Eof if self.act == Act::CloseSender => Ok(()),
            RecvError::Disconnected(_) if self.act == Act::CloseSender && dead.is_over() => {
                Err(Kind::Torn.fault("it had closed its end, and is told to have died with it"))
            }
            RecvError::Disconnected(cause) => dead.is_the_one(cause.process(), cause.report().as_ref()),
            other => Err(Kind::Wedged.fault(format!("the other end has died, and this one is told: {other}"))),
        }
    }

    /// How many messages the victim has sent at least, and at most.
    fn sent_by(&self, dead: &Dead) -> (u32, u32) {
        let count = |note| dead.notes.get(note) as u32;
        (count(Note::Sent), count(Note::Sending))
    }

    /// Nobody receives any more.
    fn check_sending(&self, dead: &Dead, sender: &Sender<Item>) -> Result<(), Fault> {
        self.is_refused(dead, sender.send_timeout(self.item(Origin::Harness, 0), soon()))
    }

    fn is_refused(&self, dead: &Dead, sent: Result<(), SendError<Item>>) -> Result<(), Fault> {
        match sent {
            Err(SendError::Closed(_)) if self.act == Act::CloseReceiver => Ok(()),
            Err(SendError::Disconnected { .. }) if self.act == Act::CloseReceiver && dead.is_over() => {
                Err(Kind::Torn.fault("it had closed its end, and is told to have died with it"))
            }
            Err(SendError::Disconnected { cause, .. }) => dead.is_the_one(cause.process(), cause.report().as_ref()),
            other => Err(Kind::Wedged.fault(format!("the other end has died, and this one is told: {other:?}"))),
        }
    }
}

impl Thing for Piped {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        (self.trial, self.sent) = (notes.trial, 0);
        self.received.clear();
        let size = Options { capacity: SIZE.capacity, message_max: SIZE.message_max, bytes: SIZE.bytes };
        let (receiver, sender) = size.simplex::<Item>().works()?;
        match self.act {
            Act::SendPatiently | Act::RecvWithSender | Act::CloseReceiver => self.fill(&sender, CAPACITY)?,
            Act::Recv => self.fill(&sender, 2)?,
            _ => {}
        }
        if self.act.sends() {
            self.end = Some(End::Receiver(receiver));
            Victim::start(send, (self.act, sender, self.length, notes.clone()))
        } else {
            self.end = Some(End::Sender(sender));
            Victim::start(receive, (self.act, receiver, notes.clone()))
        }
    }

    fn beside(&mut self) -> Result<(), Fault> {
        if !matches!(self.act, Act::SendToSleeper | Act::RecvWithSender | Act::CloseSender | Act::CloseReceiver) {
            return Ok(());
        }
        let item = self.item(Origin::Sleeper, 0);
        self.waiting = match self.end.take() {
            None => None,
            Some(End::Receiver(receiver)) => Some(Aside::asleep(move || {
                let received = receiver.recv();
                Awake::Received(receiver, received)
            })?),
            Some(End::Sender(sender)) => Some(Aside::asleep(move || {
                let sent = sender.send(item);
                Awake::Sent(sender, sent)
            })?),
        };
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        match self.end.take() {
            Some(End::Sender(sender)) => {
                self.fill(&sender, 1)?;
                self.end = Some(End::Sender(sender));
            }
            Some(End::Receiver(receiver)) => {
                self.received.push(receiver.try_recv().works()?);
                self.end = Some(End::Receiver(receiver));
            }
            None => {}
        }
        Ok(())
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        match self.waiting.take().map(Aside::end).transpose()? {
            None => {}
            Some(Awake::Received(receiver, received)) => {
                self.received.extend(received.ok());
                self.end = Some(End::Receiver(receiver));
            }
            Some(Awake::Sent(sender, sent)) => {
                // It may have found room before the end.
                if sent.is_err() {
                    self.is_refused(dead, sent)?;
                }
                self.end = Some(End::Sender(sender));
            }
        }
        match self.end.take() {
            Some(End::Receiver(receiver)) => self.check_received(dead, &receiver),
            Some(End::Sender(sender)) => self.check_sending(dead, &sender),
            None => Ok(()),
        }
    }

    fn leave(self: Box<Self>) {}
}

fn send((act, sender, length, notes): (Act, Sender<Item>, usize, Notes)) {
    let item = Item::new(notes.trial, Origin::Victim(0), 0, length);
    if act == Act::CloseSender {
        stand_still();
        drop(sender);
        notes.end();
    }
    notes.set(Note::Sending, 1);
    stand_still();
    sender.send(item).expect("there is somebody, and will be room");
    notes.set(Note::Sent, 1);
    notes.end()
}

fn receive((act, receiver, notes): (Act, Receiver<Item>, Notes)) {
    stand_still();
    match act {
        Act::CloseReceiver => drop(receiver),
        _ => {
            let item = receiver.recv().expect("there is a message");
            notes.set(Note::Taken, item.bit(notes.trial).unwrap_or(0));
        }
    }
    notes.end()
}
