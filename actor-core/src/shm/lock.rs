//! Locks between processes: one word that names the owner.
//!
//! # States
//! ```text
//! FREE ──take──► HELD(who) ──release──► FREE
//!   ▲               │ dies                ▲
//!   │               ▼                     │ release by one who has accepted it
//!   └──────── DIED(process) ──take──► HELD(who) ──gives it back as it was, or dies──► DIED(..)
//! ```
//! Claim and claimant are one write, so at no moment a lock is taken and nobody knows by whom. The word
//! carries along which of two copies of the data counts: a holder writes the other one, and the write that
//! releases the lock is the one that makes it count. So whoever dies at whatever instruction leaves the data
//! as they were before or as they are after, never half of each.
//!
//! # Deaths
//! - Before the claim, or after the release: it has nothing in its hands. It may not have woken the next one,
//!   or have been the one that was woken: recovery wakes all who wait, and they look again.
//! - In between: the node makes `HELD(dead)` a `DIED(dead)` and wakes all. The next one gets the lock
//!   and is told; it is the owner as any other, so its death in the middle of its repair is one more.
//! - Who has claimed it and still waits for others to leave (see [`rwlock`](super::rwlock)) has changed nothing:
//!   the word becomes what it was.
//! - The node in the middle of this: then all processes of the node end.
//!
//! Stopped is not dead: the word goes on naming the owner, and others wait for as long as they like to.
//!
//! # Owners who take it several times
//! The word `nested` names the process and the thread that own the lock, and counts. Only the owner writes it:
//! after its claim, and zero before its release; for a dead owner the node does so before the word is `DIED`.
//! A thread asks whether the lock is its own by reading `HELD(its process)` and then its own name in `nested`.
//! If it owns the lock, both are what it has written itself. If it does not:
//! - It wrote its name at most before a release of its own, and zero after that, which it cannot miss.
//! - Another thread of this process, or of another process that lives, writes another name, whenever.
//! - A dead process of the same number had a thread of the same number: that name was cleared before the word
//!   was `DIED`, so before this process began.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::event::{Event, Waited};
use super::region::Atomics;
use super::window::Window;
use super::words::{Mapped, Memory, Word};
use crate::id::{Participant, ProcessId};
use crate::planted::planted;
use crate::time::Deadline;

/// What a lock is to everybody, and room for a little data in the same cache line.
#[repr(C, align(64))]
pub(crate) struct LockLine {
    pub(crate) word: AtomicU64,
    pub(crate) event: AtomicU32,
    _unused: AtomicU32,
    async_groups: AtomicU64,
    /// See the module; zero in locks that are taken once.
    pub(crate) nested: AtomicU64,
    _data: [AtomicU64; 4],
}

/// Where the data of a lock may begin, and how many bytes of them share its line.
pub(crate) const DATA_AT: u64 = 32;
pub(crate) const DATA_HERE: u64 = 32;

// SAFETY: it consists of atomics, and nothing that is read between them.
unsafe impl Atomics for LockLine {}

impl LockLine {
    #[inline]
    pub(crate) fn lock(&self) -> Lock<'_, Mapped> {
        Lock { word: &self.word, nested: &self.nested, event: self.event() }
    }

    #[inline]
    pub(crate) fn event(&self) -> Event<'_, Mapped> {
        Event { word: &self.event, async_groups: &self.async_groups }
    }
}

/// `state:2 | bare:1 | copy:1 | claiming:1 | after_death:1 | 0:10 | participant:16 | generation:32`, low bits
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockWord(pub(crate) u64);

/// Who gives the lock back: a guard, or whoever calls for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Guard,
    Hand,
}

impl LockWord {
    const STATE: u64 = 0b11;
    const FREE: u64 = 0;
    const HELD: u64 = 1;
    const DIED: u64 = 2;
    /// Held without a guard.
    const BARE: u64 = 1 << 2;
    /// The second copy of the data counts.
    const COPY: u64 = 1 << 3;
    /// Held by one who still waits for others to leave and has not touched anything.
    const CLAIMING: u64 = 1 << 4;
    /// With the former: it was `DIED` before.
    const AFTER_DEATH: u64 = 1 << 5;
    const WHO_AT: u32 = 16;
    const GENERATION_AT: u32 = 32;

    #[inline]
    fn is(self, state: u64) -> bool {
        self.0 & LockWord::STATE == state
    }

    #[inline]
    pub(crate) fn is_held(self) -> bool {
        self.is(LockWord::HELD)
    }

