//! Pipes: one for the name of a start-up channel, one for each process's stderr.
//!
//! The two ends are two open files, so the reader may be non-blocking while the writer is not. The
//! writer's end must never be made non-blocking: `eprintln!` panics when a write would block.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::pipe::PipeFlags;

/// `int pipe2(int pipefd[2], O_CLOEXEC)` - makes a pipe, reader first, both ends closed on exec.
/// Man page: pipe(2).
pub(crate) fn create() -> Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
}

/// `int fcntl(int fd, F_SETPIPE_SZ, int size)` - makes room for `size` bytes.
/// Man page: fcntl(2).
///
/// # Errors
/// `EPERM` past the user's limit for pipes. The pipe works, with less room.
pub(crate) fn set_size(pipe: BorrowedFd<'_>, size: usize) -> Result<usize> {
    rustix::pipe::fcntl_setpipe_size(pipe, size)
}

/// `int fcntl(int fd, F_SETFL, O_NONBLOCK)` - for a reader only. Man page: fcntl(2).
pub(crate) fn set_nonblocking(reader: BorrowedFd<'_>) -> Result<()> {
    rustix::fs::fcntl_setfl(reader, OFlags::NONBLOCK)
}

/// What [`read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Bytes(usize),
    /// Nothing now, and writers are left.
    Empty,
    /// Nothing ever again.
    Closed,
}

/// `ssize_t read(int fd, void *buf, size_t count)` - takes what is there. Man page: read(2).
pub(crate) fn read(reader: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Read> {
    match retry_on_intr(|| rustix::io::read(reader, &mut *buffer)) {
        Ok(0) => Ok(Read::Closed),
        Ok(count) => Ok(Read::Bytes(count)),
        Err(Errno::AGAIN) => Ok(Read::Empty),
        Err(error) => Err(error),
    }
}

/// `ssize_t write(int fd, const void *buf, size_t count)` - writes a beginning of `bytes` and says
/// how long it was. Man page: write(2).
///
/// # Errors
/// `EPIPE` without readers (SIGPIPE is ignored in our processes), `EAGAIN` if the end is
/// non-blocking and full.
pub(crate) fn write(writer: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    retry_on_intr(|| rustix::io::write(writer, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn smoke() {
        let (reader, writer) = create().unwrap();
        set_nonblocking(reader.as_fd()).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(read(reader.as_fd(), &mut buffer).unwrap(), Read::Empty);
        assert_eq!(write(writer.as_fd(), b"name").unwrap(), 4);
        assert_eq!(read(reader.as_fd(), &mut buffer).unwrap(), Read::Bytes(4));
        drop(writer);
        // Other tests fork, and until their children have ended they hold copies of the writer.
        while read(reader.as_fd(), &mut buffer).unwrap() == Read::Empty {
            std::thread::yield_now();
        }
        assert_eq!(read(reader.as_fd(), &mut buffer).unwrap(), Read::Closed);
    }

    #[test]
    fn the_writer_stays_blocking() {
        let (reader, writer) = create().unwrap();
        set_nonblocking(reader.as_fd()).unwrap();
        let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK));
        assert!(set_size(writer.as_fd(), 1 << 16).unwrap() >= 1 << 16);
    }
}
