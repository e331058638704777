//! Who kills workers: a thread that does so at every interval, until it is told to stop.
//!
//! Whom it kills is decided elsewhere. A worker may be waiting, at work or just starting; it is
//! asked nothing and warned of nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One killer at work, seen by all threads.
#[derive(Default)]
pub(crate) struct Killer {
    kills: AtomicU64,
    is_over: Mutex<bool>,
    over: Condvar,
}

/// Ends the killing when it is dropped, also when whoever holds it panics.
pub(crate) struct UntilDropped<'a>(&'a Killer);

impl Killer {
    /// Kills every so often. `kill` says whether there was anybody to kill: a victim may be dead
    /// already, its successor not made yet.
    pub(crate) fn work(&self, every: Duration, mut kill: impl FnMut() -> bool) {
        let mut next = Instant::now() + every;
        while !self.is_over_by(next) {
            if kill() {
                self.kills.fetch_add(1, Ordering::Relaxed);
            }
            // A kill that took longer than the interval is not made up for.
            next = (next + every).max(Instant::now());
        }
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.load(Ordering::Relaxed)
    }

    pub(crate) fn until_dropped(&self) -> UntilDropped<'_> {
        UntilDropped(self)
    }

    /// Waits until then. True: it is over.
    fn is_over_by(&self, deadline: Instant) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.over.wait_timeout_while(is_over, left, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for UntilDropped<'_> {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.over.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn smoke() {
        let killer = Killer::default();
        let (told, killed) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut victims = 0..;
                let kill = || victims.next().is_some_and(|victim| told.send(victim).is_ok() && victim % 3 != 1);
                killer.work(Duration::from_micros(10), kill);
            });
            let _until = killer.until_dropped();
            let first: Vec<usize> = killed.iter().take(30).collect();
            assert_eq!(first, (0..30).collect::<Vec<_>>());
            while killer.kills() < 10 {
                thread::yield_now();
            }
        });
        let all = 30 + killed.try_iter().count() as u64;
        assert!(killer.kills() < all, "who was dead already does not count");
    }

    #[test]
    fn a_long_interval_does_not_delay_the_end() {
        let killer = Killer::default();
        let begin = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| killer.work(Duration::from_secs(3600), || true));
            drop(killer.until_dropped());
        });
        assert!(begin.elapsed() < Duration::from_secs(60));
        assert_eq!(killer.kills(), 0);
    }
}