    #[inline]
    pub(crate) fn is_held_by(self, who: Participant) -> bool {
        self.is_held() && self.who() == who
    }

    fn who(self) -> Participant {
        Participant((self.0 >> LockWord::WHO_AT) as u16)
    }

    /// Who has died with it, if it was not taken or not accepted since.
    #[inline]
    pub(crate) fn died(self) -> Option<ProcessId> {
        let died = || ProcessId { participant: self.who(), generation: (self.0 >> LockWord::GENERATION_AT) as u32 };
        self.is(LockWord::DIED).then(died)
    }

    /// Which of the two copies of the data counts.
    #[inline]
    pub(crate) fn copy(self) -> usize {
        usize::from(self.0 & LockWord::COPY != 0)
    }

    #[inline]
    pub(crate) fn with_copy(self, copy: usize) -> LockWord {
        LockWord(self.0 & !LockWord::COPY | if copy == 0 { 0 } else { LockWord::COPY })
    }

    /// Free, with the data of this word.
    #[inline]
    pub(crate) fn freed(self) -> LockWord {
        LockWord(LockWord::FREE | self.0 & LockWord::COPY)
    }

    #[inline]
    fn held(self, who: Participant, flags: u64) -> LockWord {
        LockWord(LockWord::HELD | flags | self.0 & LockWord::COPY | u64::from(who.0) << LockWord::WHO_AT)
    }

    fn after(self, dead: ProcessId) -> LockWord {
        let who = u64::from(dead.participant.0) << LockWord::WHO_AT;
        LockWord(LockWord::DIED | self.0 & LockWord::COPY | who | u64::from(dead.generation) << LockWord::GENERATION_AT)
    }

    /// What the node makes of a word that names a dead process as its owner.
    fn repaired(self, dead: ProcessId) -> LockWord {
        match self.0 & (LockWord::CLAIMING | LockWord::AFTER_DEATH) {
            LockWord::CLAIMING => self.freed(),
            _ if planted!(ForgetOwners) => self.freed(),
            _ => self.after(dead),
        }
    }
}

/// The words of one lock; see the module for the protocol.
pub(crate) struct Lock<'a, M: Memory> {
    pub(crate) word: &'a M::Word64,
    pub(crate) nested: &'a M::Word64,
    pub(crate) event: Event<'a, M>,
}

impl<M: Memory> Lock<'_, M> {
    /// Takes the lock, and says how it was before. `None`: somebody has it.
    #[inline]
    pub(crate) fn try_take(&self, me: Participant, by: By) -> Option<LockWord> {
        let flags = if by == By::Hand { LockWord::BARE } else { 0 };
        self.change_to_held(|seen| seen.held(me, flags))
    }

    /// [`Lock::try_take`], asleep until `deadline` while somebody has it. No wake is passed on: there is one
    /// lock, and whoever gets it wakes the next when he releases it.
    pub(crate) fn take(&self, me: Participant, by: By, deadline: Deadline) -> Option<LockWord> {
        match self.event.wait(deadline, || self.try_take(me, by)) {
            Waited::Ready(before) | Waited::Slept(before) => Some(before),
            Waited::TimedOut => None,
        }
    }

    /// [`Lock::try_take`] for one who is going to wait for others before he touches anything, until
    /// [`Lock::settle`].
    pub(crate) fn try_claim(&self, me: Participant) -> Option<LockWord> {
        let flags = |seen: LockWord| if seen.died().is_some() { LockWord::AFTER_DEATH } else { 0 };
        self.change_to_held(|seen| seen.held(me, LockWord::CLAIMING | flags(seen)))
    }

    /// Whoever has claimed it has waited.
    pub(crate) fn settle(&self) {
        self.word.fetch_and(!(LockWord::CLAIMING | LockWord::AFTER_DEATH), AcqRel);
    }

    #[inline]
    fn change_to_held(&self, held: impl Fn(LockWord) -> LockWord) -> Option<LockWord> {
        let mut seen = LockWord(self.word.load(Relaxed));
        while !seen.is_held() {
            match self.word.compare_exchange(seen.0, held(seen).0, AcqRel) {
                Ok(_) => return Some(seen), // PAIR: lock-released
                Err(now) => seen = LockWord(now),
            }
        }
        None
    }

    /// The owner gives the lock back: free, or as it has found it.
    #[inline]
    pub(crate) fn release(&self, next: LockWord) {
        M::publish(self.word, next.0); // PAIR: lock-released
        self.event.notify();
    }

    /// What a planted bug does: from here on this copy counts, whether it is written or not.
    pub(crate) fn count_copy(&self, copy: usize) {
        self.word.store(LockWord(self.word.load(Relaxed)).with_copy(copy).0, Release);
    }

    /// Gives back what was taken by hand, by whatever thread of the process. False: it was not.
    pub(crate) fn release_by_hand(&self, me: Participant) -> bool {
        let seen = LockWord(self.word.load(Relaxed));
        // Two threads that release the same: one of them is too late.
        let is_ours = seen.is_held_by(me)
            && seen.0 & LockWord::BARE != 0
            && self.word.compare_exchange(seen.0, seen.freed().0, AcqRel).is_ok();
        if is_ours {
            M::fence();
            self.event.notify();
        }
        is_ours
    }

    /// Repairs the lock after a proven death and wakes all who wait. True: the dead was the owner, and
    /// the next one is told.
    pub(crate) fn recover(&self, dead: ProcessId) -> bool {
        let seen = LockWord(self.word.load(Acquire));
        let mut is_told = false;
        if seen.is_held_by(dead.participant) {
            // In this order, see the module.
            self.nested.store(0, Release);
            let next = seen.repaired(dead);
            // Nobody else changes a word that names the dead.
            is_told = self.word.compare_exchange(seen.0, next.0, AcqRel).is_ok() && next.died().is_some();
        }
        self.event.notify_all();
        is_told
    }
}

