//! Waiting for many descriptors at once.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, Result};

use super::poll;
use super::timespec::timespec;
use crate::planted::planted;

/// `int epoll_create1(EPOLL_CLOEXEC)` - makes an empty interest list, closed on exec.
/// Man page: epoll_create(2).
pub(crate) fn create() -> Result<OwnedFd> {
    epoll::create(CreateFlags::CLOEXEC)
}

/// `int epoll_ctl(int epfd, EPOLL_CTL_ADD, int fd, struct epoll_event *event)` - wakes
/// [`wait`] with `token` while `source` is readable or hung up. Man page: epoll_ctl(2).
pub(crate) fn add(epoll: BorrowedFd<'_>, source: BorrowedFd<'_>, token: u64) -> Result<()> {
    epoll::add(epoll, source, EventData::new_u64(token), EventFlags::IN)
}

/// `int epoll_ctl(int epfd, EPOLL_CTL_ADD or EPOLL_CTL_MOD, int fd, struct epoll_event *event)` - wakes
/// [`wait`] with `token` once, when `source` can be read or written, as asked for, or is hung up or
/// broken. What was asked for it before is replaced. Man page: epoll_ctl(2).
///
/// # Errors
/// `EPERM` of what can always be read and written, `ENOMEM` and `ENOSPC` of a system that is full.
pub(crate) fn arm(
    epoll: BorrowedFd<'_>,
    source: BorrowedFd<'_>,
    token: u64,
    (reads, writes): (bool, bool),
) -> Result<()> {
    let mut flags = EventFlags::ONESHOT;
    flags.set(EventFlags::IN | EventFlags::RDHUP, reads);
    flags.set(EventFlags::OUT, writes);
    match epoll::add(epoll, source, EventData::new_u64(token), flags) {
        Err(Errno::EXIST) => epoll::modify(epoll, source, EventData::new_u64(token), flags),
        result => result,
    }
}

/// `int epoll_ctl(int epfd, EPOLL_CTL_DEL, int fd, NULL)` - forgets `source`. Closing the last
/// descriptor of a file does the same, but only the last. Man page: epoll_ctl(2).
pub(crate) fn remove(epoll: BorrowedFd<'_>, source: BorrowedFd<'_>) -> Result<()> {
    epoll::delete(epoll, source)
}

/// `int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents, const struct timespec
/// *timeout, NULL)` - waits for the first events and puts their tokens into `ready`, which is left
/// empty by a timeout or a signal. Man page: epoll_wait(2).
pub(crate) fn wait(epoll: BorrowedFd<'_>, ready: &mut Vec<u64>, timeout: Option<Duration>) -> Result<()> {
    const BATCH: usize = 256;
    let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
    let mut events = [nothing; BATCH];
    ready.clear();
    let count = match epoll::wait(epoll, &mut events[..], timeout.and_then(timespec).as_ref()) {
        // The caller loops on its own clock, so a signal is an early look and nothing else.
        Err(Errno::INTR) if !planted!(NoEintrLoop) => 0,
        result => result?,
    };
    ready.extend(events[..count].iter().map(|event| event.data.u64()));
    Ok(())
}

/// Waits until one of a few descriptors is readable or hung up and gives its index, `None` after the
/// timeout, whatever signals come meanwhile.
///
/// # Errors
/// As [`poll::wait`].
pub(crate) fn wait_readable(sources: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<Option<usize>> {
    let sources: Vec<_> = sources.iter().map(|source| (*source, poll::Flags::IN)).collect();
    // The time that has passed counts after a signal as well.
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let found = poll::wait(&sources, left)?;
        let first = found.iter().position(|flags| !flags.is_empty());
        if first.is_some() || left == Some(Duration::ZERO) {
            return Ok(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::eventfd;

    #[test]
    fn smoke() {
        let epoll = create().unwrap();
        let bells = [eventfd::create().unwrap(), eventfd::create().unwrap()];
        for (token, bell) in bells.iter().enumerate() {
            add(epoll.as_fd(), bell.as_fd(), 7 + token as u64).unwrap();
        }
        let mut ready = vec![1];
        wait(epoll.as_fd(), &mut ready, Some(Duration::ZERO)).unwrap();
        assert!(ready.is_empty());
        eventfd::ring(bells[1].as_fd()).unwrap();
        wait(epoll.as_fd(), &mut ready, None).unwrap();
        assert_eq!(ready, [8]);
        remove(epoll.as_fd(), bells[1].as_fd()).unwrap();
        wait(epoll.as_fd(), &mut ready, Some(Duration::from_micros(1))).unwrap();
        assert!(ready.is_empty());
    }

    #[test]
    fn the_readable_one_is_named() {
        let bells = [eventfd::create().unwrap(), eventfd::create().unwrap()];
        let sources = [bells[0].as_fd(), bells[1].as_fd()];
        assert_eq!(wait_readable(&sources, Some(Duration::ZERO)).unwrap(), None);
        eventfd::ring(sources[1]).unwrap();
        assert_eq!(wait_readable(&sources, Some(Duration::MAX)).unwrap(), Some(1));
    }

    #[test]
    fn what_is_armed_wakes_once() {
        let (epoll, bell) = (create().unwrap(), eventfd::create().unwrap());
        let mut ready = Vec::new();
        let mut look = |expected: &[u64]| {
            wait(epoll.as_fd(), &mut ready, Some(Duration::ZERO)).unwrap();
            assert_eq!(ready, expected);
        };
        arm(epoll.as_fd(), bell.as_fd(), 7, (true, false)).unwrap();
        look(&[]);
        eventfd::ring(bell.as_fd()).unwrap();
        look(&[7]);
        look(&[]);
        arm(epoll.as_fd(), bell.as_fd(), 8, (true, true)).unwrap();
        look(&[8]);
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert_eq!(arm(epoll.as_fd(), file.as_fd(), 9, (true, false)), Err(Errno::PERM));
    }
}
