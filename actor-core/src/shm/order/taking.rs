//! The order of a window: taken by a thread of this process, for one claim.
//!
//! A receiver compares items with the order in hand, which may run code of the user's. So a thread is kept from
//! taking an order for the second time, which it would wait for without an end.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::{Order, Ordered, Ranks};
use crate::shm::event::Event;
use crate::shm::hands::Held;
use crate::shm::index::Index;
use crate::shm::slots::Position;
use crate::shm::window::{Window, flags, has_flags};
use crate::shm::words::Mapped;
use crate::sys::cpu;
use crate::time::Deadline;

thread_local! {
    /// This thread has an order, so code of the user's runs with it in hand.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// Looks before a sleep: a holder that runs is done before that.
const LOOKS: u32 = 400;

/// This thread has an order, until this is dropped.
struct Holding;

impl Holding {
    /// # Panics
    /// This thread has one already.
    fn begin() -> Holding {
        assert!(!HOLDS.replace(true), "what compares items must not receive from an ordered queue");
        Holding
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        HOLDS.set(false);
    }
}

impl Ordered for Window {
    #[inline]
    fn order_word(&self) -> &AtomicU64 {
        &self.header().order.word
    }
    #[inline]
    fn order_count(&self) -> &AtomicU32 {
        &self.header().order.count
    }
    fn turn_event(&self) -> Event<'_, Mapped> {
        self.turn()
    }
    #[inline]
    fn index(&self) -> Index<'_, Mapped> {
        Index::of(self)
    }
    fn is_discarded(&self) -> bool {
        has_flags(&self.header().state.flags, flags::CLOSED_NOW)
    }
}

impl Window {
    /// Claims the first message for which `skips` does not hold, with the order in hand for that long: it is
    /// waited for until `deadline`, or until the queue is closed for good. `Err`: somebody else has it.
    ///
    /// # Panics
    /// This thread has an order already: an item is being compared that receives from an ordered queue.
    #[inline]
    pub(in crate::shm) fn claim_first<R: Ranks>(
        &self,
        ranks: &R,
        skips: &dyn Fn(Position) -> bool,
        deadline: Deadline,
    ) -> Result<Option<Held>, Busy> {
        let _holding = Holding::begin();
        let order = Order::try_take(self, self.segment.me()).or_else(|| self.wait_for_order(deadline));
        order.map(|mut order| order.claim(ranks, skips)).ok_or(Busy)
    }

    #[cold]
    fn wait_for_order(&self, deadline: Deadline) -> Option<Order<'_, Window>> {
        let me = self.segment.me();
        for _ in 0..LOOKS {
            cpu::spin();
            if let Some(order) = Order::try_take(self, me) {
                return Some(order);
            }
        }
        if deadline.has_passed() { None } else { Order::take(self, me, deadline) }
    }
}

/// Somebody else has the order.
pub(in crate::shm) struct Busy;
