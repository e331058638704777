//! [`Descriptor`]: a descriptor of the system, and what is waited for at it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::source::{Opened, Source};
use crate::sys::poll::Flags;

/// What is waited for at a descriptor. That it is broken or hung up is told with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// It can be read without blocking, or is at its end.
    Readable,
    /// It can be written without blocking, or nobody reads any more.
    Writable,
    /// One of the two.
    Both,
}

impl Interest {
    pub(crate) fn reads(self) -> bool {
        self != Interest::Writable
    }

    pub(crate) fn writes(self) -> bool {
        self != Interest::Readable
    }

    pub(crate) fn flags(self) -> Flags {
        let mut flags = Flags::empty();
        flags.set(Flags::IN, self.reads());
        flags.set(Flags::OUT, self.writes());
        flags
    }
}

/// A borrowed descriptor that is waited for as `interest` says.
///
/// ```
/// use actor_core::wait::{Descriptor, Interest, try_wait};
///
/// # fn main() -> std::io::Result<()> {
/// let (reader, writer) = std::io::pipe()?;
/// let (reader, writer) = (Descriptor::new(&reader, Interest::Readable), Descriptor::new(&writer, Interest::Writable));
/// assert_eq!(try_wait(&[&reader, &writer])?, [1]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Descriptor<'a> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// What is waited for.
    pub interest: Interest,
}

impl<'a> Descriptor<'a> {
    /// The descriptor of a file, pipe, socket or the like.
    pub fn new(fd: &'a (impl AsFd + ?Sized), interest: Interest) -> Descriptor<'a> {
        Descriptor { fd: fd.as_fd(), interest }
    }
}

impl Source for Descriptor<'_> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Borrowed(self.fd, self.interest))
    }
}
