//! [`Channel`]: a queue of one of the three sorts, so that the same victims and the same books do for all.
//!
//! What differs between them is which message comes next, and that is all that is known of it here.

use std::time::Duration;

use actor_core::queue::{Close, LifoQueue, PriorityQueue, Queue, RecvError, SendError, Task, TooManyDone};
use actor_core::testing::proof;
use serde::{Deserialize, Serialize};

use super::scene::Item;
use super::table::SIZE;
use crate::crash::{Fault, Kind};

/// Which message comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// The one that was sent first.
    Fifo,
    /// The one that was sent last.
    Lifo,
    /// The smallest, and of equals the one that was sent first.
    Priority,
}

/// A handle on a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Channel {
    Fifo(Queue<Item>),
    Lifo(LifoQueue<Item>),
    Priority(PriorityQueue<Item>),
}

macro_rules! each {
    ($channel:expr, $queue:ident => $does:expr) => {
        match $channel {
            Channel::Fifo($queue) => $does,
            Channel::Lifo($queue) => $does,
            Channel::Priority($queue) => $does,
        }
    };
}

impl Sort {
    pub(super) const ALL: [Sort; 3] = [Sort::Fifo, Sort::Lifo, Sort::Priority];

    /// What titles begin with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Sort::Fifo => "",
            Sort::Lifo => "lifo_",
            Sort::Priority => "priority_",
        }
    }

    /// Makes a queue of the size that those of trials have.
    pub(super) fn make(self) -> Result<Channel, Fault> {
        let made = match self {
            Sort::Fifo => SIZE.create().map(Channel::Fifo),
            Sort::Lifo => SIZE.lifo().map(Channel::Lifo),
            Sort::Priority => SIZE.priority().map(Channel::Priority),
        };
        made.map_err(|error| Kind::Orphan.fault(error))
    }

    /// What comes before what, of two messages of one sender that are both there.
    pub(super) fn place(self, number: u32) -> (i64, i64) {
        let number = i64::from(number);
        match self {
            Sort::Fifo => (0, number),
            Sort::Lifo => (0, -number),
            Sort::Priority => (Item::rank(number as u32).into(), number),
        }
    }
}

impl Channel {
    pub(super) fn sort(&self) -> Sort {
        match self {
            Channel::Fifo(_) => Sort::Fifo,
            Channel::Lifo(_) => Sort::Lifo,
            Channel::Priority(_) => Sort::Priority,
        }
    }

    /// For what only queues without an order of their own do.
    pub(super) fn fifo(&self) -> &Queue<Item> {
        match self {
            Channel::Fifo(queue) => queue,
            other => panic!("{other:?} has no such operation"),
        }
    }

    pub(super) fn try_send(&self, item: Item) -> Result<(), SendError<Item>> {
        each!(self, queue => queue.try_send(item))
    }

    pub(super) fn send(&self, item: Item) -> Result<(), SendError<Item>> {
        each!(self, queue => queue.send(item))
    }

    pub(super) fn send_timeout(&self, item: Item, timeout: Duration) -> Result<(), SendError<Item>> {
        each!(self, queue => queue.send_timeout(item, timeout))
    }

    pub(super) fn try_recv(&self) -> Result<Item, RecvError> {
        each!(self, queue => queue.try_recv())
    }

    pub(super) fn recv(&self) -> Result<Item, RecvError> {
        each!(self, queue => queue.recv())
    }

    pub(super) fn recv_timeout(&self, timeout: Duration) -> Result<Item, RecvError> {
        each!(self, queue => queue.recv_timeout(timeout))
    }

    pub(super) fn try_recv_task(&self) -> Result<Task<Item>, RecvError> {
        each!(self, queue => queue.try_recv_task())
    }

    pub(super) fn task_done(&self) -> Result<(), TooManyDone> {
        each!(self, queue => queue.task_done())
    }

    pub(super) fn join(&self) {
        each!(self, queue => queue.join())
    }

    pub(super) fn join_timeout(&self, timeout: Duration) -> bool {
        each!(self, queue => queue.join_timeout(timeout))
    }

    pub(super) fn close(&self, close: Close) {
        each!(self, queue => queue.close(close))
    }

    pub(super) fn is_closed(&self) -> bool {
        each!(self, queue => queue.is_closed())
    }

    pub(super) fn is_empty(&self) -> bool {
        each!(self, queue => queue.is_empty())
    }

    pub(super) fn is_full(&self) -> bool {
        each!(self, queue => queue.is_full())
    }

    pub(super) fn len(&self) -> usize {
        each!(self, queue => queue.len())
    }
}

impl<'a> From<&'a Channel> for proof::Shared<'a> {
    fn from(channel: &'a Channel) -> proof::Shared<'a> {
        each!(channel, queue => queue.into())
    }
}

/// The order in which messages are received that are all there when the first of them is.
pub(super) struct Line {
    sort: Sort,
    /// The last one of each sender.
    last: [Option<u32>; 64],
    rank: u32,
}

impl Line {
    pub(super) fn new(sort: Sort) -> Line {
        Line { sort, last: [None; 64], rank: 0 }
    }

    /// This one of this sender has come next, handed out so many times by now.
    pub(super) fn note(&mut self, item: &Item, sender: usize, count: u32) -> Result<(), Fault> {
        if self.sort == Sort::Fifo && count != 1 {
            // What was returned comes first, whenever it was sent.
            return Ok(());
        }
        let (number, last) = (item.number(), &mut self.last[sender]);
        let is_next = last.is_none_or(|last| self.sort.place(last) < self.sort.place(number));
        Kind::Torn.unless(is_next, || format!("{item:?} comes after {last:?}"))?;
        *last = Some(number);
        if self.sort == Sort::Priority {
            let rank = Item::rank(number);
            Kind::Torn.unless(self.rank <= rank, || format!("{item:?} comes after larger ones"))?;
            self.rank = rank;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::steps::scene::Sender;

    fn is_right(sort: Sort, numbers: &[u32], count: u32) -> bool {
        let mut line = Line::new(sort);
        numbers.iter().all(|number| line.note(&Item::new(1, Sender::Harness, *number, 0), 0, count).is_ok())
    }

    #[test]
    fn smoke() {
        assert!(is_right(Sort::Fifo, &[0, 1, 5], 1) && !is_right(Sort::Fifo, &[1, 0], 1));
        assert!(is_right(Sort::Fifo, &[1, 0], 2));
        assert!(is_right(Sort::Lifo, &[5, 1, 0], 1) && !is_right(Sort::Lifo, &[0, 1], 2));
        assert!(is_right(Sort::Priority, &[1, 3, 0, 2], 2) && !is_right(Sort::Priority, &[0, 1], 1));
        assert!(!is_right(Sort::Priority, &[3, 1], 1));
    }
}
