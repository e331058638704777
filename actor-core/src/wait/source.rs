//! [`Waitable`]: what can be waited for, and what that comes down to.
//!
//! Each kind of thing says by itself, with its own module, which words, descriptors or points in time
//! stand for it. Nothing here knows queues, processes or actors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::task::Waker;
use std::time::Instant;

use super::descriptor::Interest;
use crate::shm::segment::Segment;
use crate::time::Deadline;
use crate::waker::Registration;

/// What can be waited for together with others: see the [module](super) for what there is.
pub trait Waitable: Source {}

impl<T: Source + ?Sized> Waitable for T {}

/// Keeps [`Waitable`] for the types of this crate.
pub trait Source {
    /// What it comes down to, from now on.
    #[doc(hidden)]
    fn opened(&self) -> io::Result<Opened<'_>>;
}

impl<T: Source + ?Sized> Source for &T {
    fn opened(&self) -> io::Result<Opened<'_>> {
        (**self).opened()
    }
}

impl Source for Instant {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::At(*self))
    }
}

impl Source for BorrowedFd<'_> {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Borrowed(*self, Interest::Readable))
    }
}

impl Source for OwnedFd {
    fn opened(&self) -> io::Result<Opened<'_>> {
        Ok(Opened::Borrowed(self.as_fd(), Interest::Readable))
    }
}

/// What something comes down to that is waited for.
pub enum Opened<'a> {
    /// Words of shared memory.
    Words(&'a dyn Words),
    /// The same, made for this wait.
    Made(Box<dyn Words + Send>),
    /// A descriptor of somebody else.
    Borrowed(BorrowedFd<'a>, Interest),
    /// A descriptor that was made for this wait, which is ready when it can be read.
    Owned(OwnedFd),
    /// A point in time.
    At(Instant),
    /// It is ready, and stays so.
    Ready,
}

impl Opened<'_> {
    /// The descriptor, if it is one.
    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        match self {
            Opened::Borrowed(descriptor, interest) => Some((*descriptor, *interest)),
            Opened::Owned(descriptor) => Some((descriptor.as_fd(), Interest::Readable)),
            _ => None,
        }
    }

    /// Whether it is ready by what this process can see without the system. A descriptor never is.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Opened::Words(words) => words.is_ready(),
            Opened::Made(words) => words.is_ready(),
            Opened::At(at) => *at <= Instant::now(),
            Opened::Ready => true,
            Opened::Borrowed(..) | Opened::Owned(_) => false,
        }
    }

    /// Has it wake whoever waits.
    pub(super) fn register(&self, wakes: &mut Wakes) {
        match self {
            Opened::Words(words) => words.register(wakes),
            Opened::Made(words) => words.register(wakes),
            Opened::At(at) => wakes.at(Deadline::At(*at)),
            _ => {}
        }
    }
}

/// Something that is known by words of shared memory.
pub trait Words: Sync {
    /// Whether it is ready now. Takes nothing and waits for nobody.
    fn is_ready(&self) -> bool;
    /// Has the doorbell of this process rung when it may have become ready. Whoever calls this asks
    /// [`Words::is_ready`] again before he sleeps.
    fn register(&self, wakes: &mut Wakes);
}

/// The words and the point in time at which somebody who waits is to look again.
#[derive(Debug)]
pub struct Wakes {
    pub(super) words: Vec<(&'static AtomicU32, u32)>,
    pub(super) until: Deadline,
}

impl Wakes {
    pub(crate) fn new() -> Wakes {
        Wakes { words: Vec::new(), until: Deadline::Never }
    }

    /// Look again when this word is not what it was.
    pub(crate) fn word(&mut self, (word, seen): (&'static AtomicU32, u32)) {
        self.words.push((word, seen));
    }

    /// Look again then.
    pub(crate) fn at(&mut self, deadline: Deadline) {
        self.until = self.until.min(deadline);
    }
}

/// The places among those who wait that one future has.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    places: Vec<Registration>,
}

impl Registrations {
    /// Wakes `waker` at one of these. What was registered before is not waited for any more.
    pub(crate) fn set(&mut self, segment: &'static Segment, wakes: &Wakes, waker: &Waker) {
        let is_alarm_only = wakes.words.is_empty() && wakes.until != Deadline::Never;
        self.places.resize_with(wakes.words.len() + usize::from(is_alarm_only), Registration::default);
        if is_alarm_only {
            self.places[0].set_alarm(segment, wakes.until, waker);
        }
        for (place, (word, seen)) in self.places.iter_mut().zip(&wakes.words) {
            place.set(segment, word, *seen, wakes.until, waker);
        }
    }
}
