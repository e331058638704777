//! Descriptors that an actor watches: what comes to them is told between two messages.
//!
//! A watch is armed once, told once, and armed again when a message had its turn or none waits: a file
//! that nobody reads cannot keep messages from the actor. What is told is what the kernel says when the
//! actor is about to be told. Nothing here reads or writes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use super::behaviour::Actor;
use super::context::Context;
use super::info::{self, Info};
use crate::link;
use crate::mailbox::Mailbox;
use crate::sys::poll::{self, Flags};
use crate::wait::{Armed, Interest};

/// Which watch of its actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchRef(u64);

/// That there is something at a descriptor which the actor watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// The watch that tells it.
    pub watch: WatchRef,
    /// It can be read without blocking, be it that the end of it is read.
    pub is_readable: bool,
    /// It can be written without blocking.
    pub is_writable: bool,
    /// This is the last that the watch tells: the other side has hung up and everything is read, or the
    /// descriptor is broken. What can be written by then is to be found out by writing.
    pub is_over: bool,
}

impl<A: Actor> Context<A> {
    /// Has the actor told when something is to be read from a descriptor or can be written to it, by a
    /// [`Readiness`] to its `#[info]` handler.
    ///
    /// The handler is told between two messages, and again as long as it is so: what is not read is told
    /// again after the next message, or at once if none waits. When the other side has hung up, or the
    /// descriptor is broken, that is told once and the watch has ended. So it has if no handler takes a
    /// `Readiness`.
    ///
    /// The watch has a descriptor of its own for the same file. It ends with
    /// [`unwatch_fd`](Context::unwatch_fd) or the actor, and not when `fd` is closed: the other side of a
    /// connection learns of that only when the watch has ended as well.
    ///
    /// Make descriptors nonblocking that others read too.
    ///
    /// ```
    /// use std::io::{PipeReader, Read, Write};
    ///
    /// use actor_core::Readiness;
    /// use actor_core::prelude::*;
    /// use actor_core::wait::Interest;
    ///
    /// #[derive(Actor)]
    /// struct Reader {
    ///     pipe: PipeReader,
    ///     bytes: Vec<u8>,
    /// }
    ///
    /// #[handlers]
    /// impl Reader {
    ///     #[init]
    ///     fn new(text: String, context: &mut Context<Self>) -> Result<Reader, String> {
    ///         let (pipe, mut writer) = std::io::pipe().map_err(|error| error.to_string())?;
    ///         std::thread::spawn(move || writer.write_all(text.as_bytes()));
    ///         context.watch_fd(&pipe, Interest::Readable).map_err(|error| error.to_string())?;
    ///         Ok(Reader { pipe, bytes: Vec::new() })
    ///     }
    ///
    ///     #[info]
    ///     fn ready(&mut self, ready: Readiness) -> Result<(), String> {
    ///         let mut buffer = [0; 4096];
    ///         // It does not block: there is something, or this is the end.
    ///         let count = self.pipe.read(&mut buffer).map_err(|error| error.to_string())?;
    ///         self.bytes.extend(&buffer[..count]);
    ///         Ok(())
    ///     }
    ///
    ///     #[call]
    ///     fn text(&self) -> String {
    ///         String::from_utf8_lossy(&self.bytes).into_owned()
    ///     }
    /// }
    ///
    /// fn main() -> actor_core::Result<()> {
    ///     let reader = Reader::define("hello".into()).spawn()?;
    ///     while reader.text().wait()? != "hello" {}
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// There are no descriptors left, or the system cannot watch more of them.
    pub fn watch_fd(&mut self, fd: impl AsFd, interest: Interest) -> io::Result<WatchRef> {
        self.watches.add(self.mailbox, fd.as_fd().try_clone_to_owned()?, interest)
    }

    /// Ends a watch: nothing of it is told afterwards. False: it has ended before.
    pub fn unwatch_fd(&mut self, watch: WatchRef) -> bool {
        self.watches.watched.remove(&watch.0).is_some()
    }

