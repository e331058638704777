//! The lock that many may read: nobody reads what somebody writes, and nobody waits for the dead.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use loom::cell::Cell;
use loom::thread::{JoinHandle, spawn};

use super::memory::{Checked, Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C};
use crate::id::{Participant, ProcessId};
use crate::shm::event::{Event, Waited};
use crate::shm::lock::{Lock, LockWord};
use crate::shm::rwlock::{RwLock, Waits};
use crate::shm::words::Word;
use crate::time::Deadline;

/// A lock with places for so many readers, and what only one who writes and those who read may touch.
struct Tested {
    word: Word64,
    nested: Word64,
    event: (Futex, Word64),
    drained: (Futex, Word64),
    readers: Vec<Word64>,
    copies: [Cell<u32>; 2],
    /// What is there once: the checker tells who reads it while another writes.
    guarded: Cell<u32>,
}

const DEAD: ProcessId = ProcessId { participant: A, generation: 9 };

/// Waits until this.
struct Until(Deadline);

impl Waits<Checked> for Until {
    fn wait<T>(&self, event: &Event<'_, Checked>, test: impl FnMut() -> Option<T>) -> Waited<T> {
        event.wait(self.0, test)
    }
}

const PATIENT: Until = Until(Deadline::Never);

impl Tested {
    fn new(readers: usize) -> Rc<Tested> {
        let word = || Word64::new(0);
        Rc::new(Tested {
            word: word(),
            nested: word(),
            event: (Futex::new(0), word()),
            drained: (Futex::new(0), word()),
            readers: (0..readers).map(|_| word()).collect(),
            copies: [Cell::new(0), Cell::new(0)],
            guarded: Cell::new(0),
        })
    }

    fn words(&self) -> RwLock<'_, Checked> {
        let event = |(word, async_groups)| Event { word, async_groups };
        let [own, drained] = [&self.event, &self.drained].map(|(word, groups)| event((word, groups)));
        let lock = Lock { word: &self.word, nested: &self.nested, event: own };
        RwLock { lock, drained, readers: &self.readers }
    }

    /// Reads once; who has died before, and the number.
    fn read(&self, me: Participant) -> (Option<ProcessId>, u32) {
        let reading = self.words().read(me, &PATIENT).expect("there is no deadline");
        let number = self.copies[reading.word.copy()].get();
        assert!(self.guarded.get() <= 2);
        self.words().end_read(me, reading);
        (reading.word.died(), number)
    }

    /// Adds one, as a guard does that is dropped.
    fn add(&self, me: Participant) -> LockWord {
        let before = self.words().write(me, &PATIENT).expect("there is no deadline");
        let other = 1 - before.copy();
        self.guarded.set(self.guarded.get() + 1);
        self.copies[other].set(self.copies[before.copy()].get() + 1);
        self.words().end_write(before.freed().with_copy(other));
        before
    }

    fn end(&self) -> u32 {
        assert!(self.words().is_drained());
        self.copies[LockWord(self.word.load(Relaxed)).copy()].get()
    }
}

fn writer(tested: &Rc<Tested>, me: Participant) -> JoinHandle<LockWord> {
    let tested = tested.clone();
    spawn(move || tested.add(me))
}

/// One who lives like this, and is repaired if it dies on the way. `Some`: whether others are told.
fn victim(tested: &Rc<Tested>, steps: u32, life: impl FnOnce(&Tested) + 'static) -> JoinHandle<Option<bool>> {
    let tested = tested.clone();
    spawn(move || mortal(steps, || life(&tested)).is_none().then(|| tested.words().recover(DEAD)))
}

#[test]
fn nobody_reads_what_somebody_writes() {
    check(3, || {
        let tested = Tested::new(2);
        let writer = writer(&tested, B);
        let (died, number) = tested.read(C);
        assert!(died.is_none() && number <= 1);
        writer.join().unwrap();
        assert_eq!((tested.read(C), tested.end()), ((None, 1), 1));
    });
}

#[test]
fn of_two_writers_each_has_what_the_other_has_written() {
    check(2, || {
        let tested = Tested::new(1);
        let writers = [A, B].map(|me| writer(&tested, me));
        tested.read(C);
        writers.into_iter().for_each(|writer| _ = writer.join().unwrap());
        assert_eq!(tested.end(), 2);
    });
}

/// Dead before it has begun to write, or after: readers go on, and are told only then.
#[test]
fn a_dead_writer_keeps_nobody() {
    check_deaths(2, |steps| {
        let tested = Tested::new(1);
        let victim = victim(&tested, steps, |tested| _ = tested.add(A));
        let (died, number) = tested.read(B);
        let told = victim.join().unwrap();
        assert!(died.is_none() || told == Some(true) && number == 0, "{died:?}, {number}");
        let (died, number) = tested.read(B);
        assert_eq!(died.is_some(), told == Some(true));
        assert!(told.is_some() || number == 1);
        told.is_some()
    });
}

/// Dead with its place in the table, or while it leaves it.
#[test]
fn a_dead_reader_keeps_no_writer() {
    check_deaths(2, |steps| {
        let tested = Tested::new(1);
        let victim = victim(&tested, steps, |tested| _ = tested.read(A));
        tested.add(B);
        let told = victim.join().unwrap();
        assert_ne!(told, Some(true), "it has changed nothing");
        assert_eq!(tested.end(), 1);
        told.is_some()
    });
}

/// One who has claimed the word and waits for a reader gives up: who waits behind it goes on.
#[test]
fn a_writer_that_is_late_keeps_nobody() {
    check(2, || {
        let tested = Tested::new(2);
        let reading = tested.words().try_read(C).unwrap();
        let late = {
            let tested = tested.clone();
            spawn(move || {
                let before = tested.words().write(A, &Until(Deadline::Now));
                before.into_iter().for_each(|before| tested.words().end_write(before));
            })
        };
        let reader = {
            let tested = tested.clone();
            spawn(move || tested.read(B))
        };
        tested.drained.0.expire();
        late.join().unwrap();
        reader.join().unwrap();
        tested.words().end_read(C, reading);
        assert!(tested.words().is_drained());
    });
}

/// There is a place for one process, and two wait for it, of whom one dies.
#[test]
fn a_place_that_was_left_is_somebodys_whoever_dies() {
    check_deaths(1, |steps| {
        let tested = Tested::new(1);
        let reading = tested.words().try_read(C).unwrap();
        let victim = victim(&tested, steps, |tested| _ = tested.read(A));
        let reader = {
            let tested = tested.clone();
            spawn(move || tested.read(B))
        };
        tested.words().end_read(C, reading);
        reader.join().unwrap();
        let told = victim.join().unwrap();
        assert!(tested.words().is_drained());
        told.is_some()
    });
}
