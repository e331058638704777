//! Waiting for many descriptors at once.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Result, retry_on_intr};

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
        Err(rustix::io::Errno::INTR) if !planted!(NoEintrLoop) => 0,
        result => result?,
    };
    ready.extend(events[..count].iter().map(|event| event.data.u64()));
    Ok(())
}

/// `int ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *tmo_p, NULL)` - waits until
/// one of a few descriptors is readable or hung up and gives its index, `None` after the timeout.
/// Man page: poll(2).
pub(crate) fn wait_readable(sources: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<Option<usize>> {
    let timeout = timeout.and_then(timespec);
    let mut polled: Vec<PollFd<'_>> =
        sources.iter().map(|source| PollFd::from_borrowed_fd(source.as_fd(), PollFlags::IN)).collect();
    retry_on_intr(|| rustix::event::poll(&mut polled, timeout.as_ref()))?;
    Ok(polled.iter().position(|source| !source.revents().is_empty()))
}

fn timespec(timeout: Duration) -> Option<Timespec> {
    Some(Timespec { tv_sec: i64::try_from(timeout.as_secs()).ok()?, tv_nsec: timeout.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
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
}
