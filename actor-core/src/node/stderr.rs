//! The standard error of the node's processes: a pipe each, passed on, its end kept for the report.
//!
//! How it is passed on without waiting for whoever reads the node's own stderr stands in `forward.rs`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Acquire;

use super::forward;
use super::thread::Node;
use crate::exit::Tail;
use crate::id::{Participant, ProcessId};
use crate::sys::epoll;
use crate::sys::pipe::{self, Read};

/// Room for a process that writes faster than the node reads.
const PIPE_BYTES: usize = 1 << 20;
/// What is read from one process before others get their turn.
const TURN_BYTES_MAX: usize = 256 << 10;
/// What one read takes from a pipe.
const DRAIN_BYTES: usize = 64 << 10;
/// Turns in which a full pipe is empty.
const LAST_TURNS: usize = 5;

/// The node's end of a process's stderr.
#[derive(Debug)]
pub(super) struct Stderr {
    reader: OwnedFd,
    /// Kept until the process has opened it.
    writer: Option<OwnedFd>,
    tail: Tail,
    /// Whose it is, in front of each line; known with the pid.
    prefix: String,
}

impl Stderr {
    /// # Errors
    /// There are no descriptors left.
    pub(super) fn new() -> io::Result<Stderr> {
        let (reader, writer) = pipe::create()?;
        pipe::set_nonblocking(reader.as_fd())?;
        // A user's pipes may have used up what one user may have: then this one is smaller.
        let _ = pipe::set_size(writer.as_fd(), PIPE_BYTES);
        Ok(Stderr { reader, writer: Some(writer), tail: Tail::default(), prefix: String::new() })
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
    pub(super) fn drain(&mut self, buffer: &mut [u8], whose: &Whose<'_>) -> Drained {
        if self.prefix.is_empty() {
            self.prefix = whose.prefix();
        }
        let mut taken = 0;
        while taken < TURN_BYTES_MAX {
            match pipe::read(self.reader.as_fd(), buffer) {
                Ok(Read::Bytes(count)) => {
                    taken += count;
                    self.tail.push(&buffer[..count]);
                    forward::STDERR.push(whose.id, &self.prefix, &buffer[..count]);
                }
                Ok(Read::Empty) => return Drained::Empty,
                Ok(Read::Closed) | Err(_) => return Drained::Closed,
            }
        }
        Drained::Partly
    }
}

/// Whose stderr it is.
pub(super) struct Whose<'a> {
    pub(super) id: ProcessId,
    pub(super) name: &'a str,
    pub(super) pid: u32,
}

impl Whose<'_> {
    /// A name may have anything in it that a text can have.
    fn prefix(&self) -> String {
        let name: String = self.name.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
        format!("{name} {} | ", self.pid)
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

impl Node {
    pub(super) fn on_stderr(&mut self, participant: Participant) {
        self.drain_turn(participant);
    }

    fn drain_turn(&mut self, participant: Participant) -> Drained {
        let Some(process) = self.processes.get_mut(&participant) else { return Drained::Closed };
        let Some(stderr) = process.stderr.as_mut() else { return Drained::Closed };
        self.buffer.resize(DRAIN_BYTES, 0);
        // It may write before whoever has made it has told its pid, which the kernel has noted.
        let pid = process.pid.unwrap_or_else(|| self.segment.record(participant).pid.load(Acquire));
        let drained = stderr.drain(&mut self.buffer, &Whose { id: process.id, name: &process.name, pid });
        if drained == Drained::Closed {
            // Closed by all writers: it would be readable for ever.
            let _ = epoll::remove(self.epoll.as_fd(), stderr.reader());
        }
        drained
    }

    /// Reads the last words: what a pipe can hold, and no more if somebody goes on writing.
    pub(super) fn drain_stderr(&mut self, participant: Participant) {
        for _ in 0..LAST_TURNS {
            if self.drain_turn(participant) != Drained::Partly {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut stderr = Stderr::new().unwrap();
        pipe::write(stderr.writer().unwrap(), b"").unwrap();
        let mut buffer = [0; 64];
        let id = ProcessId { participant: crate::id::Participant(2), generation: 1 };
        let whose = Whose { id, name: "a\nb", pid: 7 };
        assert_eq!(stderr.drain(&mut buffer, &whose), Drained::Empty);
        stderr.drop_writer();
        assert_eq!(stderr.drain(&mut buffer, &whose), Drained::Closed);
        assert_eq!(stderr.prefix, "a?b 7 | ");
        assert_eq!(stderr.tail().text(), "");
    }
}
