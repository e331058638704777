//! Sleeping on a 32-bit word that several processes share.
//!
//! The shared form only: the private one, which standard locks use, never wakes another process.
//! The word must lie in a `MAP_SHARED` mapping for the same reason. A return says no more than
//! "look again": the caller loops on the word, never on the answer.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

use super::timespec::timespec;
use crate::planted::planted;

/// Why a [`wait`] came back.
#[allow(clippy::enum_variant_names)] // `Woken::Woken` is what it is called where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Somebody woke us, or nobody did: spurious returns and signals are among these.
    Woken,
    /// The word did not hold the expected value, so there was no sleep.
    Changed,
    /// The timeout has passed.
    TimedOut,
}

/// How many [`wake`] wakes when it is to wake everybody.
pub(crate) const ALL: u32 = i32::MAX as u32;

/// `long futex(uint32_t *uaddr, FUTEX_WAIT, uint32_t val, const struct timespec *timeout)` - sleeps
/// while the word holds `expected`, until a wake, a signal or the timeout. Man page: futex(2).
///
/// The timeout counts on the monotonic clock. `None` is for ever, and so is what the kernel cannot
/// count (292 billion years).
///
/// # Panics
/// If the kernel finds no memory behind the word. It is mapped for as long as its reference lives.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> Woken {
    let timeout = timeout.and_then(timespec);
    match futex::wait(word, flags(), expected, timeout.as_ref()) {
        Ok(()) | Err(Errno::INTR) => Woken::Woken,
        Err(Errno::AGAIN) => Woken::Changed,
        Err(Errno::TIMEDOUT) => Woken::TimedOut,
        Err(error) => panic!("futex wait on {word:p} for {expected}: {error}"),
    }
}

/// `long futex(uint32_t *uaddr, FUTEX_WAKE, uint32_t val)` - wakes at most `count` sleepers, in any
/// process, and says how many. Man page: futex(2).
///
/// # Panics
/// If the kernel finds no memory behind the word. It is mapped for as long as its reference lives.
pub(crate) fn wake(word: &AtomicU32, count: u32) -> usize {
    match futex::wake(word, flags(), count.min(ALL)) {
        Ok(woken) => woken,
        Err(error) => panic!("futex wake on {word:p}: {error}"),
    }
}

fn flags() -> Flags {
    if planted!(PrivateFutex) { Flags::PRIVATE } else { Flags::empty() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    #[test]
    fn smoke() {
        let word = AtomicU32::new(1);
        assert_eq!(wait(&word, 2, None), Woken::Changed);
        assert_eq!(wake(&word, ALL), 0);
        let start = Instant::now();
        let timeout = Duration::from_millis(5);
        // A stray signal may end a wait early; the caller's loop is part of the contract.
        while wait(&word, 1, Some(timeout)) != Woken::TimedOut {}
        assert!(start.elapsed() >= timeout);
    }

    #[test]
    fn a_wake_reaches_a_sleeper() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    wait(&word, 0, Some(Duration::MAX));
                }
            });
            word.store(1, Ordering::Release);
            while !sleeper.is_finished() {
                wake(&word, 1);
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn a_wake_crosses_two_mappings() {
        use crate::sys::{map, memfd};
        use std::os::fd::AsFd;
        let memory = memfd::create_sealed(c"futex-cross", 4096).unwrap();
        let words = [0, 1].map(|_| map::map_whole(memory.as_fd(), 4096).unwrap().as_ptr() as usize);
        std::thread::scope(|scope| {
            // The kernel's key is the page of the file, so two addresses are one word.
            let sleeper = scope.spawn(move || wait(word_at(words[0]), 0, Some(Duration::from_secs(20))));
            let mut woken = 0;
            while woken == 0 && !sleeper.is_finished() {
                woken = wake(word_at(words[1]), 1);
                std::thread::yield_now();
            }
            assert_eq!(woken, 1, "the sleeper was found through the other mapping");
            assert_eq!(sleeper.join().unwrap(), Woken::Woken);
        });
    }

    #[allow(unsafe_code)]
    fn word_at(address: usize) -> &'static AtomicU32 {
        // SAFETY: The address is the aligned start of a mapping of 4096 bytes that is never unmapped.
        unsafe { &*(address as *const AtomicU32) }
    }
}
