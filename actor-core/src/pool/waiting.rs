//! Waiting for results: one thread at a time reads them, for all who wait.
//!
//! Who waits looks into the ledger, and if what he wants is not there and nobody reads, he is the one who
//! does: he spins and sleeps at the queue of results. Others park and are woken when something of theirs was
//! entered, or when the reader leaves and it is for one of them to read. Whoever leaves, with a result or out
//! of time, hands over. Futures have nobody who could read: they register a waker of the hub at the queue, and
//! whatever thread wakes them enters what there is and passes it on.

use std::sync::atomic::Ordering::Acquire;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::hub::Hub;
use super::ledger::Ledger;
use crate::shm::spin::spin;
use crate::time::Deadline;
use crate::wait::Words;

impl Hub {
    /// Waits until `done` gives a value; it is asked whenever something of this job was entered. `None`: not
    /// before the deadline.
    pub(super) fn wait<T>(
        &self,
        job: u64,
        deadline: Deadline,
        mut done: impl FnMut(&mut Ledger) -> Option<T>,
    ) -> Option<T> {
        let mut ledger = self.open();
        loop {
            let value = done(&mut ledger);
            if value.is_some() || deadline.has_passed() {
                ledger.hand_over();
                return value;
            }
            if ledger.is_led {
                let number = ledger.follow(job);
                drop(ledger);
                match deadline.remaining() {
                    Some(left) => std::thread::park_timeout(left),
                    None => std::thread::park(),
                }
                ledger = self.open();
                ledger.unfollow(number);
            } else {
                ledger.is_led = true;
                let epoch = self.epoch.load(Acquire);
                drop(ledger);
                self.read(epoch, deadline);
                ledger = self.open();
                ledger.is_led = false;
            }
        }
    }

    /// Waits for results, or for something that others have entered since this epoch.
    fn read(&self, epoch: u64, deadline: Deadline) {
        let test = || (self.results.is_ready() || self.epoch.load(Acquire) != epoch).then_some(());
        let Some(window) = self.results.window() else { return };
        if spin(self.segment, deadline, test).is_none() {
            window.items().wait(deadline, test);
        }
    }

    /// [`Hub::wait`] of a future.
    pub(super) fn poll<T>(
        &self,
        job: u64,
        context: &mut Context<'_>,
        mut done: impl FnMut(&mut Ledger) -> Option<T>,
    ) -> Poll<T> {
        let mut ledger = self.open();
        let mut value = done(&mut ledger);
        if value.is_none() {
            ledger.set_waker(job, context.waker());
            self.register();
            // What has come before the registration rings for nobody.
            self.drain(&mut ledger);
            value = done(&mut ledger);
        }
        value.map_or(Poll::Pending, Poll::Ready)
    }

    /// Has the hub's waker woken at the next result.
    fn register(&self) {
        let (Some(window), Some(waker)) = (self.results.window(), self.knock.get()) else { return };
        let line = &window.header().items;
        let seen = line.event().register_async(u32::from(self.segment.me().0));
        let mut registration = self.registration.lock().unwrap_or_else(PoisonError::into_inner);
        registration.set(self.segment, &line.word, seen, Deadline::Never, waker);
    }
}

/// Enters results for futures.
pub(super) struct Knock(Weak<Hub>);

impl Knock {
    pub(super) fn waker(hub: &Arc<Hub>) -> Waker {
        Waker::from(Arc::new(Knock(Arc::downgrade(hub))))
    }
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        let Some(hub) = self.0.upgrade() else { return };
        let mut ledger = hub.open();
        if ledger.has_wakers() {
            hub.register();
            hub.drain(&mut ledger);
        }
    }
}
