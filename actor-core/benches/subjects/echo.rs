//! The peer of a call: another process that sends back what comes through a pipe. Two system calls
//! at each side, and no way to be faster with what the kernel offers.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use actor_core::process::Process;

/// As large as the arguments of the call that it is compared with.
const BYTES: usize = 32;

/// The process, until this is dropped.
pub(crate) struct Echo {
    there: Option<PipeWriter>,
    back: PipeReader,
    pub(crate) process: Process<()>,
}

impl Echo {
    pub(crate) fn start() -> Echo {
        let (their_end, there) = pipe().expect("a pipe");
        let (back, our_end) = pipe().expect("a pipe");
        let ends = (std::process::id(), their_end.as_raw_fd(), our_end.as_raw_fd());
        let process = Process::spawn(send_back, ends).expect("a process");
        let mut echo = Echo { there: Some(there), back, process };
        // It has opened its ends when it answers; from then on they are its own.
        echo.ask();
        echo
    }

    /// There and back.
    pub(crate) fn ask(&mut self) {
        let mut bytes = [7; BYTES];
        self.there.as_mut().expect("it is not dropped").write_all(&bytes).expect("it reads");
        self.back.read_exact(&mut bytes).expect("it writes");
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.there = None;
        self.process.join().expect("it ends with its pipe");
    }
}

fn send_back((pid, from, to): (u32, RawFd, RawFd)) {
    let path = |number: RawFd| format!("/proc/{pid}/fd/{number}");
    let mut from = File::open(path(from)).expect("the pipe is there");
    let mut to = OpenOptions::new().write(true).open(path(to)).expect("the pipe is there");
    let mut bytes = [0; BYTES];
    while from.read_exact(&mut bytes).is_ok() {
        to.write_all(&bytes).expect("somebody reads");
    }
}
