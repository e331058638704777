//! [`Aside`]: a live one who waits for something while somebody else is led to his death.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::{self, JoinHandle};

use super::sleeper::{at_last, soon};
use crate::crash::{Fault, Kind};
use crate::watch::has_state;

/// A thread that waits.
pub(super) struct Aside<T> {
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Aside<T> {
    /// Returns when he sleeps.
    pub(super) fn asleep(wait: impl FnOnce() -> T + Send + 'static) -> Result<Aside<T>, Fault> {
        let number = Arc::new(AtomicU32::new(0));
        let told = number.clone();
        let thread = thread::spawn(move || {
            told.store(rustix::thread::gettid().as_raw_nonzero().get() as u32, Release);
            wait()
        });
        let asleep = || number.load(Acquire) != 0 && has_state(std::process::id(), number.load(Acquire), 'S');
        let is_there = at_last(|| asleep() || thread.is_finished()) && !thread.is_finished();
        Kind::Wedged.unless(is_there, || "somebody who was to wait does not".to_owned())?;
        Ok(Aside { thread })
    }

    /// Whether he wakes within the time that anybody may take.
    pub(super) fn wakes(&self) -> bool {
        soon(|| self.thread.is_finished())
    }

    /// Whether he waits no more, as far as is known now.
    pub(super) fn is_awake(&self) -> bool {
        self.thread.is_finished()
    }

    /// What he was told. He has something to wake up for.
    pub(super) fn end(self) -> Result<T, Fault> {
        Kind::Wedged.unless(self.wakes(), || "somebody waits for what has come".to_owned())?;
        self.thread.join().map_err(|_| Kind::Wedged.fault("somebody who waited has panicked"))
    }
}
