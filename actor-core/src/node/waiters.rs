//! Requests that are answered when something happens.
//!
//! Whoever asks may give up and ask again, as often as he likes, while nothing happens. So what nobody
//! waits for any more is left out now and then: the list is never longer than twice the number of
//! those who wait, and a few.

use crate::mailbox::ReplyAddress;
use crate::reply;

/// How many there are before it is worth a look who still waits.
const FEW: usize = 16;

/// Where the answers go.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: Vec<ReplyAddress>,
    /// How many of them were left by the last look.
    kept: usize,
}

impl Waiters {
    pub(super) fn add(&mut self, reply: Option<ReplyAddress>) {
        if 2 * self.kept + FEW <= self.waiting.len() {
            self.waiting.retain(|reply| reply::is_waited_for(*reply));
            self.kept = self.waiting.len();
        }
        self.waiting.extend(reply);
    }

    /// Those who wait are about to be answered.
    pub(super) fn take(&mut self) -> Vec<ReplyAddress> {
        std::mem::take(self).waiting
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reply::{Purpose, ReplySlot};
    use crate::shm::segment::segment;
    use crate::time::Deadline;

    #[test]
    fn smoke() {
        let open = || {
            let soon = Deadline::after(Duration::from_secs(20));
            ReplySlot::open(segment().unwrap(), Purpose::Call, soon).unwrap()
        };
        let patient = open();
        let mut waiters = Waiters::default();
        waiters.add(None);
        waiters.add(Some(patient.address()));
        for _ in 0..1000 {
            waiters.add(Some(open().address()));
            assert!(waiters.waiting.len() <= 2 + FEW, "{} are kept", waiters.waiting.len());
        }
        assert!(waiters.take().contains(&patient.address()));
        assert!(waiters.take().is_empty());
    }
}
