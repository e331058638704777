//! [`Ready`]: a future that waits for one thing and takes nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::descriptor::{Descriptor, Interest};
use super::reactor::Armed;
use super::source::{Opened, Registrations, Waitable, Wakes};
use crate::shm::segment::segment;
use crate::sys::poll;

/// Waits in async code until `on` is ready; see the [module](super) for when that is.
///
/// ```
/// use actor_core::wait;
///
/// #[actor_core::main]
/// async fn main() -> actor_core::Result<()> {
///     let worker = actor_core::process::Process::spawn(|n: u32| 2 * n, 21)?;
///     wait::ready(&worker).await?;
///     assert_eq!(worker.try_join()?, 42);
///     Ok(())
/// }
/// ```
pub fn ready(on: &(impl Waitable + ?Sized)) -> Ready<'_> {
    Ready { state: State::new(on.opened()), registrations: Registrations::default(), armed: Armed::default() }
}

/// Waits in async code until `fd` can be read without blocking, is at its end, or is broken.
///
/// ```
/// use std::io::{Read, Write, pipe};
///
/// # fn main() -> std::io::Result<()> {
/// futures::executor::block_on(async {
///     let (mut reader, mut writer) = pipe()?;
///     std::thread::spawn(move || writer.write_all(b"x"));
///     actor_core::wait::readable(&reader).await?;
///     let mut byte = [0];
///     assert_eq!(reader.read(&mut byte)?, 1);
///     Ok(())
/// })
/// # }
/// ```
pub fn readable(fd: &(impl AsFd + ?Sized)) -> Ready<'_> {
    Ready::at(Descriptor::new(fd, Interest::Readable))
}

/// Waits in async code until `fd` can be written without blocking, or is broken.
pub fn writable(fd: &(impl AsFd + ?Sized)) -> Ready<'_> {
    Ready::at(Descriptor::new(fd, Interest::Writable))
}

/// The future of [`ready`], [`readable`] and [`writable`].
///
/// Its error is that the system has no room for what is needed to wait: memory, a thread or a descriptor.
/// Dropped, it has changed nothing. Polled again after it was ready, it looks again.
#[must_use = "futures do nothing unless awaited"]
pub struct Ready<'a> {
    state: State<'a>,
    registrations: Registrations,
    armed: Armed,
}

enum State<'a> {
    Opened(Opened<'a>),
    /// It could not be opened, which the first poll tells.
    Failed(Option<io::Error>),
}

impl<'a> State<'a> {
    fn new(opened: io::Result<Opened<'a>>) -> State<'a> {
        opened.map_or_else(|error| State::Failed(Some(error)), State::Opened)
    }
}

impl<'a> Ready<'a> {
    fn at(descriptor: Descriptor<'a>) -> Ready<'a> {
        let opened = Opened::Borrowed(descriptor.fd, descriptor.interest);
        Ready { state: State::Opened(opened), registrations: Registrations::default(), armed: Armed::default() }
    }
}

impl Future for Ready<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let opened = match &mut this.state {
            State::Opened(opened) => opened,
            State::Failed(error) => {
                let again = || io::Error::other("the wait has failed before");
                return Poll::Ready(Err(error.take().unwrap_or_else(again)));
            }
        };
        if let Some((descriptor, interest)) = opened.descriptor() {
            if !poll::look(descriptor, interest.flags())?.is_empty() {
                return Poll::Ready(Ok(()));
            }
            // What happens between the look and this is told as well: the kernel looks when it is armed.
            this.armed.arm(descriptor, interest, context.waker())?;
            return Poll::Pending;
        }
        if opened.is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut wakes = Wakes::new();
        opened.register(&mut wakes);
        this.registrations.set(segment()?, &wakes, context.waker());
        // It may have become so before the registration; then nobody rings.
        if opened.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        if let State::Opened(opened) = &self.state
            && let Some((descriptor, _)) = opened.descriptor()
        {
            self.armed.disarm(descriptor);
        }
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("registrations", &self.registrations).finish_non_exhaustive()
    }
}
