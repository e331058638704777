//! Pipes of the kernel: two system calls for each message, none of them avoidable.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd};

use crate::Result;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::transport::{self, Link, Transport};
use crate::worker::Part;

pub(crate) struct Pipe;

impl Contestant for Pipe {
    fn who(&self) -> &'static str {
        "pipe"
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_some() || case.is_call()
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        transport::measure::<Ends>(self, case, effort)
    }

    fn work(&self, part: Part) -> Result<()> {
        transport::work::<Ends>(part)
    }
}

/// As much as an unprivileged process may have.
const PIPE_BYTES: usize = 1 << 20;

/// The ends of two pipes. Several producers share one: what fits into a page is never torn.
struct Ends {
    from: File,
    to: File,
    buffer: Vec<u8>,
    /// Open until the others have opened theirs, who may be late.
    _theirs: Option<(OwnedFd, OwnedFd)>,
}

impl Transport for Ends {
    type Listener = Ends;

    fn pace(size: usize) -> f64 {
        if size > 4096 { 6e9 / size as f64 } else { 1e6 }
    }

    fn listen(link: Link) -> Result<(Ends, String)> {
        let ((their_from, to), (from, their_to)) = (pipe()?, pipe()?);
        for end in [&to, &their_to] {
            // Refused where pipes take too much already: then it has what it has.
            let _ = rustix::pipe::fcntl_setpipe_size(end, PIPE_BYTES);
        }
        let address = format!("{} {} {}", std::process::id(), their_from.as_raw_fd(), their_to.as_raw_fd());
        let (from, to) = (File::from(OwnedFd::from(from)), File::from(OwnedFd::from(to)));
        let theirs = Some((their_from.into(), their_to.into()));
        Ok((Ends { from, to, buffer: vec![0; link.size], _theirs: theirs }, address))
    }

    fn accept(listener: Ends) -> Result<Ends> {
        Ok(listener)
    }

    fn connect(address: &str, link: Link) -> Result<Ends> {
        let words: Vec<&str> = address.split(' ').collect();
        let [pid, from, to] = words[..] else { return Err("three numbers say where the ends are".into()) };
        let path = |number| format!("/proc/{pid}/fd/{number}");
        let from = File::open(path(from))?;
        let to = OpenOptions::new().write(true).open(path(to))?;
        Ok(Ends { from, to, buffer: vec![0; link.size], _theirs: None })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.to.write_all(bytes)?)
    }

    fn receive(&mut self, look: impl FnOnce(&[u8]) -> u64) -> Result<u64> {
        self.from.read_exact(&mut self.buffer)?;
        Ok(look(&self.buffer))
    }
}
