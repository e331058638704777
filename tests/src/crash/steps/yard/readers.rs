//! Locks that many read: who reads or writes, and who waits for a reader.

use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use actor_core::sync::{LockError, RwLock};
use serde::{Deserialize, Serialize};

use super::super::scene::{Note, Notes};
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    Read,
    Write,
    /// After a wait for somebody who reads.
    WriteBehindReader,
}

type Data = [u64; 9];

/// What is tried.
pub(super) struct Readable {
    act: Act,
    lock: RwLock<Data>,
    value: u64,
    reader: Option<Reader>,
}

/// A thread that reads until it is told to leave.
struct Reader {
    leave: Sender<()>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn begin(lock: RwLock<Data>) -> Result<Reader, Fault> {
        let ((leave, left), (begun, begins)) = (channel(), channel());
        let thread = thread::spawn(move || {
            let guard = lock.read();
            let _ = begun.send(guard.is_ok());
            let _ = left.recv();
        });
        let reads = begins.recv().is_ok_and(|reads| reads);
        Kind::Wedged.unless(reads, || "nobody can read".to_owned())?;
        Ok(Reader { leave, thread })
    }

    fn end(self) {
        let _ = self.leave.send(());
        let _ = self.thread.join();
    }
}

impl Readable {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        let lock = RwLock::new([0; 9]).works()?;
        Ok(Box::new(Readable { act, lock, value: 0, reader: None }))
    }
}

impl Thing for Readable {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        if self.act == Act::WriteBehindReader {
            self.reader = Some(Reader::begin(self.lock.clone())?);
        }
        Victim::start(act, (self.act, self.lock.clone(), notes.clone()))
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        self.reader.take().into_iter().for_each(Reader::end);
        Ok(())
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        // Others read beside a reader, whoever has died while it waited to write.
        let read_told = match self.lock.read_timeout(soon()) {
            Ok(_) => None,
            Err(LockError::OwnerDied(died)) => Some(died.owner()),
            Err(error) => return Err(Kind::Wedged.fault(format!("it cannot be read: {error}"))),
        };
        self.go_on()?;
        let (guard, told) = match self.lock.write_timeout(soon()) {
            Ok(guard) => (guard, None),
            Err(LockError::OwnerDied(died)) => {
                dead.is_the_one(Some(died.owner()), died.report().as_ref())?;
                let owner = died.owner();
                (died.into_guard(), Some(owner))
            }
            Err(error) => return Err(Kind::Wedged.fault(format!("it cannot be written: {error}"))),
        };
        let words = *guard;
        drop(guard);
        Kind::Torn.unless(read_told == told, || format!("readers are told {read_told:?}, writers {told:?}"))?;
        let wrote = dead.has(Note::Held) && self.act != Act::Read;
        let is_late = told.is_some() && (dead.is_over() || self.act == Act::Read);
        Kind::Torn.unless(!is_late, || "it had released it or only read, and is told to have died".to_owned())?;
        let is_forgotten = told.is_none() && wrote && !dead.has(Note::Finishing);
        Kind::Lost.unless(!is_forgotten, || "it died with the lock, and nobody is told".to_owned())?;
        let expected = self.value + u64::from(told.is_none() && wrote);
        Kind::Torn.unless(words == [expected; 9], || format!("{words:?} is guarded, and not {expected}"))?;
        self.value = expected;
        let read = self.lock.read_timeout(soon()).map(|guard| *guard);
        Kind::Wedged.unless(read.as_ref().is_ok_and(|read| *read == words), || format!("then it reads {read:?}"))
    }

    fn leave(self: Box<Self>) {
        self.reader.into_iter().for_each(Reader::end);
        self.lock.close();
    }
}

fn act((act, lock, notes): (Act, RwLock<Data>, Notes)) {
    // What a process does for the first time in its life is not what is tried.
    drop(lock.try_read());
    stand_still();
    match act {
        Act::Read => {
            let guard = lock.read().expect("nobody writes");
            notes.set(Note::Held, 1);
            drop(guard);
        }
        Act::Write | Act::WriteBehindReader => {
            let mut guard = lock.write().expect("nobody has died with it");
            notes.set(Note::Held, 1);
            guard.iter_mut().for_each(|word| *word += 1);
            notes.set(Note::Finishing, 1);
            drop(guard);
        }
    }
    notes.end()
}
