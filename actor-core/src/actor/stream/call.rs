//! [`StreamCall`]: a request whose reply comes piece by piece.
//!
//! It is a [`Call`] but for its end: the caller makes the window for the items before it sends anything,
//! and what it waits for is the first message there, or the answer in its reply slot.

use std::convert::Infallible;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::end::End;
use super::items::{ItemStream, Items};
use super::opening::Opening;
use super::produce::END;
use super::reading::{Next, Open, Read, Reading};
use crate::actor::actor_ref::Address;
use crate::actor::call::Call;
use crate::actor::error::CallError;
use crate::actor::handler::Handler;
use crate::actor::post::{self, Limit, PostFailure};
use crate::logs::Calling;
use crate::queue::RawQueue;
use crate::reply::{REPLY_MAX, ReplyKind, ReplySlot};
use crate::shm::layout::Shape;
use crate::shm::segment::attached;
use crate::wire;
use crate::wire::travel::Travellers;

/// A call that is not sent yet, of a handler that returns an iterator or a stream.
///
/// | to | write |
/// |---|---|
/// | send it and have its items | `for line in parser.lines(path).wait()? { … }` |
/// | do so in async code | `let mut lines = parser.lines(path).await?;`, then `lines.next().await` of `StreamExt` |
/// | wait longer or less | `call.timeout(d)`, `call.deadline(at)` |
/// | let the actor be ahead of the reader by so many items | `call.look_ahead(n)` |
///
/// [`wait`](StreamCall::wait) returns when the handler has returned its iterator, and gives [`Items`], an
/// iterator of `Result<T, StreamError>`; `.await` gives an [`ItemStream`] of the same. What goes wrong before
/// is an error of the call, the handler's own error among them, what goes wrong after is the last item; see
/// [`StreamError`](super::StreamError).
///
/// The actor drives its iterator in the handler. While the stream lasts it handles nothing else, and it is
/// never ahead of the reader by more than the look-ahead, which is 64 items unless said otherwise. An
/// iterator is dropped before its end when the reader drops what it reads from, dies, or reads nothing for as
/// long as it would itself wait for an item, and when somebody asks the actor to stop.
///
/// The time is that which the beginning may take, and then each item. A process can have 256 calls and
/// streams under way at once. A stream is never handed out again to another life of the actor.
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Primes {
///     found: Vec<u64>,
/// }
///
/// #[handlers]
/// impl Primes {
///     /// All of them: it is the reader who stops.
///     #[call]
///     fn all(&mut self) -> impl Iterator<Item = u64> {
///         (2..).filter(|n| {
///             let is_prime = self.found.iter().all(|prime| n % prime != 0);
///             if is_prime {
///                 self.found.push(*n);
///             }
///             is_prime
///         })
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let primes = Primes { found: Vec::new() }.spawn()?;
///     let some = primes.all().look_ahead(4).wait()?.take(5).collect::<Result<Vec<u64>, _>>()?;
///     assert_eq!(some, [2, 3, 5, 7, 11]);
///     Ok(())
/// }
/// ```
#[must_use = "a call does nothing until it is sent: `.wait()` for the stream, or `.await` it"]
pub struct StreamCall<M: 'static, T: 'static, E: 'static = Infallible> {
    call: Call<M, T, E>,
    look_ahead: usize,
}

/// How far an actor may be ahead of its reader who says nothing else.
const LOOK_AHEAD: usize = 64;
/// Bytes of each size class of large items that can be there at once.
const ITEM_BYTES: u64 = 8 << 20;

impl<M, T, E> StreamCall<M, T, E> {
    /// A call of `handler` at `address`; generated code and hand-written calls types use this.
    pub fn new(address: Address, handler: &'static Handler<M, T, E>, message: M) -> StreamCall<M, T, E> {
        StreamCall { call: Call::new(address, handler, message), look_ahead: LOOK_AHEAD }
    }

    /// Waits so long for the beginning of the stream, and then for each of its items.
    pub fn timeout(self, timeout: Duration) -> StreamCall<M, T, E> {
        StreamCall { call: self.call.timeout(timeout), ..self }
    }

    /// Waits for the beginning of the stream and all of its items until then.
    pub fn deadline(self, at: Instant) -> StreamCall<M, T, E> {
        StreamCall { call: self.call.deadline(at), ..self }
    }

    /// Lets the actor be ahead of the reader by so many items: at least 1, at most 8 388 608. Large ones,
    /// of more than 112 encoded bytes, are kept up to 8 MiB of each order of magnitude, but at least one.
    pub fn look_ahead(self, items: usize) -> StreamCall<M, T, E> {
        StreamCall { look_ahead: items.max(1), ..self }
    }

