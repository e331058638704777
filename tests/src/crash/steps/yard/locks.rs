//! Locks that one process has: who takes them, changes what they guard, and gives them back.
//!
//! Whoever dies with a lock is told of to the next one, who has the lock and the data as they were; who dies
//! before it has the lock or after it has released it is not. In between there is nothing.

use actor_core::process::Process;
use actor_core::shared::Pod;
use actor_core::sync::{Lock, LockError, Mutex, MutexGuard, RLock};
use actor_core::{ExitReport, ProcessId};
use serde::{Deserialize, Serialize};

use super::super::aside::Aside;
use super::super::scene::{Note, Notes};
use super::thing::{Dead, Thing, Victim, Works, soon};
use crate::crash::{Fault, Kind};
use crate::steps::stand_still;

/// What is done with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// Taken, the data changed, and released.
    Write,
    /// So, after the death of another one.
    WriteAfterDeath,
    /// The data changed and released, while somebody waits for it.
    Unlock,
    /// Without data and a guard.
    ByHand,
    /// So, after a wait for somebody who has it.
    Patiently,
    /// Twice by the same.
    Nested,
}

/// Data that lie in the line of the lock, and some that do not.
pub(super) type Few = [u64; 2];
pub(super) type Many = [u64; 9];

/// The locks of a trial, of which one is used.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
struct Locks<T: Pod> {
    mutex: Mutex<T>,
    lock: Lock,
    rlock: RLock,
}

/// What is tried.
pub(super) struct Locked<T: Pod> {
    act: Act,
    locks: Locks<T>,
    /// Each word of the data.
    value: u64,
    /// Who has died with it before the victim came.
    before: Option<ProcessId>,
    /// The harness has the lock.
    is_ours: bool,
    waiting: Option<Aside<Taken>>,
}

/// What somebody found who took the lock.
struct Taken {
    owner: Option<ProcessId>,
    report: Option<ExitReport>,
    words: Vec<u64>,
}

/// Data of a lock: words that are all the same.
pub(super) trait Words: Pod + Send + AsRef<[u64]> + AsMut<[u64]> {}

impl<T: Pod + Send + AsRef<[u64]> + AsMut<[u64]>> Words for T {}

impl<T: Words> Locked<T> {
    pub(super) fn make(act: Act) -> Result<Box<dyn Thing>, Fault> {
        let (mutex, lock, rlock) = (Mutex::new(T::zeroed()).works()?, Lock::new().works()?, RLock::new().works()?);
        let locks = Locks { mutex, lock, rlock };
        Ok(Box::new(Locked { act, locks, value: 0, before: None, is_ours: false, waiting: None }))
    }

    /// Takes the mutex as the next one does, and says what there was to be told.
    fn take(mutex: &Mutex<T>) -> Result<Taken, Fault> {
        match mutex.lock_timeout(soon()) {
            Ok(guard) => Ok(Taken { owner: None, report: None, words: guard.as_ref().to_vec() }),
            Err(LockError::OwnerDied(died)) => {
                let (owner, report) = (Some(died.owner()), died.report());
                Ok(Taken { owner, report, words: died.into_guard().as_ref().to_vec() })
            }
            Err(error) => Err(Kind::Wedged.fault(format!("the mutex cannot be taken: {error}"))),
        }
    }

    fn take_by_hand(lock: &Lock) -> Result<Taken, Fault> {
        match lock.lock_timeout(soon()) {
            Ok(_) => Ok(Taken { owner: None, report: None, words: Vec::new() }),
            Err(LockError::OwnerDied(died)) => {
                let (owner, report) = (Some(died.owner()), died.report());
                drop(died.into_guard());
                Ok(Taken { owner, report, words: Vec::new() })
            }
            Err(error) => Err(Kind::Wedged.fault(format!("the lock cannot be taken: {error}"))),
        }
    }

    fn take_nested(lock: &RLock) -> Result<Taken, Fault> {
        let (guard, owner, report) = match lock.lock_timeout(soon()) {
            Ok(guard) => (guard, None, None),
            Err(LockError::OwnerDied(died)) => {
                let (owner, report) = (Some(died.owner()), died.report());
                (died.into_guard(), owner, report)
            }
            Err(error) => return Err(Kind::Wedged.fault(format!("the lock cannot be taken: {error}"))),
        };
        Kind::Torn.unless(lock.count() == 1, || format!("taken once it is taken {} times", lock.count()))?;
        drop(guard);
        Kind::Wedged.unless(!lock.is_locked(), || "it was released, and is held".to_owned())?;
        Ok(Taken { owner, report, words: Vec::new() })
    }

    /// One dies with the mutex.
    fn kill_one(&mut self) -> Result<(), Fault> {
        let take = |mutex: Mutex<T>| {
            std::mem::forget(mutex.lock());
            std::process::abort();
        };
        let process = Process::<()>::spawn(take, self.locks.mutex.clone()).works()?;
        let _ = process.join();
        self.before = Some(process.id());
        Ok(())
    }

