//! [`wait`] and its relatives: a thread that waits for many things at once.
//!
//! Where words alone are waited for, the thread sleeps on the doorbell of the process. With descriptors
//! among them it sleeps in poll(2); the helper thread of async waits, which hears the doorbell, then wakes
//! it by a descriptor of its own. Each round is: register, look again, sleep.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::source::{Opened, Registrations, Waitable, Wakes};
use crate::shm::segment::{Segment, attached};
use crate::shm::words::{Mapped, Memory};
use crate::sys::eventfd;
use crate::sys::poll::{self, Flags};
use crate::time::Deadline;

/// Waits until at least one of `on` is ready, and gives the places of all that are, in order.
///
/// Nothing is taken: see the [module](super) for what is ready when, and for how long. With nothing to
/// wait for it returns at once.
///
/// # Errors
/// There are no descriptors left, or fewer than are waited for.
#[doc(alias("select", "poll"))]
pub fn wait(on: &[&dyn Waitable]) -> io::Result<Vec<usize>> {
    if on.is_empty() { Ok(Vec::new()) } else { wait_by(on, Deadline::Never) }
}

/// [`wait`] without waiting: empty if nothing is ready now.
///
/// # Errors
/// As for [`wait`].
pub fn try_wait(on: &[&dyn Waitable]) -> io::Result<Vec<usize>> {
    wait_by(on, Deadline::Now)
}

/// [`wait`] for at most `timeout`: empty if nothing was ready by then.
///
/// # Errors
/// As for [`wait`].
pub fn wait_timeout(on: &[&dyn Waitable], timeout: Duration) -> io::Result<Vec<usize>> {
    wait_by(on, Deadline::after(timeout))
}

/// [`wait`] until `deadline`: empty if nothing was ready by then.
///
/// # Errors
/// As for [`wait`].
pub fn wait_deadline(on: &[&dyn Waitable], deadline: Instant) -> io::Result<Vec<usize>> {
    wait_by(on, deadline.into())
}

fn wait_by(on: &[&dyn Waitable], deadline: Deadline) -> io::Result<Vec<usize>> {
    let opened = on.iter().map(|it| it.opened()).collect::<io::Result<Vec<_>>>()?;
    let mut ready = look(&opened)?;
    if !ready.is_empty() || deadline.has_passed() {
        return Ok(ready);
    }
    let mut waiter = Waiter { segment: attached(), bell: None, registrations: Registrations::default() };
    loop {
        let rung = waiter.rung();
        let mut wakes = Wakes::new();
        wakes.at(deadline);
        opened.iter().for_each(|it| it.register(&mut wakes));
        // From here on a change of the words rings. Descriptors are looked at by the kernel itself.
        if !opened.iter().any(Opened::is_ready) {
            waiter.sleep(&opened, &wakes, rung)?;
        }
        ready = look(&opened)?;
        if !ready.is_empty() || deadline.has_passed() {
            return Ok(ready);
        }
    }
}

/// The places of those that are ready now.
fn look(opened: &[Opened<'_>]) -> io::Result<Vec<usize>> {
    let descriptors = descriptors(opened);
    let found = match descriptors.is_empty() {
        true => Vec::new(),
        false => poll::wait(&descriptors, Some(Duration::ZERO))?,
    };
    let mut found = found.into_iter();
    let is_ready = |it: &Opened<'_>| match it.descriptor() {
        Some(_) => found.next().is_some_and(|flags| !flags.is_empty()),
        None => it.is_ready(),
    };
    let ready: Vec<bool> = opened.iter().map(is_ready).collect();
    Ok((0..ready.len()).filter(|at| ready[*at]).collect())
}

fn descriptors<'a>(opened: &'a [Opened<'_>]) -> Vec<(BorrowedFd<'a>, Flags)> {
    opened.iter().filter_map(Opened::descriptor).map(|(fd, interest)| (fd, interest.flags())).collect()
}

/// How one thread sleeps in one wait.
struct Waiter {
    /// `None`: nobody has words in this process.
    segment: Option<&'static Segment>,
    /// What the helper wakes the thread by while it waits for descriptors as well.
    bell: Option<Arc<Bell>>,
    registrations: Registrations,
}

impl Waiter {
    /// How often the doorbell was rung: to be read before anything is registered.
    fn rung(&self) -> u32 {
        self.segment.map_or(0, |segment| segment.record(segment.me()).doorbell.load(Acquire))
    }

    fn sleep(&mut self, opened: &[Opened<'_>], wakes: &Wakes, rung: u32) -> io::Result<()> {
        let mut descriptors = descriptors(opened);
        let Some(segment) = self.segment.filter(|_| !wakes.words.is_empty()) else {
            poll::wait(&descriptors, wakes.until.remaining())?;
            return Ok(());
        };
        if descriptors.is_empty() {
            Mapped::sleep(&segment.record(segment.me()).doorbell, rung, wakes.until);
            return Ok(());
        }
        let bell = match &self.bell {
            Some(bell) => bell.clone(),
            None => self.bell.insert(Arc::new(Bell(eventfd::create()?))).clone(),
        };
        // A ring from here on is for the words as they are registered now, and one from before costs a look.
        eventfd::silence(bell.0.as_fd())?;
        self.registrations.set(segment, wakes, &Waker::from(bell.clone()));
        descriptors.push((bell.0.as_fd(), Flags::IN));
        poll::wait(&descriptors, wakes.until.remaining())?;
        Ok(())
    }
}

/// Wakes a thread that sleeps in poll(2).
struct Bell(OwnedFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // It cannot fail while it is open, and it is for as long as this.
        let _ = eventfd::ring(self.0.as_fd());
    }
}
