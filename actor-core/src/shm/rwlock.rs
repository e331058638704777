//! Locks that many may read at once: the word of a [`lock`](super::lock) for the writer, and a table of readers.
//!
//! # To read
//! 1. Look whether the word names a writer; wait while it does.
//! 2. Claim a slot of the table by writing this process into it. Threads of a process share a slot, which
//!    counts them.
//! 3. A full fence, and look at the word **again**: if it names a writer, leave the slot and go to 1.
//!
//! # To write
//! 1. Claim the word, as `CLAIMING`: from here on no reader gets past its second look.
//! 2. A full fence; wait until each slot was seen empty once.
//! 3. Take `CLAIMING` away: from here on the data may change.
//!
//! A reader writes its slot and then reads the word, a writer writes the word and then reads the slots, with
//! a full fence in between on both sides. So one of them sees the other: the reader finds the writer and
//! leaves, or the writer finds the slot and waits for it.
//!
//! # Deaths
//! A dead reader is taken out of the table, and that is all: it has changed nothing. A writer that dies while
//! it is `CLAIMING` has not either, so the word becomes what it was; but one that found it `DIED` leaves it
//! so. One that dies later leaves `DIED`, which readers are told as well; only a writer can accept it.
//! Recovery wakes all who wait, for the word and for the readers to leave.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::event::{Event, Waited};
use super::layout::EventLine;
use super::lock::{Lock, LockLine, LockWord};
use super::window::Window;
use super::words::{Mapped, Memory, Word};
use crate::id::{Participant, ProcessId};

/// How many processes can read at the same time, with any number of threads each; more wait.
pub(crate) const READERS: usize = 256;
/// Where the parts lie behind the line of the lock.
const DRAINED_AT: u64 = size_of::<LockLine>() as u64;
const READERS_AT: u64 = DRAINED_AT + size_of::<EventLine>() as u64;
/// Where the data may begin.
pub(crate) const DATA_AT: u64 = READERS_AT + READERS as u64 * 8;

/// The words of one lock; see the module for the protocol.
pub(crate) struct RwLock<'a, M: Memory> {
    pub(crate) lock: Lock<'a, M>,
    /// The last reader has left.
    pub(crate) drained: Event<'a, M>,
    /// `count:32 | participant:16`, low bits first; 0 is nobody.
    pub(crate) readers: &'a [M::Word64],
}

/// How somebody waits: asleep at an event until a time, and awake for a moment before that perhaps.
pub(crate) trait Waits<M: Memory> {
    fn wait<T>(&self, event: &Event<'_, M>, test: impl FnMut() -> Option<T>) -> Waited<T>;
}

/// Why somebody does not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Somebody writes or is about to.
    Held,
    /// So many processes read.
    Full,
}

/// One reader's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    slot: usize,
    /// How it has found the word.
    pub(crate) word: LockWord,
}

/// What a slot says.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reader(u64);

impl Reader {
    const WHO_AT: u32 = 32;
    const COUNT: u64 = u32::MAX as u64;

    fn first(who: Participant) -> Reader {
        Reader(1 | u64::from(who.0) << Reader::WHO_AT)
    }

    fn is_of(self, who: Participant) -> bool {
        self.0 != 0 && self.0 >> Reader::WHO_AT == u64::from(who.0)
    }

    /// With one more of the same. `None`: it is another's, or counts no further.
    fn joined(self, who: Participant) -> Option<Reader> {
        match self.0 {
            0 => Some(Reader::first(who)),
            _ if self.is_of(who) && self.0 & Reader::COUNT < Reader::COUNT => Some(Reader(self.0 + 1)),
            _ => None,
        }
    }

    fn left(self) -> Reader {
        if self.0 & Reader::COUNT <= 1 { Reader(0) } else { Reader(self.0 - 1) }
    }
}

