//! The standard error of the node's processes: a pipe each, passed on, its end kept for the report.
//!
//! How it is passed on without waiting for whoever reads the node's own stderr stands in `forward.rs`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::forward;
use crate::exit::Tail;
use crate::sys::pipe::{self, Read};

/// Room for a process that writes faster than the node reads.
const PIPE_BYTES: usize = 1 << 20;
/// What is read from one process before others get their turn.
const TURN_BYTES_MAX: usize = 256 << 10;

/// The node's end of a process's stderr.
#[derive(Debug)]
pub(super) struct Stderr {
    reader: OwnedFd,
    /// Kept until the process has opened it.
    writer: Option<OwnedFd>,
    tail: Tail,
}

impl Stderr {
    /// # Errors
    /// There are no descriptors left.
    pub(super) fn new() -> io::Result<Stderr> {
        let (reader, writer) = pipe::create()?;
        pipe::set_nonblocking(reader.as_fd())?;
        // A user's pipes may have used up what one user may have: then this one is smaller.
        let _ = pipe::set_size(writer.as_fd(), PIPE_BYTES);
        Ok(Stderr { reader, writer: Some(writer), tail: Tail::default() })
    }

    pub(super) fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    pub(super) fn writer(&self) -> Option<BorrowedFd<'_>> {
        self.writer.as_ref().map(AsFd::as_fd)
    }

    /// The process has its own end now.
    pub(super) fn drop_writer(&mut self) {
        self.writer = None;
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Reads what is there, a turn's worth of it.
    pub(super) fn drain(&mut self, buffer: &mut [u8]) -> Drained {
        let mut taken = 0;
        while taken < TURN_BYTES_MAX {
            match pipe::read(self.reader.as_fd(), buffer) {
                Ok(Read::Bytes(count)) => {
                    taken += count;
                    self.tail.push(&buffer[..count]);
                    forward::STDERR.push(&buffer[..count]);
                }
                Ok(Read::Empty) => return Drained::Empty,
                Ok(Read::Closed) | Err(_) => return Drained::Closed,
            }
        }
        Drained::Partly
    }
}

/// What a turn of reading has left in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// There may be more.
    Partly,
    /// Nothing for now.
    Empty,
    /// Nothing, and no more will ever come.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut stderr = Stderr::new().unwrap();
        pipe::write(stderr.writer().unwrap(), b"").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(stderr.drain(&mut buffer), Drained::Empty);
        stderr.drop_writer();
        assert_eq!(stderr.drain(&mut buffer), Drained::Closed);
        assert_eq!(stderr.tail().text(), "");
    }
}
