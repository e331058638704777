//! The actor's end of a stream: the handler's iterator is driven, item by item, while there is room.
//!
//! Before each item the actor looks whether it is to stop, whether the caller still waits, and whether
//! there is room; it waits for that as long as the caller has said, and the iterator is not asked for what
//! could not be sent. Nothing here decides what becomes of the call: the reply does, like that of any other.

use std::convert::Infallible;
use std::time::Duration;

use super::end::End;
use super::opening::Opening;
use crate::actor::dispatch::{Delivery, Handled};
use crate::actor::handler::{self, Codec, Handler};
use crate::mailbox::{Mailbox, PostError, ReplyAddress};
use crate::queue::RawQueue;
use crate::reply::{self, ReplyKind};
use crate::shm::post::Wake;
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wire::EncodeError;

/// How the reply travels that a stream ends with.
pub(super) const END: Codec<End> = handler::args::<End>();

impl<M, T> Handler<M, T, Infallible> {
    /// Handles a call whose caller gets, one after the other, what the iterator gives that `handle` returns.
    pub fn stream<I>(&self, delivery: Delivery<'_>, handle: impl FnOnce(M) -> I) -> Handled
    where
        I: Iterator<Item = T>,
    {
        self.produce(delivery, |message| Ok(handle(message)))
    }
}

impl<M, T, E: 'static> Handler<M, T, E> {
    /// The same of a handler that may return an error instead, which its caller gets as
    /// `CallError::Handler`.
    ///
    /// # Panics
    /// The handler was not made by one of the `try_call` constructors.
    pub fn try_stream<I>(&self, delivery: Delivery<'_>, handle: impl FnOnce(M) -> Result<I, E>) -> Handled
    where
        I: Iterator<Item = T>,
    {
        self.produce(delivery, handle)
    }

    fn produce<I>(&self, delivery: Delivery<'_>, handle: impl FnOnce(M) -> Result<I, E>) -> Handled
    where
        I: Iterator<Item = T>,
    {
        let Some((opening, arguments)) = Opening::split(delivery.payload) else {
            return delivery.refuse(format_args!("the call of `{}` does not say where its items go", self.info.name));
        };
        let message = match self.read_message(arguments) {
            Ok(message) => message,
            Err(why) => return delivery.refuse(why),
        };
        let queue = RawQueue::from_id(opening.window);
        // Given up before it was begun: it need not be.
        let (Some(window), Some(caller)) = (queue.window(), delivery.caller.filter(|it| reply::is_waited_for(*it)))
        else {
            return delivery.refuse("nobody waits for the stream any more");
        };
        let items = match handle(message) {
            Ok(items) => items,
            Err(error) => {
                let codec = self.error.as_ref().expect("`try_call` constructors say how errors are written");
                return delivery.answer(ReplyKind::Error, codec, error);
            }
        };
        let producer = Producer { window, caller, mailbox: delivery.mailbox, patience: opening.patience };
        let end = producer.run(items, self.reply.encode);
        delivery.answer(ReplyKind::Value, &END, end)
    }
}

/// A stream that was begun.
struct Producer<'a> {
    window: &'a Window,
    caller: ReplyAddress,
    mailbox: Option<&'a Mailbox>,
    /// How long to wait for room.
    patience: Duration,
}

impl Producer<'_> {
    fn run<T>(
        &self,
        mut items: impl Iterator<Item = T>,
        encode: fn(&mut Vec<u8>, &T) -> Result<(), EncodeError>,
    ) -> End {
        let mut bytes = Vec::new();
        // The first message is none: by it the caller knows that there is a stream.
        let mut outcome = self.send(&bytes);
        while outcome.is_ok() {
            // Who knows to be at the end waits for no room to find it.
            let is_over = items.size_hint().1 == Some(0);
            if let Err(end) = self.look(!is_over) {
                return end;
            }
            let Some(item) = items.next() else { return End::Done };
            bytes.clear();
            if let Err(error) = encode(&mut bytes, &item) {
                return End::Failed(format!("an item cannot be sent: {error}"));
            }
            outcome = self.send(&bytes);
        }
        outcome.err().unwrap_or(End::Done)
    }

    /// Whether to go on, once there is room if that is needed.
    #[inline]
    fn look(&self, needs_room: bool) -> Result<(), End> {
        if self.is_stopping() {
            return Err(End::Stopped);
        }
        if !needs_room || self.window.has_room() {
            return Ok(());
        }
        self.waiting(|| self.window.wait_until_room(Deadline::after(self.patience), || self.is_wanted()))
    }

    /// Does what may wait for room.
    #[cold]
    fn waiting(&self, wait: impl FnOnce() -> Result<(), PostError>) -> Result<(), End> {
        if let Some(mailbox) = self.mailbox {
            mailbox.note_waits_in(Some(self.window.id));
        }
        let waited = wait();
        if let Some(mailbox) = self.mailbox {
            mailbox.note_waits_in(None);
        }
        if self.is_stopping() { Err(End::Stopped) } else { waited.map_err(end_of) }
    }

    /// Sends the bytes of an item, and wakes the caller if it sleeps.
    #[inline]
    fn send(&self, bytes: &[u8]) -> Result<(), End> {
        let post = |deadline| self.window.post_while([bytes, &[]], deadline, Wake::Now, || self.is_wanted());
        match post(Deadline::Now) {
            // A large one may find the place for its bytes taken though there is a slot.
            Err(PostError::Full) => self.waiting(|| post(Deadline::after(self.patience)))?,
            posted => posted.map_err(end_of)?,
        }
        self.window.discard_if_closed();
        if reply::poke(self.caller) { Ok(()) } else { Err(End::GivenUp) }
    }

    #[inline]
    fn is_stopping(&self) -> bool {
        self.mailbox.is_some_and(Mailbox::is_stopping)
    }

    /// Whether to wait on, for those who look after a wake. That of a dead caller may come before its call is
    /// gone.
    fn is_wanted(&self) -> bool {
        if self.is_stopping() {
            return false;
        }
        let maker = self.window.segment.record(self.window.maker());
        !maker.is_proven_dead() && reply::is_waited_for(self.caller)
    }
}

fn end_of(error: PostError) -> End {
    match error {
        PostError::Full => End::Stalled,
        PostError::Closed | PostError::Gone => End::GivenUp,
        PostError::TooLarge { size, max } => End::Failed(format!("an item has {size} bytes, of at most {max}")),
        PostError::NoMemory => End::Failed("there is no memory for an item".to_owned()),
    }
}
