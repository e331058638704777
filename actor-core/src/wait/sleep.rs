//! [`Sleep`]: a point in time as a future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::shm::segment::segment;
use crate::time::Deadline;
use crate::waker::Registration;

/// Waits for `duration` in async code, counted from this call. One past the end of the clock is for ever.
///
/// ```
/// use std::pin::pin;
/// use std::time::Duration;
///
/// use actor_core::queue::Queue;
/// use actor_core::wait;
/// use futures::future::{Either, select};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = Queue::<u32>::bounded(1)?;
/// let limit = pin!(wait::sleep(Duration::from_millis(10)));
/// let first = futures::executor::block_on(select(queue.recv_async(), limit));
/// assert!(matches!(first, Either::Right(_)), "nobody sends anything");
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// When it is polled: the system has no memory or no thread for the part of this process that wakes
/// futures, which starts with the first of them.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { until: Deadline::after(duration), registration: Registration::default() }
}

/// Waits until `deadline` in async code.
///
/// # Panics
/// As for [`sleep`].
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { until: deadline.into(), registration: Registration::default() }
}

/// The future of [`sleep`] and [`sleep_until`]. Dropped, it wakes nobody.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    until: Deadline,
    registration: Registration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.until.has_passed() {
            return Poll::Ready(());
        }
        let segment = segment().expect("the system has memory for what wakes futures");
        let until = self.until;
        self.registration.set_alarm(segment, until, context.waker());
        Poll::Pending
    }
}
