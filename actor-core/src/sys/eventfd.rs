//! A bell that any process can ring and one thread hears in its epoll.
//!
//! A ring says "look", and many rings before the look are one. What there is to see stands in
//! shared memory.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::EventfdFlags;
use rustix::io::{Errno, Result, retry_on_intr};

/// `int eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)` - makes a bell, closed on exec, silent.
/// Man page: eventfd(2).
pub(crate) fn create() -> Result<OwnedFd> {
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
}

/// `ssize_t write(int fd, const uint64_t *one, 8)` - rings. Never blocks: a counter at its end has
/// been ringing all along. Man page: eventfd(2).
pub(crate) fn ring(bell: BorrowedFd<'_>) -> Result<()> {
    match retry_on_intr(|| rustix::io::write(bell, &1_u64.to_ne_bytes())) {
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `ssize_t read(int fd, uint64_t *count, 8)` - silences the bell and says whether it rang. To be
/// called before looking, so that a later ring is not lost. Man page: eventfd(2).
pub(crate) fn silence(bell: BorrowedFd<'_>) -> Result<bool> {
    let mut count = [0_u8; 8];
    match retry_on_intr(|| rustix::io::read(bell, &mut count)) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn smoke() {
        let bell = create().unwrap();
        assert!(!silence(bell.as_fd()).unwrap());
        ring(bell.as_fd()).unwrap();
        ring(bell.as_fd()).unwrap();
        assert!(silence(bell.as_fd()).unwrap());
        assert!(!silence(bell.as_fd()).unwrap(), "two rings are one");
    }

    #[test]
    fn a_bell_at_its_end_does_not_block() {
        let bell = create().unwrap();
        rustix::io::write(&bell, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        ring(bell.as_fd()).unwrap();
        assert!(silence(bell.as_fd()).unwrap());
    }
}