/// The lock at the beginning of a region. `None`: it is too small for one.
pub(super) fn of(window: &Window) -> Option<&'static LockLine> {
    (size_of::<LockLine>() as u64 <= window.memory_bytes()).then(|| window.memory(0))
}

/// Repairs the lock at the beginning of a region.
pub(super) fn recover(window: &Window, dead: ProcessId) -> bool {
    of(window).is_some_and(|line| line.lock().recover(dead))
}

pub(super) fn is_held(window: &Window, by: Participant) -> bool {
    of(window).is_some_and(|line| LockWord(line.word.load(Relaxed)).is_held_by(by))
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

    fn process(participant: Participant) -> ProcessId {
        ProcessId { participant, generation: u32::MAX }
    }

    fn line() -> (Handle, &'static LockLine) {
        let shape = region::shape(size_of::<LockLine>() as u64).unwrap();
        let handle = Handle::make(segment().unwrap(), Kind::Lock, shape).unwrap();
        let line = handle.window().unwrap().memory(0);
        (handle, line)
    }

    #[test]
    fn smoke() {
        let (_handle, line) = line();
        let lock = line.lock();
        let before = lock.try_take(A, By::Guard).unwrap();
        assert_eq!((before.copy(), before.died()), (0, None));
        assert!(lock.try_take(A, By::Guard).is_none() && lock.try_take(B, By::Guard).is_none());
        lock.release(before.freed().with_copy(1));
        assert_eq!(lock.try_take(B, By::Guard).unwrap().copy(), 1);
    }

    #[test]
    fn the_next_owner_is_told_of_the_death_until_one_accepts_it() {
        let (handle, line) = line();
        let lock = line.lock();
        lock.try_take(A, By::Hand).unwrap();
        line.nested.store(7, Relaxed);
        assert!(!lock.recover(process(B)) && lock.try_take(B, By::Guard).is_none());
        assert!(region::recover(handle.window().unwrap(), Kind::Lock, process(A)));
        assert_eq!(line.nested.load(Relaxed), 0);
        let before = lock.try_take(B, By::Guard).unwrap();
        assert_eq!(before.died(), Some(process(A)));
        assert!(lock.recover(process(B)), "it has died before it was done");
        let before = lock.try_take(A, By::Guard).unwrap();
        assert_eq!(before.died(), Some(process(B)));
        lock.release(before);
        assert_eq!(lock.try_take(A, By::Guard).unwrap().died(), Some(process(B)));
        lock.release(before.freed());
        assert_eq!(lock.try_take(A, By::Guard).unwrap().died(), None);
    }

    #[test]
    fn by_hand_is_released_by_its_process_alone_and_once() {
        let (_handle, line) = line();
        let lock = line.lock();
        assert!(!lock.release_by_hand(A), "nobody has it");
        lock.try_take(A, By::Hand).unwrap();
        assert!(!lock.release_by_hand(B) && lock.release_by_hand(A) && !lock.release_by_hand(A));
        lock.try_take(A, By::Guard).unwrap();
        assert!(!lock.release_by_hand(A), "a guard does that");
    }
}