impl<M: Memory> RwLock<'_, M> {
    fn word(&self) -> LockWord {
        LockWord(self.lock.word.load(Acquire)) // PAIR: rwlock-released
    }

    /// Begins to read, if nobody writes.
    ///
    /// # Errors
    /// See [`Unread`].
    pub(crate) fn try_read(&self, me: Participant) -> Result<Reading, Unread> {
        if self.word().is_held() {
            return Err(Unread::Held);
        }
        let slot = self.claim(me).ok_or(Unread::Full)?;
        M::fence();
        // The second look: a writer that came before the claim may not have seen it.
        let word = self.word();
        if word.is_held() {
            self.leave(me, slot);
            return Err(Unread::Held);
        }
        Ok(Reading { slot, word })
    }

    /// Begins to read when nobody writes. `None`: not in time.
    pub(crate) fn read(&self, me: Participant, waits: &impl Waits<M>) -> Option<Reading> {
        let test = || self.try_read(me).ok();
        match test().map_or_else(|| waits.wait(&self.lock.event, test), Waited::Ready) {
            Waited::Slept(reading) => {
                self.lock.event.chain();
                Some(reading)
            }
            Waited::Ready(reading) => Some(reading),
            Waited::TimedOut => None,
        }
    }

    /// Begins to write when nobody else writes and nobody reads; how the word was. `None`: not in time, and then
    /// all is as it was.
    pub(crate) fn write(&self, me: Participant, waits: &impl Waits<M>) -> Option<LockWord> {
        let claim = || self.try_claim(me);
        let before = match claim().map_or_else(|| waits.wait(&self.lock.event, claim), Waited::Ready) {
            Waited::Ready(before) | Waited::Slept(before) => before,
            Waited::TimedOut => return None,
        };
        let is_drained = || self.is_drained().then_some(());
        if !self.is_drained() && waits.wait(&self.drained, is_drained) == Waited::TimedOut {
            self.end_write(before);
            return None;
        }
        self.begin_write();
        Some(before)
    }

    /// Dead behind this, it is found by its name in the slot.
    fn claim(&self, me: Participant) -> Option<usize> {
        let start = me.index() % self.readers.len();
        (start..self.readers.len()).chain(0..start).find(|slot| {
            let mut seen = Reader(self.readers[*slot].load(Relaxed));
            while let Some(joined) = seen.joined(me) {
                match self.readers[*slot].compare_exchange(seen.0, joined.0, AcqRel) {
                    Ok(_) => return true,
                    Err(now) => seen = Reader(now),
                }
            }
            false
        })
    }

    /// Reads no more.
    pub(crate) fn end_read(&self, me: Participant, reading: Reading) {
        self.leave(me, reading.slot);
    }

    fn leave(&self, me: Participant, slot: usize) {
        let mut seen = Reader(self.readers[slot].load(Relaxed));
        while seen.is_of(me) {
            match self.readers[slot].compare_exchange(seen.0, seen.left().0, AcqRel) {
                Ok(_) => break, // PAIR: reader-left
                Err(now) => seen = Reader(now),
            }
        }
        M::fence();
        self.drained.notify();
        // Who found the table full waits with those who wait for the writer, who wakes them all.
        if !self.word().is_held() {
            self.lock.event.notify();
        }
    }

    /// Claims the word for a writer, and says how it was. `None`: somebody else writes.
    pub(crate) fn try_claim(&self, me: Participant) -> Option<LockWord> {
        let before = self.lock.try_claim(me)?;
        M::fence();
        Some(before)
    }

    /// Whether each slot was seen empty since the word was claimed.
    pub(crate) fn is_drained(&self) -> bool {
        self.readers.iter().all(|reader| reader.load(Acquire) == 0) // PAIR: reader-left
    }

    /// The writer has waited for the last reader and begins.
    pub(crate) fn begin_write(&self) {
        // Nobody but its claimant changes the word.
        self.lock.settle();
    }

    /// The writer gives the word back: free, or as it has found it.
    pub(crate) fn end_write(&self, next: LockWord) {
        M::publish(self.lock.word, next.0); // PAIR: rwlock-released
        // Readers can all go on, and the one that is chosen may be none.
        self.lock.event.notify_each();
    }

    /// Repairs the lock after a proven death and wakes all who wait. True: the dead has written, and
    /// the next one is told.
    pub(crate) fn recover(&self, dead: ProcessId) -> bool {
        for reader in self.readers {
            let seen = Reader(reader.load(Acquire));
            if seen.is_of(dead.participant) {
                // Nobody else changes what names the dead.
                let _ = reader.compare_exchange(seen.0, 0, AcqRel);
            }
        }
        let is_told = self.lock.recover(dead);
        self.drained.notify_all();
        is_told
    }
}

