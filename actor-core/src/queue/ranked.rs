//! How any queue with an order of its own sends and receives.

use std::time::Duration;

use super::error::RecvError;
use super::raw::{RawQueue, is_over};
use super::waiting::Look;
use crate::shm::event::Waited;
use crate::shm::hands::Held;
use crate::shm::ordered::{ByRank, Found, Rank};
use crate::shm::post::PostError;
use crate::shm::slots::Position;
use crate::shm::spin::spin;
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wire::travel::Travellers;

/// How long somebody who does not wait for an item waits for another receiver that is at it: longer than
/// any that runs takes, and no longer if one is stopped.
const PATIENCE: Duration = Duration::from_millis(20);

/// How receivers of one queue find what comes first: [`Window::take_first`] with the order of that queue.
pub(super) type TakeFirst = fn(&Window, &dyn Fn(Position) -> bool, Deadline) -> Found;

impl RawQueue {
    pub(super) fn post_ranked(
        &self,
        payload: &[u8],
        travellers: &Travellers,
        rank: Rank,
        deadline: Deadline,
    ) -> Result<(), PostError> {
        let window = self.window().ok_or(PostError::Gone)?;
        self.carry(travellers, || window.post_ranked(payload, rank, deadline))?;
        // It was closed for good after this message had been accepted: it goes with the others.
        window.discard_if_closed();
        Ok(())
    }

    /// Looks what comes first, waiting until `patience` for other receivers that are at it.
    #[inline]
    pub(super) fn look_first(&self, take_first: TakeFirst, patience: Deadline) -> Look {
        let Some(window) = self.window().filter(|window| !is_over(window)) else {
            return Look::Taken(Err(RecvError::Closed));
        };
        match take_first(window, &|origin| self.passed().has(origin), patience) {
            Found::Message(held) => Look::Taken(Ok(held)),
            Found::Nothing => Look::Nothing,
            Found::End => Look::Taken(Err(RecvError::Closed)),
            Found::Busy => Look::Busy,
        }
    }

    /// Takes what comes first, waiting until `deadline`.
    #[inline]
    pub(super) fn take_first(&self, take_first: TakeFirst, deadline: Deadline) -> Result<Held, RecvError> {
        let patience = if deadline == Deadline::Now { Deadline::after(PATIENCE) } else { deadline };
        match self.look_first(take_first, patience) {
            Look::Taken(taken) => taken,
            Look::Nothing | Look::Busy => self.wait_first(take_first, deadline),
        }
    }

    #[cold]
    fn wait_first(&self, take_first: TakeFirst, deadline: Deadline) -> Result<Held, RecvError> {
        let Some(window) = self.window() else { return Err(RecvError::Closed) };
        let mut test = || match self.look_first(take_first, Deadline::Now) {
            Look::Nothing => None,
            found => Some(found),
        };
        let mut has_slept = false;
        let taken = loop {
            if deadline.has_passed() {
                break Err(RecvError::Empty);
            }
            let look = || window.may_have_first().then(&mut test).flatten();
            let found = match spin(window.segment, deadline, look) {
                Some(found) => found,
                None => match window.items().wait(deadline, &mut test) {
                    Waited::Ready(found) => found,
                    Waited::Slept(found) => {
                        has_slept = true;
                        found
                    }
                    Waited::TimedOut => break Err(RecvError::Empty),
                },
            };
            // Not asleep at the items: whoever has the order does not ring there.
            let found = if let Look::Busy = found { self.look_first(take_first, deadline) } else { found };
            if let Look::Taken(taken) = found {
                break taken;
            }
        };
        if has_slept {
            // The wake may have been for another, or there may be more.
            window.items().chain();
        }
        taken
    }
}

/// By the rank that each message was sent with.
pub(super) fn take_by_rank(window: &Window, skips: &dyn Fn(Position) -> bool, deadline: Deadline) -> Found {
    window.take_first(&ByRank(window), skips, deadline)
}
