//! A ring in the checker's memory, with payloads that must never be torn, and its events.

use std::ops::Deref;
use std::rc::Rc;

use loom::cell::Cell;

use super::memory::{Checked, Futex, Word64};
use crate::id::Participant;
use crate::shm::event::{Event, Waited};
use crate::shm::slots::{self, Claim, Position, Recovered, Refused, Ring, Settled, SlotWord, State};
use crate::time::Deadline;

pub(super) const A: Participant = Participant(11);
pub(super) const B: Participant = Participant(12);
pub(super) const C: Participant = Participant(13);

/// What a message is.
pub(super) type Item = u32;

/// A ring with payloads and events, as a window has it.
pub(super) struct Tested {
    words: Vec<Word64>,
    payloads: Vec<Cell<Item>>,
    tail: Word64,
    head: Word64,
    returns_made: Word64,
    returns_seen: Word64,
    pub(super) items: Futex,
    pub(super) room: Futex,
    /// Async groups of items and of room.
    groups: [Word64; 2],
}

impl Ring for Tested {
    type Memory = Checked;

    fn capacity(&self) -> u32 {
        self.words.len() as u32
    }
    fn word(&self, index: u32) -> &Word64 {
        &self.words[index as usize]
    }
    fn tail(&self) -> &Word64 {
        &self.tail
    }
    fn head(&self) -> &Word64 {
        &self.head
    }
    fn returns_made(&self) -> &Word64 {
        &self.returns_made
    }
    fn returns_seen(&self) -> &Word64 {
        &self.returns_seen
    }
}

/// What has a ring and other words besides is a ring like that.
impl<T: Deref<Target = Tested>> Ring for T {
    type Memory = Checked;

    fn capacity(&self) -> u32 {
        (**self).capacity()
    }
    fn word(&self, index: u32) -> &Word64 {
        (**self).word(index)
    }
    fn tail(&self) -> &Word64 {
        (**self).tail()
    }
    fn head(&self) -> &Word64 {
        (**self).head()
    }
    fn returns_made(&self) -> &Word64 {
        (**self).returns_made()
    }
    fn returns_seen(&self) -> &Word64 {
        (**self).returns_seen()
    }
}

impl Tested {
    /// An empty ring whose second lap from now is the wrapped lap 0: all models wrap.
    pub(super) fn new(capacity: u32) -> Rc<Tested> {
        Tested::with(capacity, &[])
    }

    /// A ring with these items in it.
    pub(super) fn with(capacity: u32, items: &[Item]) -> Rc<Tested> {
        assert!(items.len() <= capacity as usize);
        let lap = (1 << 40) - 1;
        let word = |index: usize| {
            let state = if index < items.len() { State::Ready } else { State::Free };
            SlotWord::new(state, Participant::NOBODY, 0, lap).0
        };
        let tail = if items.len() == capacity as usize { 0 } else { Position::new(lap, items.len() as u32).0 };
        Rc::new(Tested {
            words: (0..capacity as usize).map(|index| Word64::new(word(index))).collect(),
            payloads: (0..capacity as usize).map(|index| Cell::new(items.get(index).copied().unwrap_or(0))).collect(),
            tail: Word64::new(tail),
            head: Word64::new(Position::new(lap, 0).0),
            returns_made: Word64::new(0),
            returns_seen: Word64::new(0),
            items: Futex::new(0),
            room: Futex::new(0),
            groups: [Word64::new(0), Word64::new(0)],
        })
    }

    pub(super) fn items(&self) -> Event<'_, Checked> {
        Event { word: &self.items, async_groups: &self.groups[0] }
    }

    pub(super) fn room(&self) -> Event<'_, Checked> {
        Event { word: &self.room, async_groups: &self.groups[1] }
    }

    pub(super) fn write(&self, at: Position, item: Item) {
        self.payloads[at.index() as usize].set(item);
    }

    pub(super) fn read(&self, at: Position) -> Item {
        self.payloads[at.index() as usize].get()
    }

    /// Sends without waiting.
    pub(super) fn try_send(&self, me: Participant, item: Item) -> Result<(), Refused> {
        let at = slots::claim_write(self, me)?;
        self.write(at, item);
        slots::publish(self, at);
        self.items().notify();
        Ok(())
    }

    /// Sends when there is room.
    pub(super) fn send(&self, me: Participant, item: Item) {
        let claim = || slots::claim_write(self, me).ok();
        let at = match self.room().wait(Deadline::Never, claim) {
            Waited::Ready(at) => at,
            Waited::Slept(at) => {
                self.room().chain();
                at
            }
            Waited::TimedOut => unreachable!("the deadline is never"),
        };
        self.write(at, item);
        slots::publish(self, at);
        self.items().notify();
    }

    /// Receives without waiting, as one of several consumers.
    pub(super) fn try_recv(&self, me: Participant) -> Result<Item, Refused> {
        slots::claim_read(self, me).map(|claim| self.finish(claim))
    }

    /// Receives when there is something, as one of several consumers. `None`: the ring has ended.
    pub(super) fn recv(&self, me: Participant) -> Option<Item> {
        self.recv_until(me, Deadline::Never)
    }

    /// [`Tested::recv`] until the time of this ring's events is up. `None`: or it is.
    pub(super) fn recv_in_time(&self, me: Participant) -> Option<Item> {
        self.recv_until(me, Deadline::Now)
    }

    fn recv_until(&self, me: Participant, deadline: Deadline) -> Option<Item> {
        let claim = || match slots::claim_read(self, me) {
            Ok(claim) => Some(Some(claim)),
            Err(Refused::Sealed) => Some(None),
            Err(Refused::NotNow) => None,
        };
        let claim = match self.items().wait(deadline, claim) {
            Waited::Ready(claim) => claim,
            Waited::Slept(claim) => {
                self.items().chain();
                claim
            }
            Waited::TimedOut => None,
        };
        claim.map(|claim| self.finish(claim))
    }

    /// Reads and releases what was claimed.
    pub(super) fn finish(&self, claim: Claim) -> Item {
        let item = self.read(claim.position);
        slots::release(self, claim.position);
        self.room().notify();
        item
    }

    /// What the node does after a proven death.
    pub(super) fn recover(&self, dead: Participant) -> Recovered {
        let recovered = slots::recover(self, dead, |_| Settled::Returned);
        self.items().notify_all();
        self.room().notify_all();
        recovered
    }

    /// Everything that is left, when nobody else is there any more.
    pub(super) fn drain(&self) -> Vec<Item> {
        std::iter::from_fn(|| self.try_recv(Participant::NODE).ok()).collect()
    }

    /// Asserts that every slot can be used again.
    pub(super) fn assert_whole(&self) {
        assert!(slots::is_idle(self));
        assert_eq!(slots::len(self), 0);
        for item in 0..self.capacity() {
            self.try_send(Participant::NODE, item).unwrap();
        }
        assert_eq!(slots::len(self), u64::from(self.capacity()));
        assert_eq!(self.try_send(Participant::NODE, 0), Err(Refused::NotNow), "it is full");
        assert!(self.drain().into_iter().eq(0..self.capacity()));
    }
}

/// Sorted, to compare what was received whatever the order.
pub(super) fn sorted(items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let mut items: Vec<Item> = items.into_iter().collect();
    items.sort_unstable();
    items
}