/// The lock at the beginning of a region. `None`: it is too small for one.
pub(crate) fn of(window: &Window) -> Option<RwLock<'static, Mapped>> {
    (DATA_AT <= window.memory_bytes()).then(|| RwLock {
        lock: window.memory::<LockLine>(0).lock(),
        drained: window.memory::<EventLine>(DRAINED_AT).event(),
        readers: window.memory_slice::<AtomicU64>(READERS_AT, READERS),
    })
}

/// Repairs the lock at the beginning of a region.
pub(super) fn recover(window: &Window, dead: ProcessId) -> bool {
    of(window).is_some_and(|lock| lock.recover(dead))
}

/// Whether this process reads or writes.
pub(super) fn is_held(window: &Window, by: Participant) -> bool {
    of(window).is_some_and(|lock| {
        lock.word().is_held_by(by) || lock.readers.iter().any(|reader| Reader(reader.load(Relaxed)).is_of(by))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::handle::Handle;
    use crate::shm::region;
    use crate::shm::segment::segment;
    use crate::shm::window::Kind;

    const A: Participant = Participant(11);
    const B: Participant = Participant(12);
    const B_DEAD: ProcessId = ProcessId { participant: B, generation: 7 };

    fn lock() -> (Handle, RwLock<'static, Mapped>) {
        let handle = Handle::make(segment().unwrap(), Kind::RwLock, region::shape(DATA_AT).unwrap()).unwrap();
        let lock = of(handle.window().unwrap()).unwrap();
        (handle, lock)
    }

    #[test]
    fn smoke() {
        let (_handle, lock) = lock();
        let readers = [A, A, B].map(|who| (who, lock.try_read(who).unwrap()));
        let before = lock.try_claim(B).unwrap();
        assert!(!lock.is_drained() && lock.try_claim(A).is_none());
        assert_eq!(lock.try_read(A).unwrap_err(), Unread::Held);
        for (who, reading) in readers {
            assert!(!lock.is_drained());
            lock.end_read(who, reading);
        }
        assert!(lock.is_drained());
        lock.begin_write();
        lock.end_write(before.freed().with_copy(1));
        assert_eq!(lock.try_read(A).unwrap().word.copy(), 1);
    }

    #[test]
    fn a_dead_reader_is_gone() {
        let (handle, lock) = lock();
        let mine = lock.try_read(A).unwrap();
        (0..3).for_each(|_| _ = lock.try_read(B).unwrap());
        lock.try_claim(A).unwrap();
        lock.end_read(A, mine);
        assert!(!lock.is_drained());
        assert!(!region::recover(handle.window().unwrap(), Kind::RwLock, B_DEAD));
        assert!(lock.is_drained());
    }

    #[test]
    fn a_dead_writer_is_told_of_if_it_has_begun_to_write() {
        let (_handle, lock) = lock();
        lock.try_claim(B).unwrap();
        assert!(!lock.recover(B_DEAD), "it has waited");
        assert_eq!(lock.try_read(A).unwrap().word.died(), None);
        lock.try_claim(B).unwrap();
        lock.begin_write();
        assert!(lock.recover(B_DEAD));
        assert_eq!(lock.try_read(A).unwrap().word.died(), Some(B_DEAD));
        // Whoever comes to repair it and dies while it waits leaves it so.
        lock.try_claim(B).unwrap();
        assert!(lock.recover(B_DEAD) && lock.try_read(A).unwrap().word.died() == Some(B_DEAD));
        lock.end_write(lock.try_claim(B).unwrap());
        assert_eq!(lock.try_read(A).unwrap().word.died(), Some(B_DEAD), "it was not accepted");
        lock.end_write(lock.try_claim(B).unwrap().freed());
        assert_eq!(lock.try_read(A).unwrap().word.died(), None);
    }

    #[test]
    fn more_processes_than_there_are_slots_wait() {
        let (_handle, lock) = lock();
        let many: Vec<_> = (1..=READERS as u16).map(|who| lock.try_read(Participant(who)).unwrap()).collect();
        assert_eq!(lock.try_read(Participant(1000)).unwrap_err(), Unread::Full);
        assert!(lock.try_read(Participant(7)).is_ok(), "a slot has room for all of a process");
        lock.end_read(Participant(3), many[2]);
        assert!(lock.try_read(Participant(1000)).is_ok());
    }
}
