//! Sleeping and waking between processes: nobody sleeps through what he waits for.
//!
//! # States
//! An [`Event`] is one 32-bit word: bit 0 says that somebody *may* sleep on it, the other bits
//! count wakes. It stands for one condition ("there is a message", "there is room") that the
//! caller can test in other words.
//!
//! # To wait
//! 1. Test the condition; spin a little while it is worth it.
//! 2. Set bit 0 (a read-modify-write, hence a full fence together with the fence that follows).
//! 3. Test the condition **again**.
//! 4. Sleep while the word is unchanged; go to 2.
//!
//! Whoever has slept and leaves, leaves bit 0 set: others may still sleep. That costs at most one
//! needless system call, because a notifier clears the bit.
//!
//! # To notify
//! 1. Make the condition true, then a full fence.
//! 2. If bit 0 is set: clear it and raise the count in one step, then wake **one** sleeper.
//! 3. If there was one, set bit 0 again: others may sleep behind it.
//!
//! # The race
//! The waiter writes bit 0 and then reads the condition; the notifier writes the condition and
//! then reads bit 0; between write and read there is a full fence on both sides. So one of them
//! sees the other: the waiter finds the condition true at step 3, or the notifier finds the bit.
//! In the second case the count has changed, and the kernel compares the word again before it
//! puts the waiter to sleep.
//!
//! # One wake for one sleeper
//! Two notifications may come before the first sleeper runs, and the second finds bit 0 clear. So
//! wakes are **chained**: a waiter that has slept and then got what it wanted calls
//! [`Event::chain`] if there may be more.
//!
//! # Death
//! A notifier killed between clearing the bit and the system call, and a sleeper killed after it
//! was chosen, both swallow a wake. Recovery of a dead participant therefore calls
//! [`Event::notify_all`] on everything it was attached to, after its proven death: all sleepers
//! test again. There is no count of sleepers that a death could falsify, and no periodic wake-up.
//! A sleeper that is stopped, not dead, after it was chosen delays that one wake until it goes on
//! or is killed; every further notification finds another sleeper, because the notifier has set
//! bit 0 again. A notifier that is stopped just between clearing the bit and the system call delays
//! wakes until it goes on, is killed, or somebody else begins to wait.
//!
//! # Async waiters
//! They have no thread to put to sleep. A process that has some sets bit 0 like any waiter and
//! keeps what the word then is, sets the bit of its group in `async_groups`, and tests the condition
//! again. From then on it looks whether the word has changed, once at once and then whenever its
//! doorbell rings. A notifier that finds bit 0 takes the group bits after it has changed the word,
//! changes the word **again** and rings the doorbells of the processes that the bits stand for (see
//! [`roster`](super::roster)).
//!
//! A waiter may come between the first change and the taking of its bit. Without the second change
//! it would find the word as it was, go on waiting, and no bit would stand for it any more. A
//! waiter that comes after the taking keeps both bits; one whose bit 0 was cleared, but whose group
//! bit came too late to be taken, finds the word changed at its first look.
//!
//! A notifier killed between taking the bits and ringing swallows them: after a proven death all
//! doorbells are rung.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::words::{Memory, Word};
use crate::planted::planted;
use crate::time::Deadline;

/// Somebody may sleep.
const SLEEPERS: u32 = 1;
/// One wake: the count stands above the flag.
const WAKE: u32 = 2;

/// The words of one condition; see the module for the protocol.
pub(crate) struct Event<'a, M: Memory> {
    pub(crate) word: &'a M::Word32,
    /// Bit g: a process of group g may have async waiters.
    pub(crate) async_groups: &'a M::Word64,
}

/// How [`Event::wait`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    /// The condition held at once.
    Ready(T),
    /// The condition held after a sleep: [`Event::chain`] if there may be more.
    Slept(T),
    TimedOut,
}

impl<M: Memory> Event<'_, M> {
    /// Waits until `test` gives a value. One last test is made when the deadline has passed.
    pub(crate) fn wait<T>(&self, deadline: Deadline, mut test: impl FnMut() -> Option<T>) -> Waited<T> {
        if let Some(value) = test() {
            return Waited::Ready(value);
        }
        let mut slept = false;
        loop {
            let seen = self.word.fetch_or(SLEEPERS, AcqRel) | SLEEPERS;
            M::fence();
            // The second test: from here on a notifier sees the bit.
            if !planted!(SkipSecondLook)
                && let Some(value) = test()
            {
                return if slept { Waited::Slept(value) } else { Waited::Ready(value) };
            }
            if !M::sleep(self.word, seen, deadline) {
                // A wake may have chosen this sleeper at the very end: take what it was for.
                return test().map_or(Waited::TimedOut, Waited::Slept);
            }
            slept = true;
        }
    }

    /// Wakes one sleeper, if there may be one. The condition was made true before, and a full
    /// fence lies in between.
    #[inline]
    pub(crate) fn notify(&self) {
        if self.word.load(Relaxed) & SLEEPERS != 0 {
            self.notify_slow(1);
        }
    }

    /// Passes the wake on after [`Waited::Slept`], when there may be more for others.
    pub(crate) fn chain(&self) {
        M::fence();
        self.notify();
    }

    /// Wakes all sleepers, if there may be any: what they wait for differs, so each has to look for
    /// itself. The condition was made true before.
    pub(crate) fn notify_each(&self) {
        M::fence();
        if self.word.load(Relaxed) & SLEEPERS != 0 {
            self.notify_slow(u32::MAX);
        }
    }

    /// Wakes all sleepers: the ring was closed, or somebody died who may have swallowed a wake.
    pub(crate) fn notify_all(&self) {
        M::fence();
        self.notify_slow(u32::MAX);
    }

    #[cold]
    fn notify_slow(&self, count: u32) {
        let mut seen = self.word.load(Acquire);
        loop {
            let woken = (seen & !SLEEPERS).wrapping_add(WAKE);
            match self.word.compare_exchange(seen, woken, AcqRel) {
                Ok(_) => break,
                // Another notifier was faster: it wakes for this one as well.
                Err(now) if now & SLEEPERS == 0 && count == 1 => return,
                Err(now) => seen = now,
            }
        }
        // Dead here: the sleepers are woken by the recovery of this notifier.
        if M::wake(self.word, count) != 0 && count == 1 {
            self.word.fetch_or(SLEEPERS, AcqRel);
        }
        // Either this sees the group bit, or the waiter sees that the word has changed.
        M::fence();
        let groups = self.async_groups.load(Relaxed);
        if groups != 0 {
            let taken = self.async_groups.fetch_and(!groups, AcqRel) & groups;
            self.word.fetch_add(WAKE, AcqRel);
            M::ring_doorbells(taken);
        }
    }

    /// Prepares an async wait: returns the value of the word that a notification will change.
    /// Test the condition after this call, then wait for the word to differ: look at once, and
    /// whenever the doorbell rings.
    pub(crate) fn register_async(&self, group: u32) -> u32 {
        let seen = self.word.fetch_or(SLEEPERS, AcqRel) | SLEEPERS;
        // After the word was read: see the module about the second change.
        self.async_groups.fetch_or(1 << (group % 64), AcqRel);
        M::fence();
        seen
    }
}
