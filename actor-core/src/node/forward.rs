//! What the node's processes write to their stderr, on its way to the node's own.
//!
//! The node's stderr may be a pipe that nobody reads, a terminal that was stopped, a socket. The node
//! thread must not wait for it, and to ask first whether it would take something is no promise:
//! others write there between question and write, and a socket takes less than it has room for. To
//! make it non-blocking would do so for everybody who shares it, and one of our own cannot be opened
//! where it belongs to another user. So a thread of its own writes, and may wait as long as it likes.
//!
//! In front of each line stands whose it is. A line that is not complete is written at once all the same; if
//! somebody else writes before its end comes, it is broken there.
//!
//! What does not fit into its buffer is dropped and counted. The tail for an exit report is complete
//! all the same: it is kept before.

use std::os::fd::BorrowedFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::id::ProcessId;
use crate::sys::{Errno, pipe};

/// What waits to be written at most: a few full pipes of processes that all have something to say.
const BYTES_MAX: usize = 4 << 20;
/// How long the end of the program waits for what is still to be written.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);

/// The way to the stderr of this process.
pub(super) static STDERR: Forwarder = Forwarder::new(rustix::stdio::stderr);

/// Writes to a descriptor what it is given, in a thread that begins with the first bytes.
pub(super) struct Forwarder {
    to: fn() -> BorrowedFd<'static>,
    pending: Mutex<Pending>,
    changed: Condvar,
}

struct Pending {
    bytes: Vec<u8>,
    /// Whose line is not complete.
    open: Option<ProcessId>,
    /// The thread has bytes that it took from here and has not written yet.
    is_writing: bool,
    has_thread: bool,
    dropped: u64,
}

impl Forwarder {
    const fn new(to: fn() -> BorrowedFd<'static>) -> Forwarder {
        let pending = Pending { bytes: Vec::new(), open: None, is_writing: false, has_thread: false, dropped: 0 };
        Forwarder { to, pending: Mutex::new(pending), changed: Condvar::new() }
    }

    /// Has as much of what `from` says written as there is room for, behind `prefix` in each line. Waits for
    /// nobody.
    pub(super) fn push(&'static self, from: ProcessId, prefix: &str, bytes: &[u8]) {
        let mut pending = self.lock();
        if !pending.has_thread {
            let spawned = std::thread::Builder::new().name("actor-stderr".into()).spawn(|| self.serve());
            pending.has_thread = spawned.is_ok();
        }
        let room_max = if pending.has_thread { BYTES_MAX } else { 0 };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            pending.push_line(from, prefix, line, room_max);
        }
        self.changed.notify_all();
    }

    /// Bytes that were never written.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Waits a little until all is written. For whoever ends the program, when nobody is left who
    /// could have more to say.
    pub(super) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_PATIENCE;
        let mut pending = self.lock();
        while pending.is_writing || !pending.bytes.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            pending = self.changed.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn serve(&self) {
        let mut bytes = Vec::new();
        loop {
            let mut pending = self.lock();
            pending.is_writing = false;
            self.changed.notify_all();
            while pending.bytes.is_empty() {
                pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
            }
            pending.is_writing = true;
            std::mem::swap(&mut pending.bytes, &mut bytes);
            drop(pending);
            let lost = write_all((self.to)(), &bytes);
            self.lock().dropped += lost as u64;
            bytes.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Takes a line, or the part of one that has come.
    fn push_line(&mut self, from: ProcessId, prefix: &str, line: &[u8], room_max: usize) {
        let room = room_max.saturating_sub(self.bytes.len());
        let begins = self.open != Some(from);
        let taken = line.len().min(room.saturating_sub(if begins { prefix.len() + 1 } else { 0 }));
        self.dropped += (line.len() - taken) as u64;
        if taken == 0 {
            return;
        }
        if begins {
            self.bytes.extend_from_slice(if self.open.is_some() { b"\n" } else { b"" });
            self.bytes.extend_from_slice(prefix.as_bytes());
        }
        self.bytes.extend_from_slice(&line[..taken]);
        let is_complete = line[..taken].ends_with(b"\n");
        self.open = if is_complete { None } else { Some(from) };
    }
}

/// Writes for as long as anything is taken, and says how many bytes were not.
fn write_all(to: BorrowedFd<'_>, bytes: &[u8]) -> usize {
    let mut left = bytes;
    while !left.is_empty() {
        match pipe::write(to, left) {
            Ok(0) => break,
            Ok(count) => left = &left[count..],
            // Somebody who shares it has made it non-blocking.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&to, PollFlags::OUT)], None);
            }
            Err(_) => break,
        }
    }
    left.len()
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::OnceLock;

    use super::*;
    use crate::id::Participant;
    use crate::sys::pipe::Read;

    fn process(number: u16) -> ProcessId {
        ProcessId { participant: Participant(number), generation: 1 }
    }

    #[test]
    fn each_line_says_whose_it_is() {
        let mut pending = Pending { bytes: Vec::new(), open: None, is_writing: false, has_thread: true, dropped: 0 };
        let mut push = |number: u16, line: &[u8]| {
            pending.push_line(process(number), ["a: ", "b: "][usize::from(number)], line, 46)
        };
        push(0, b"one\n");
        push(0, b"hal");
        push(0, b"f\n");
        push(1, b"ha");
        push(0, b"between\n");
        push(1, b"lf\n");
        push(1, b"no room");
        push(0, b"none");
        assert_eq!(String::from_utf8_lossy(&pending.bytes), "a: one\na: half\nb: ha\na: between\nb: lf\nb: no r");
        assert_eq!(pending.dropped, 7);
    }

    #[test]
    fn smoke() {
        static WRITER: OnceLock<OwnedFd> = OnceLock::new();
        static FORWARDER: Forwarder = Forwarder::new(|| WRITER.get().unwrap().as_fd());
        let (reader, writer) = pipe::create().unwrap();
        WRITER.set(writer).unwrap();
        FORWARDER.push(process(0), "", b"last words");
        let mut buffer = [0; 64];
        assert_eq!(pipe::read(reader.as_fd(), &mut buffer).unwrap(), Read::Bytes(10));
        assert_eq!(&buffer[..10], b"last words");
        FORWARDER.flush();
        assert_eq!(FORWARDER.dropped(), 0);
    }

    #[test]
    fn what_nobody_reads_is_dropped_and_nobody_waits() {
        static WRITER: OnceLock<OwnedFd> = OnceLock::new();
        static FORWARDER: Forwarder = Forwarder::new(|| WRITER.get().unwrap().as_fd());
        let (reader, writer) = pipe::create().unwrap();
        WRITER.set(writer).unwrap();
        let pushed = 3 * BYTES_MAX;
        for chunk in vec![7; pushed].chunks(64 << 10) {
            FORWARDER.push(process(0), "", chunk);
        }
        FORWARDER.flush();
        let dropped = FORWARDER.dropped() as usize;
        assert!((1..pushed).contains(&dropped), "{dropped} bytes were dropped");
        let (mut buffer, mut left) = (vec![0; 64 << 10], pushed - dropped);
        while 0 < left {
            let Ok(Read::Bytes(count)) = pipe::read(reader.as_fd(), &mut buffer) else { panic!("{left} are missing") };
            assert!(buffer[..count].iter().all(|byte| *byte == 7));
            left -= count;
        }
    }
}
