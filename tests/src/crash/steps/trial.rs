//! [`Trial`]: what one queue is before its victims, what they were told, and what it has to be afterwards.
//!
//! How the victims die is not known here.

use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::RecvError;

use super::acts;
use super::books::Books;
use super::channel::{Channel, Line};
use super::scene::{Item, Notes, Scene, Sender};
use super::sleeper::{Sleeper, Woken, soon};
use super::table::{Between, Case, SIZE, Sleep, TABLE};
use crate::board::Board;
use crate::crash::{Fault, Kind};
use crate::steps::Stepped;

/// What is known of the trial that is under way.
pub(super) struct Trial {
    pub(super) queue: Channel,
    used: Channel,
    pub(super) case: &'static Case,
    number: u32,
    board: Board,
    pub(super) books: Books,
}

impl Trial {
    pub(super) fn new(queues: [Channel; 2], case: &'static Case, number: u32, board: Board) -> Trial {
        let [queue, used] = queues;
        Trial { queue, used, case, number, board, books: Books::default() }
    }

    /// Makes the queue what the victim is to find.
    pub(super) fn prepare(&mut self) -> Result<(), Fault> {
        if !self.case.is_cold {
            // What is done for the first time is not what is tried, other than where the case says so.
            self.check_room(self.case.length, self.case.room())?;
        }
        for number in 0..self.case.queued {
            self.send(number)?;
        }
        if let Some(close) = self.case.closed {
            self.queue.close(close);
            self.books.close();
        }
        Ok(())
    }

    /// Checks all that is left, when the dead have been repaired.
    pub(super) fn check(&mut self, sleeper: Option<Sleeper>) -> Result<(), Fault> {
        let sleeper = sleeper.map(|sleeper| self.look_at_sleeper(sleeper)).transpose()?.flatten();
        self.drain()?;
        if let Some(sleeper) = sleeper {
            self.wake(sleeper, "all is done")?;
            self.drain()?;
        }
        self.books.check_received()?;
        self.check_queue()
    }

    fn item(&self, sender: Sender, number: u32) -> Item {
        Item::new(self.number, sender, number, self.case.length)
    }

    /// The harness sends a message; false: it was refused.
    pub(super) fn try_send(&mut self, number: u32) -> bool {
        let bit = Sender::Harness.bit(number);
        let is_sent = self.queue.try_send(self.item(Sender::Harness, number)).is_ok();
        if is_sent {
            self.books.send(bit);
        }
        is_sent
    }

    fn send(&mut self, number: u32) -> Result<(), Fault> {
        let is_sent = self.try_send(number);
        Kind::Orphan.unless(is_sent, || format!("there is no room for message {number}: {:?}", self.queue))
    }

    pub(super) fn start(&self, seat: usize, case: usize) -> Result<Victim, Fault> {
        let notes = Notes { board: self.board.clone(), trial: self.number, seat };
        let queue = (!TABLE[case].is_without_queue()).then(|| self.queue.clone());
        let place = Scene::place_of(&self.queue);
        let used = self.used.clone();
        let process = acts::start(case, &Scene { queue, used, place, notes: notes.clone(), length: self.case.length });
        let stepped = Stepped::take_over(process.pid())
            .map_err(|error| Kind::Wedged.fault(format!("a victim does not begin: {error}")))?;
        Ok(Victim { process, stepped, notes })
    }

    pub(super) fn put_to_sleep(&mut self, sleep: Sleep) -> Result<Sleeper, Fault> {
        if sleep == Sleep::Send {
            self.books.try_to_send(Sender::Sleeper.bit(0));
        }
        Sleeper::begin(sleep, &self.queue, self.item(Sender::Sleeper, 0))
    }

    pub(super) fn do_between(&mut self, case: usize) -> Result<(), Fault> {
        match TABLE[case].between {
            None => {}
            // There may be no room: nobody has promised any.
            Some(Between::Send) => drop(self.try_send(BETWEEN)),
            Some(Between::Recv) => self.try_receive()?,
        }
        Ok(())
    }

    /// The harness receives a message, if there is one.
    pub(super) fn try_receive(&mut self) -> Result<(), Fault> {
        match self.queue.try_recv() {
            Ok(item) => self.receive(&item).map(drop),
            Err(_) => Ok(()),
        }
    }

    fn receive(&mut self, item: &Item) -> Result<u64, Fault> {
        let (number, length) = (self.number, self.case.length);
        let bit = item.bit(number).filter(|_| item.is_whole(number, length));
        let bit = bit.ok_or_else(|| Kind::Torn.fault(format!("no message of this trial: {item:?}")))?;
        self.books.receive(bit)?;
        Ok(bit)
    }