    /// What the next one was told is what the dead had noted.
    fn judge(&mut self, dead: &Dead, taken: &Taken) -> Result<(), Fault> {
        let (had_it, was_releasing) = (dead.has(Note::Held), dead.has(Note::Finishing));
        match taken.owner {
            Some(_) if dead.is_over() => return Err(Kind::Torn.fault("it had released it, and is told to have died")),
            Some(owner) if self.before == Some(owner) => {
                // Nobody has accepted that death: the victim did not have the lock, or gave it back so.
                Kind::Torn.unless(!had_it, || "it had accepted a death that is told again".to_owned())?;
            }
            Some(owner) => dead.is_the_one(Some(owner), taken.report.as_ref())?,
            None => {
                Kind::Lost
                    .unless(!had_it || was_releasing, || "it died with the lock, and nobody is told".to_owned())?;
                let before = self.before;
                Kind::Lost.unless(before.is_none() || had_it, || "nobody is told of a death before".to_owned())?;
            }
        }
        let expected = self.value + u64::from(taken.owner.is_none() && had_it);
        let is_right = taken.words.iter().all(|word| *word == expected);
        Kind::Torn.unless(is_right, || format!("{:?} is guarded, and not {expected}", taken.words))?;
        self.value = if taken.words.is_empty() { self.value } else { expected };
        Ok(())
    }

    fn take_any(&self) -> Result<Taken, Fault> {
        match self.act {
            Act::Write | Act::WriteAfterDeath | Act::Unlock => Locked::take(&self.locks.mutex),
            Act::ByHand | Act::Patiently => Locked::<T>::take_by_hand(&self.locks.lock),
            Act::Nested => Locked::<T>::take_nested(&self.locks.rlock),
        }
    }
}

impl<T: Words> Thing for Locked<T> {
    fn begin(&mut self, notes: &Notes) -> Result<Victim, Fault> {
        self.before = None;
        match self.act {
            Act::WriteAfterDeath => self.kill_one()?,
            Act::Patiently => {
                self.locks.lock.acquire().works()?;
                self.is_ours = true;
            }
            _ => {}
        }
        Victim::start(act, (self.act, self.locks.clone(), notes.clone()))
    }

    fn beside(&mut self) -> Result<(), Fault> {
        if self.act == Act::Unlock {
            let mutex = self.locks.mutex.clone();
            // Told by a text: a thread has no other way to say what is wrong.
            self.waiting = Some(Aside::asleep(move || match mutex.lock() {
                Ok(guard) => Taken { owner: None, report: None, words: guard.as_ref().to_vec() },
                Err(LockError::OwnerDied(died)) => {
                    let (owner, report) = (Some(died.owner()), died.report());
                    Taken { owner, report, words: died.into_guard().as_ref().to_vec() }
                }
                Err(error) => panic!("{error}"),
            })?);
        }
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        self.is_ours = false;
        self.locks.lock.release().works()
    }

    fn check(&mut self, dead: &Dead) -> Result<(), Fault> {
        if std::mem::take(&mut self.is_ours) {
            self.locks.lock.release().works()?;
        }
        let taken = match self.waiting.take() {
            Some(waiting) => waiting.end()?,
            None => self.take_any()?,
        };
        self.judge(dead, &taken)?;
        let again = self.take_any()?;
        let is_same = again.owner.is_none() && again.words.iter().all(|word| *word == self.value);
        Kind::Torn.unless(is_same, || format!("{:?} of {:?} is left", again.words, again.owner))
    }

    fn leave(self: Box<Self>) {
        self.locks.mutex.close();
        self.locks.lock.close();
        self.locks.rlock.close();
    }
}

fn act<T: Words>((act, locks, notes): (Act, Locks<T>, Notes)) {
    // What a process does for the first time in its life is not what is tried.
    drop((locks.mutex.try_lock(), locks.lock.try_lock(), locks.rlock.try_lock()));
    match act {
        Act::Write | Act::WriteAfterDeath => {
            stand_still();
            let guard = match locks.mutex.lock() {
                Err(LockError::OwnerDied(died)) => died.into_guard(),
                taken => taken.expect("nobody else has it"),
            };
            notes.set(Note::Held, 1);
            write_and_unlock(guard, &notes);
        }
        Act::Unlock => {
            let guard = locks.mutex.lock().expect("nobody else has it");
            notes.set(Note::Held, 1);
            stand_still();
            write_and_unlock(guard, &notes);
        }
        Act::ByHand | Act::Patiently => {
            stand_still();
            locks.lock.acquire().expect("nobody has died with it");
            notes.set(Note::Held, 1);
            notes.set(Note::Finishing, 1);
            locks.lock.release().expect("it is held");
        }
        Act::Nested => {
            stand_still();
            let first = locks.rlock.lock().expect("nobody else has it");
            notes.set(Note::Held, 1);
            drop(locks.rlock.lock().expect("it is held by this one"));
            notes.set(Note::Finishing, 1);
            drop(first);
        }
    }
    notes.end()
}

fn write_and_unlock<T: Words>(mut guard: MutexGuard<'_, T>, notes: &Notes) {
    guard.as_mut().iter_mut().for_each(|word| *word += 1);
    notes.set(Note::Finishing, 1);
    drop(guard);
}
