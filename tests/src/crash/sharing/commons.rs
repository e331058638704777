//! [`Commons`]: what the crew shares, and what each may do with it; every act checks what it finds.
//!
//! A finding is a panic, and its text is the report. Whatever an act has done is noted *after* it has happened,
//! so by a death the notes are behind by one.

use std::fmt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use actor_core::sync::{
    Barrier, BrokenBarrier, Condition, ConditionError, Event, LockError, Mutex, MutexGuard, RwLock, Semaphore,
};
use actor_core::{ExitReason, ExitReport};
use futures::executor::block_on;
use serde::{Deserialize, Serialize};

use super::notes::{Mark, Note, Notes};
use crate::chance::Chance;
use crate::crash::{Fault, Kind};
use crate::watch;

/// What is guarded: the same number everywhere, or somebody has seen half of a change.
type Figures = [u64; 32];

/// How many may have a permit.
pub(super) const PERMITS: usize = 2;
/// No more tokens are given than these.
const TOKENS_MAX: u64 = 8;
/// More than anything takes that is not wedged.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How long somebody stays inside now and then.
const STAY: Duration = Duration::from_micros(50);

/// Everything that more than two have at once.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Commons {
    pub(super) notes: Notes,
    pub(super) mutex: Mutex<Figures>,
    pub(super) rwlock: RwLock<Figures>,
    pub(super) permits: Semaphore,
    pub(super) tokens: Mutex<u64>,
    pub(super) arrival: Condition,
    pub(super) gate: Event,
}

/// It is so, or this is the end of the run.
fn expect(result: Result<(), Fault>) {
    result.unwrap_or_else(|fault| panic!("{fault}"));
}

fn give_up(what: &str, error: impl fmt::Debug) -> ! {
    panic!("{}", Kind::Wedged.fault(format!("{what}: {error:?}")))
}

/// # Errors
/// The report of a death that there was is not there, or is of another one.
pub(super) fn check_killed(what: &str, report: Option<&ExitReport>) -> Result<(), Fault> {
    let was_killed = report.is_some_and(|report| matches!(report.reason, ExitReason::Signaled { signal: 9, .. }));
    Kind::Lost.unless(was_killed, || format!("{what}: of somebody who was killed it says {report:?}"))
}

/// For whoever looks why somebody does not go on.
impl fmt::Debug for Commons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Commons { notes, mutex, rwlock, permits, tokens, arrival, gate } = self;
        write!(f, "{mutex:?}, {rwlock:?}, {permits:?}, tokens {tokens:?}, {arrival:?}, {gate:?}, {notes:?}")
    }
}

impl Commons {
    pub(super) fn new(seats: usize) -> Commons {
        let made = "there is room for everything";
        let commons = Commons {
            notes: Notes::new(seats),
            mutex: Mutex::new([0; 32]).expect(made),
            rwlock: RwLock::new([0; 32]).expect(made),
            permits: Semaphore::new(PERMITS).expect(made),
            tokens: Mutex::new(0).expect(made),
            arrival: Condition::new().expect(made),
            gate: Event::new().expect(made),
        };
        commons.gate.set();
        commons
    }

    /// Waits until all may go on. False: this is the end.
    pub(super) fn pass_gate(&self, seat: usize) -> bool {
        if !self.gate.is_set() {
            self.notes.of(seat, Note::Rests).store(1, SeqCst);
            self.gate.wait_timeout(PATIENCE).unwrap_or_else(|error| give_up("the gate", error));
            self.notes.of(seat, Note::Rests).store(0, SeqCst);
        }
        self.notes.count(seat, Note::Steps);
        self.notes.mark(Mark::End).load(SeqCst) == 0
    }

    /// Whoever passes the gate or waits for a token leaves.
    pub(super) fn end(&self) {
        self.notes.mark(Mark::End).store(1, SeqCst);
        self.arrival.close();
        self.gate.set();
    }

    /// Nobody knows how many have the handles: what they are on stays until it is closed.
    pub(super) fn close(&self) {
        self.mutex.close();
        self.rwlock.close();
        self.permits.close();
        self.tokens.close();
        self.gate.close();
    }