    /// Who has something to wake up for is awake by himself; who has not is given it. `None`: he is done.
    fn look_at_sleeper(&mut self, sleeper: Sleeper) -> Result<Option<Sleeper>, Fault> {
        let (queue, room) = (self.queue.clone(), self.case.room());
        let has_reason = || {
            queue.is_closed() && sleeper.sleep != Sleep::Join
                || match sleeper.sleep {
                    Sleep::Recv => !queue.is_empty(),
                    Sleep::Send => !queue.is_full() && (room == SIZE.capacity || queue.len() < room),
                    Sleep::Join => false,
                }
        };
        let is_awake = soon(|| sleeper.is_awake() || !has_reason());
        Kind::Wedged.unless(is_awake, || format!("{:?} sleeps with {queue:?}", sleeper.sleep))?;
        if !sleeper.is_awake() {
            match sleeper.sleep {
                Sleep::Recv => self.send(RELIEF)?,
                // What lies first may be no message that takes room away from him.
                Sleep::Send | Sleep::Join => return Ok(Some(sleeper)),
            }
        }
        self.wake(sleeper, "he was given what he waits for")?;
        Ok(None)
    }

    fn wake(&mut self, sleeper: Sleeper, why: &str) -> Result<(), Fault> {
        let sleep = sleeper.sleep;
        Kind::Wedged.unless(soon(|| sleeper.is_awake()), || format!("{sleep:?} sleeps although {why}"))?;
        match sleeper.end()? {
            Woken::Received(item) => drop(self.receive(&item)?),
            Woken::Sent => self.books.told(Sender::Sleeper.bit(0), true),
            Woken::Joined => {}
            Woken::Closed => {
                if sleep == Sleep::Send {
                    self.books.told(Sender::Sleeper.bit(0), false);
                }
                Kind::Wedged
                    .unless(self.books.may_be_closed, || "somebody was told of a close, and there is none".into())?;
            }
        }
        Ok(())
    }

    /// Receives everything that is there.
    fn drain(&mut self) -> Result<(), Fault> {
        let mut line = Line::new(self.case.sort);
        for _ in 0..MESSAGES_MAX {
            let task = match self.queue.try_recv_task() {
                Ok(task) => task,
                Err(RecvError::Empty | RecvError::Closed) => return Ok(()),
                Err(error) => return Err(Kind::Torn.fault(error)),
            };
            let count = task.delivery_count();
            let item = task.done();
            let bit = self.receive(&item)?;
            self.books.check_count(bit, count)?;
            line.note(&item, bit.trailing_zeros() as usize - item.number() as usize, count)?;
        }
        Err(Kind::Doubled.fault(format!("there is no end of {:?}", self.queue)))
    }

    /// The queue is as if the victims had never been there.
    fn check_queue(&self) -> Result<(), Fault> {
        let queue = &self.queue;
        Kind::Wedged.unless(queue.join_timeout(Duration::ZERO), || format!("something is not done: {queue:?}"))?;
        Kind::Wedged.unless(queue.is_closed() || !self.books.is_closed, || "it was closed, and is not".to_owned())?;
        if queue.is_closed() {
            let is_allowed = self.books.may_be_closed;
            Kind::Wedged.unless(is_allowed, || "nobody has closed it, and it is closed".to_owned())?;
            let (received, sent) = (queue.try_recv(), queue.try_send(self.item(Sender::Harness, 0)));
            let is_closed = matches!(&received, Err(RecvError::Closed)) && sent.as_ref().is_err_and(|e| !e.is_full());
            return Kind::Wedged.unless(is_closed, || format!("closed and drained, and still {received:?}, {sent:?}"));
        }
        self.check_room(0, SIZE.capacity)?;
        self.check_room(self.case.length, self.case.room())
    }

    /// There is room for so many messages of a length, and they come out as they went in.
    fn check_room(&self, length: usize, room: usize) -> Result<(), Fault> {
        let item = |number| Item::new(self.number, Sender::Harness, number, length);
        let sent = (0..).take_while(|number| self.queue.try_send(item(*number)).is_ok()).count();
        Kind::Orphan.unless(sent == room, || format!("there is room for {sent} of {room} of {length} bytes"))?;
        let mut numbers: Vec<u32> = (0..sent as u32).collect();
        numbers.sort_by_key(|number| self.case.sort.place(*number));
        for number in numbers {
            let received = self.queue.try_recv();
            let is_it =
                received.as_ref().is_ok_and(|item| item.number() == number && item.is_whole(self.number, length));
            Kind::Torn.unless(is_it, || format!("instead of message {number} there is {received:?}"))?;
        }
        Ok(())
    }
}

/// A victim that stands still.
pub(super) struct Victim {
    pub(super) process: Process<()>,
    pub(super) stepped: Stepped,
    pub(super) notes: Notes,
}

/// Of the harness: the messages that it sends in the midst of an operation, and to the one who sleeps.
const BETWEEN: u32 = 10;
const RELIEF: u32 = 11;
/// More messages than there can be.
const MESSAGES_MAX: usize = 40;
