//! Looking at a few descriptors, and waiting for them, without a list that stays.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, Timespec};
use rustix::io::{Errno, Result, retry_on_intr};

use super::timespec::timespec;

/// What is asked of a descriptor, and what is found of it.
pub(crate) use rustix::event::PollFlags as Flags;

/// `int ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *tmo_p, NULL)` - waits until one of
/// the descriptors has what it is asked for, or is hung up or broken, and gives what is found of each.
/// Nothing of any after the timeout; and after a signal too: the caller loops on its own clock.
/// Man page: poll(2).
///
/// # Errors
/// `EINVAL` for more descriptors than this process may have, `ENOMEM`.
pub(crate) fn wait(sources: &[(BorrowedFd<'_>, Flags)], timeout: Option<Duration>) -> Result<Vec<Flags>> {
    let timeout = timeout.and_then(timespec);
    let mut polled: Vec<PollFd<'_>> =
        sources.iter().map(|(source, flags)| PollFd::from_borrowed_fd(*source, *flags)).collect();
    match rustix::event::poll(&mut polled, timeout.as_ref()) {
        Ok(_) => Ok(polled.iter().map(PollFd::revents).collect()),
        Err(Errno::INTR) => Ok(vec![Flags::empty(); sources.len()]),
        Err(error) => Err(error),
    }
}

/// What is found of one descriptor now.
///
/// # Errors
/// As [`wait`].
pub(crate) fn look(source: BorrowedFd<'_>, flags: Flags) -> Result<Flags> {
    let mut polled = [PollFd::from_borrowed_fd(source, flags)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    retry_on_intr(|| rustix::event::poll(&mut polled, Some(&now)))?;
    Ok(polled[0].revents())
}

/// `int ioctl(int fd, FIONREAD, int *bytes)` - how many bytes can be read at once. Man page: ioctl(2).
///
/// # Errors
/// `EINVAL` or `ENOTTY` of what is not read by bytes.
pub(crate) fn readable_bytes(source: BorrowedFd<'_>) -> Result<u64> {
    rustix::io::ioctl_fionread(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{eventfd, pipe};
    use std::os::fd::AsFd;

    #[test]
    fn smoke() {
        let bells = [eventfd::create().unwrap(), eventfd::create().unwrap()];
        let sources = [(bells[0].as_fd(), Flags::IN), (bells[1].as_fd(), Flags::IN)];
        assert_eq!(wait(&sources, Some(Duration::ZERO)).unwrap(), [Flags::empty(); 2]);
        eventfd::ring(bells[1].as_fd()).unwrap();
        assert_eq!(wait(&sources, Some(Duration::MAX)).unwrap(), [Flags::empty(), Flags::IN]);
        assert_eq!(look(bells[1].as_fd(), Flags::IN | Flags::OUT).unwrap(), Flags::IN | Flags::OUT);
        assert_eq!(wait(&[], Some(Duration::from_micros(1))).unwrap(), []);
    }

    #[test]
    fn what_waits_to_be_read_is_counted() {
        let (reader, writer) = pipe::create().unwrap();
        assert_eq!(readable_bytes(reader.as_fd()), Ok(0));
        pipe::write(writer.as_fd(), b"abc").unwrap();
        drop(writer);
        assert_eq!(readable_bytes(reader.as_fd()), Ok(3));
        assert_eq!(look(reader.as_fd(), Flags::IN).unwrap(), Flags::IN | Flags::HUP);
    }
}