    /// Changes what the mutex guards.
    pub(super) fn add(&self, seat: usize, chance: &mut Chance) {
        let locked = match chance.once_in(3) {
            true => block_on(self.mutex.lock_async()),
            false => self.mutex.lock_timeout(PATIENCE),
        };
        let is_first = !matches!(locked, Err(LockError::OwnerDied(_)));
        let mut guard = match locked {
            // Given back as it is: the next one is told as well.
            Err(LockError::OwnerDied(died)) if chance.once_in(4) => {
                return self.hear("the mutex", seat, died.report());
            }
            locked => self.guard("the mutex", seat, locked),
        };
        expect(self.notes.enter(Mark::Owner, seat, is_first));
        change(&mut guard, chance);
        self.notes.mark(Mark::Owner).store(0, SeqCst);
        drop(guard);
        self.notes.count(seat, Note::Added);
    }

    /// Changes what is read.
    pub(super) fn write(&self, seat: usize, chance: &mut Chance) {
        let locked = match chance.once_in(3) {
            true => block_on(self.rwlock.write_async()),
            false => self.rwlock.write_timeout(PATIENCE),
        };
        let (mut guard, is_first) = match locked {
            Ok(guard) => (guard, true),
            Err(LockError::OwnerDied(died)) => {
                self.hear("the lock that is written", seat, died.report());
                (died.into_guard(), false)
            }
            Err(error) => give_up("the lock that is written", error),
        };
        expect(self.notes.enter(Mark::Writer, seat, is_first));
        // As with permits, before who is inside.
        let pids = self.notes.pids();
        let readers = self.notes.living(self.notes.mark(Mark::Readers).load(SeqCst), &pids);
        expect(Kind::Wedged.unless(readers == 0, || format!("{readers} read while {seat} writes")));
        change(&mut guard, chance);
        self.notes.mark(Mark::Writer).store(0, SeqCst);
        drop(guard);
        self.notes.count(seat, Note::Written);
    }

    pub(super) fn read(&self, seat: usize, chance: &mut Chance) {
        let locked = match chance.once_in(3) {
            true => block_on(self.rwlock.read_async()),
            false => self.rwlock.read_timeout(PATIENCE),
        };
        match locked {
            Ok(guard) => {
                self.notes.mark(Mark::Readers).fetch_or(1 << seat, SeqCst);
                let writer = self.notes.mark(Mark::Writer).load(SeqCst);
                expect(Kind::Wedged.unless(writer == 0, || format!("{} writes while {seat} reads", writer - 1)));
                check_whole(&guard);
                stay(chance);
                self.notes.mark(Mark::Readers).fetch_and(!(1 << seat), SeqCst);
            }
            // Who only reads leaves it to a writer.
            Err(LockError::OwnerDied(died)) => self.hear("the lock that is read", seat, died.report()),
            Err(error) => give_up("the lock that is read", error),
        }
    }

    /// Has a permit for a while.
    pub(super) fn hold(&self, seat: usize, chance: &mut Chance) {
        let acquired = match chance.once_in(3) {
            true => block_on(self.permits.acquire_async()),
            false => self.permits.acquire_timeout(PATIENCE),
        };
        let permit = acquired.unwrap_or_else(|error| give_up("a permit", error));
        // Before who is inside: a successor is noted after the bit of the dead was taken away.
        let pids = self.notes.pids();
        let inside = self.notes.mark(Mark::Holders).fetch_or(1 << seat, SeqCst) | 1 << seat;
        if PERMITS < inside.count_ones() as usize {
            let living = self.notes.living(inside, &pids);
            expect(Kind::Doubled.unless(living <= PERMITS, || format!("{living} have one of {PERMITS} permits")));
        }
        stay(chance);
        self.notes.mark(Mark::Holders).fetch_and(!(1 << seat), SeqCst);
        drop(permit);
    }

    /// Wakes somebody with a token.
    pub(super) fn give(&self, seat: usize) {
        let mut tokens = self.guard("the tokens", seat, self.tokens.lock_timeout(PATIENCE));
        if *tokens < TOKENS_MAX {
            *tokens += 1;
            self.arrival.notify_one();
        }
    }