    /// Tells what has come to descriptors, each once.
    pub(super) fn tell_ready(&mut self, actor: &mut A) {
        for number in self.watches.take_fired() {
            let Some(readiness) = self.watches.look(number) else { continue };
            if self.is_ending() {
                return;
            }
            self.inform(actor, Info::Ready(readiness));
            if info::take_unhandled() {
                self.watches.watched.remove(&number);
            }
            self.watches.owed.push(number);
        }
        self.watches.arm_owed(&self.mailbox);
    }
}

/// The descriptors that one actor watches.
#[derive(Default)]
pub(super) struct Watches {
    last: u64,
    watched: BTreeMap<u64, Watched>,
    /// At which something has happened. Written by another thread, which then announces news.
    fired: Arc<Mutex<Vec<u64>>>,
    /// Told, and to be armed again when a message had its turn.
    owed: Vec<u64>,
    /// How many messages had been handled when the first of these was told.
    owed_since: Option<u64>,
}

struct Watched {
    file: OwnedFd,
    interest: Interest,
    armed: Armed,
    waker: Waker,
    /// It could not be armed again.
    is_lost: bool,
}

impl Watches {
    fn add(&mut self, mailbox: Mailbox, file: OwnedFd, interest: Interest) -> io::Result<WatchRef> {
        self.last += 1;
        let fired = Fired { number: self.last, mailbox, fired: self.fired.clone() };
        let waker = Waker::from(Arc::new(fired));
        let mut watched = Watched { file, interest, armed: Armed::default(), waker, is_lost: false };
        watched.arm()?;
        self.watched.insert(self.last, watched);
        Ok(WatchRef(self.last))
    }

    fn take_fired(&self) -> Vec<u64> {
        mem::take(&mut *self.fired.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be told of a watch, if it is so still. One that is over is forgotten.
    fn look(&mut self, number: u64) -> Option<Readiness> {
        let watched = self.watched.get_mut(&number)?;
        let readiness = watched.look(WatchRef(number));
        if readiness.is_over {
            self.watched.remove(&number);
            return Some(readiness);
        }
        if readiness.is_readable || readiness.is_writable {
            return Some(readiness);
        }
        // Somebody else was faster.
        self.owed.push(number);
        None
    }

    /// Arms again what was told, unless messages wait and none had its turn since.
    fn arm_owed(&mut self, mailbox: &Mailbox) {
        if self.owed.is_empty() {
            return;
        }
        let (_, handled) = mailbox.stamped();
        if *self.owed_since.get_or_insert(handled) == handled && mailbox.len() != 0 {
            link::look_again();
            return;
        }
        self.owed_since = None;
        for number in mem::take(&mut self.owed) {
            if let Some(watched) = self.watched.get_mut(&number)
                && watched.arm().is_err()
            {
                watched.is_lost = true;
                watched.waker.wake_by_ref();
            }
        }
    }
}

impl Watched {
    fn arm(&mut self) -> io::Result<()> {
        self.armed.arm(self.file.as_fd(), self.interest, &self.waker)
    }

    fn look(&self, watch: WatchRef) -> Readiness {
        let (file, mut flags) = (self.file.as_fd(), self.interest.flags());
        flags.set(Flags::RDHUP, self.interest.reads());
        let found = match self.is_lost {
            true => Flags::ERR,
            false => poll::look(file, flags).unwrap_or(Flags::ERR),
        };
        let is_readable = found.contains(Flags::IN);
        // The end of a file is readable for ever. There may be something before it.
        let has_bytes = is_readable && poll::readable_bytes(file).is_ok_and(|count| count != 0);
        let is_cut = found.intersects(Flags::ERR | Flags::NVAL | Flags::HUP | Flags::RDHUP);
        Readiness { watch, is_readable, is_writable: found.contains(Flags::OUT), is_over: is_cut && !has_bytes }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.armed.disarm(self.file.as_fd());
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.watched.keys()).finish()
    }
}

/// Notes that something has happened at a descriptor, and has the loop of the actor look.
struct Fired {
    number: u64,
    mailbox: Mailbox,
    fired: Arc<Mutex<Vec<u64>>>,
}

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.fired.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        // After it was noted: the loop clears the word and then looks.
        self.mailbox.announce_news();
    }
}