    /// Sends the call and waits for the beginning of the stream.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn wait(self) -> Result<Items<T>, CallError<E>> {
        let deadline = self.call.limit.deadline();
        let slot = self.call.open_slot(deadline)?;
        let open = self.open(slot)?;
        let (address, info, origin) = (self.call.address, &self.call.handler.info, open.origin());
        let posted = wire::with_buffer(|buffer| {
            self.encode(&open, buffer)?;
            post::post_encoded(address, info, buffer, origin, false, || deadline)
        });
        posted.map_err(|failure| self.call.not_posted(failure))?;
        let next = open.wait(|| deadline);
        self.read().begin(&self.call, open, next).map(Items)
    }

    /// Makes the window for the items.
    fn open(&self, slot: ReplySlot) -> Result<Open, CallError<E>> {
        let capacity = u32::try_from(self.look_ahead).unwrap_or(u32::MAX);
        let shape = Shape { capacity, hands: 0, message_max: REPLY_MAX, bytes: ITEM_BYTES };
        let segment = attached().ok_or_else(|| CallError::NoProc(self.call.operation()))?;
        let queue = RawQueue::make(segment, shape).map_err(|error| self.call.failed(error.to_string()))?;
        Ok(Open { queue, slot, calling: Calling::from_anywhere() })
    }

    fn encode(&self, open: &Open, buffer: &mut Vec<u8>) -> Result<(), PostFailure> {
        let patience = match self.call.limit {
            Limit::After(patience) => patience,
            Limit::Until(at) => at.saturating_duration_since(Instant::now()),
        };
        let opening = Opening { window: open.queue.id(), patience };
        post::encode_behind(&opening.to_bytes(), self.call.handler, &self.call.message, buffer)
    }

    fn read(&self) -> Read<T> {
        let (operation, decode) = (self.call.operation(), self.call.handler.reply.decode);
        Read { operation, decode, limit: self.call.limit }
    }
}

impl<T> Read<T> {
    /// The stream, if the first message is there that says that it has begun.
    fn begin<M, E>(self, call: &Call<M, T, E>, mut open: Open, next: Option<Next>) -> Result<Reading<T>, CallError<E>> {
        match next {
            None => return Err(CallError::Timeout(self.operation)),
            Some(Next::Item(held)) => {
                let begun = open.with_bytes(held, |_| Ok(()));
                begun.map_err(|source| CallError::Decode { operation: self.operation, source })?;
                return Ok(Reading::new(open, self));
            }
            Some(Next::End) => {}
        }
        let mut answer = Vec::new();
        Err(match open.slot.take_answer(&mut answer) {
            None => call.failed("somebody else has closed the stream".to_owned()),
            Some(ReplyKind::Value) => match (END.decode)(&answer) {
                Ok(End::Failed(text)) => call.failed(text),
                _ => call.failed("the stream has ended before it began".to_owned()),
            },
            Some(kind) => match call.read(kind, &answer) {
                Err(error) => error,
                Ok(_) => call.failed("the reply is no stream".to_owned()),
            },
        })
    }
}

impl<M, T, E> IntoFuture for StreamCall<M, T, E>
where
    M: Send,
{
    type Output = Result<ItemStream<T>, CallError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(begin(self))
    }
}

async fn begin<M, T, E>(stream: StreamCall<M, T, E>) -> Result<ItemStream<T>, CallError<E>> {
    let deadline = stream.call.limit.deadline();
    stream.call.refuse_own()?;
    let opened = match attached() {
        Some(segment) => Some(poll_fn(|task| ReplySlot::poll_open(segment, task, deadline)).await),
        None => None,
    };
    let open = stream.open(stream.call.opened(opened)?)?;
    // Encoded here and now, so that nothing borrows the arguments while this future waits: they
    // need not be `Sync`.
    let mut payload = Vec::new();
    let encoded = stream.encode(&open, &mut payload).map(|()| (payload, Travellers::default()));
    let (address, info, origin) = (stream.call.address, &stream.call.handler.info, open.origin());
    let posted = post::post_async(address, info, encoded, origin, deadline).await;
    posted.map_err(|failure| stream.call.not_posted(failure))?;
    let next = poll_fn(|task| open.poll(task, || deadline)).await;
    stream.read().begin(&stream.call, open, next).map(ItemStream)
}

/// Asks nothing of the arguments.
impl<M, T, E> fmt::Debug for StreamCall<M, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamCall").field("call", &self.call).field("look_ahead", &self.look_ahead).finish()
    }
}