    /// Waits for a token. False: this is the end.
    pub(super) fn take(&self, seat: usize) -> bool {
        let guard = self.guard("the tokens", seat, self.tokens.lock_timeout(PATIENCE));
        match self.arrival.wait_while(guard, |tokens| *tokens == 0) {
            Ok(mut tokens) => *tokens -= 1,
            Err(ConditionError::Gone(_)) => return false,
            Err(ConditionError::Lock(error)) => drop(self.guard("the tokens", seat, Err(error))),
            Err(error) => give_up("the condition", error),
        }
        self.notes.count(seat, Note::Steps);
        true
    }

    /// How often what the mutex guards was changed, for whoever lives while all rest. `None`: it is not free in time.
    pub(super) fn added(&self, limit: Duration) -> Option<u64> {
        Some(self.settle(Mark::Owner, &*accepted(self.mutex.lock_timeout(limit))?))
    }

    /// The same of what is read.
    pub(super) fn written(&self, limit: Duration) -> Option<u64> {
        let guard = match self.rwlock.write_timeout(limit) {
            Ok(guard) => guard,
            Err(LockError::OwnerDied(died)) => died.into_guard(),
            Err(_) => return None,
        };
        Some(self.settle(Mark::Writer, &guard))
    }

    /// The number of changes. From here on no dead is inside, for nobody else will be told of one.
    fn settle(&self, mark: Mark, figures: &Figures) -> u64 {
        check_whole(figures);
        self.notes.mark(mark).store(0, SeqCst);
        figures[0]
    }

    /// `None`: they are not to be had in time.
    pub(super) fn tokens_left(&self, limit: Duration) -> Option<u64> {
        accepted(self.tokens.lock_timeout(limit)).map(|tokens| *tokens)
    }

    /// Goes through a barrier with another, of whom one mends it when one of them has died.
    pub(super) fn meet(&self, seat: usize, barrier: &Barrier, mends: bool) {
        match barrier.wait_timeout(PATIENCE) {
            Ok(_) => self.notes.count(seat, Note::Steps),
            Err(BrokenBarrier::Died(party)) => {
                self.hear("the barrier", seat, party.report());
                if mends && barrier.is_broken() {
                    barrier.reset();
                }
                let is_mended = watch::wait_for(PATIENCE, || (!barrier.is_broken()).then_some(()));
                expect(Kind::Wedged.unless(is_mended.is_some(), || "a barrier stays broken".into()));
            }
            // The end: nobody else does that.
            Err(BrokenBarrier::Aborted) => {}
            Err(error) => give_up("the barrier", error),
        }
    }

    fn guard<'a, T: bytemuck::Pod>(&self, what: &str, seat: usize, locked: Locked<'a, T>) -> MutexGuard<'a, T> {
        match locked {
            Ok(guard) => guard,
            Err(LockError::OwnerDied(died)) => {
                self.hear(what, seat, died.report());
                died.into_guard()
            }
            Err(error) => give_up(what, error),
        }
    }

    fn hear(&self, what: &str, seat: usize, report: Option<ExitReport>) {
        expect(check_killed(what, report.as_ref()));
        self.notes.count(seat, Note::Told);
    }
}

type Locked<'a, T> = Result<MutexGuard<'a, T>, LockError<MutexGuard<'a, T>>>;

/// A mutex that somebody may have died with. `None`: it is not free.
fn accepted<T: bytemuck::Pod>(locked: Locked<'_, T>) -> Option<MutexGuard<'_, T>> {
    match locked {
        Ok(guard) => Some(guard),
        Err(LockError::OwnerDied(died)) => Some(died.into_guard()),
        Err(_) => None,
    }
}

/// # Panics
/// The numbers are not all the same.
fn check_whole(figures: &Figures) {
    let is_whole = figures.iter().all(|figure| *figure == figures[0]);
    expect(Kind::Torn.unless(is_whole, || format!("half of a change: {figures:?}")));
}

fn change(figures: &mut Figures, chance: &mut Chance) {
    check_whole(figures);
    let (early, late) = figures.split_at_mut(16);
    early.iter_mut().for_each(|figure| *figure += 1);
    stay(chance);
    late.iter_mut().for_each(|figure| *figure += 1);
}

fn stay(chance: &mut Chance) {
    if chance.once_in(4) {
        chance.pause(STAY);
    }
}
