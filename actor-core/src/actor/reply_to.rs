//! [`ReplyTo`]: the handle by which a call is answered after its handler has returned, or by another actor.
//!
//! Types stand here, and what becomes of the handle as a Rust value. Who has the duty to answer, in
//! which process, and what its death does, stands with [`Duty`]; what a dropped handle
//! means with [`dropped`].

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::behaviour::Message;
use super::dropped;
use crate::reply::{self, Duty, ReplyKind};
use crate::wire::{self, travel};

/// Answers a call later, or from elsewhere: the caller gets a `T`, or `E` as
/// [`CallError::Handler`](crate::CallError::Handler).
///
/// A `#[call]` handler that takes one, and returns nothing, does not answer by returning. It may keep the
/// handle, go on with other messages and answer when it can, answer from a thread of its own, or send the
/// handle to another actor as an argument of a cast or call. The caller notices nothing of it: its call is
/// an ordinary one.
///
/// | what happens to the handle | what the caller gets |
/// |---|---|
/// | [`reply`](ReplyTo::reply), [`fail`](ReplyTo::fail) | the value, the error |
/// | it is dropped, in a process that lives on | [`CallError::Unanswered`](crate::CallError::Unanswered), at once |
/// | whoever has it dies or ends, however | [`CallError::Died`](crate::CallError::Died) with that one's exit report, at once |
/// | the message that it was sent in is never handled | the same, or `Unanswered` if its receiver could not read it |
/// | none of this, in the call's time | `Timeout`; an answer that comes later is dropped |
///
/// One that was sent is the receiver's from when the message was accepted; a message that was not
/// accepted comes back with it. It travels in the arguments and answers of calls and casts, in items of
/// queues and messages of pipes, and in the arguments of an actor or a process. In the items of a stream,
/// the result of a process, a message that is sent later and the definition of a supervised child it is an
/// error to encode it. A caller whose handle goes with a queue that is closed or dropped gets `Timeout`.
///
/// # With policies
/// A message is done with when its handler has returned. One that is handed out again
/// (`on_crash = "redeliver(n)"`) because its actor died *in* the handler has its handle again, and the
/// caller waits on; a handle that was kept beyond that dies with its life.
/// [`kill_after`](crate::Call::kill_after) kills the actor as long as it is in the handler and has the
/// handle; after that the caller gets `Timeout` and nobody is killed, for whoever has the handle works for
/// others as well.
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// /// Gives each guest a key when there is one.
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Keys {
///     free: Vec<u32>,
///     #[serde(skip)]
///     waiting: Vec<ReplyTo<u32>>,
/// }
///
/// #[handlers]
/// impl Keys {
///     #[call]
///     fn take(&mut self, to: ReplyTo<u32>) {
///         match self.free.pop() {
///             Some(key) => to.reply(key),
///             None => self.waiting.push(to),
///         }
///     }
///
///     #[cast]
///     fn give(&mut self, key: u32) {
///         self.waiting.retain(ReplyTo::is_wanted);
///         match self.waiting.pop() {
///             Some(to) => to.reply(key),
///             None => self.free.push(key),
///         }
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let keys = Keys { free: vec![7], waiting: Vec::new() }.spawn()?;
///     assert_eq!(keys.take().wait()?, 7);
///     let guest = std::thread::spawn({
///         let keys = keys.clone();
///         move || keys.take().wait()
///     });
///     keys.give(7).send()?; // before or after the guest has asked
///     assert_eq!(guest.join().unwrap()?, 7);
///     Ok(())
/// }
/// ```
#[doc(alias = "From")]
#[doc(alias = "delegate")]
#[must_use = "a handle that is dropped tells the caller that there is no answer"]
pub struct ReplyTo<T, E = Infallible> {
    duty: Duty,
    types: PhantomData<fn(T, E)>,
}

impl<T, E> ReplyTo<T, E> {
    pub(super) fn new(duty: Duty) -> ReplyTo<T, E> {
        ReplyTo { duty, types: PhantomData }
    }

    /// Whether the caller still waits. If not, it has given up, is dead, or was answered by another.
    ///
    /// Only a hint when it is true: the caller may give up right after. When it is false it stays false.
    #[doc(alias = "is_abandoned")]
    pub fn is_wanted(&self) -> bool {
        reply::is_waited_for(self.duty.address())
    }

    fn answer(&self, kind: ReplyKind, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), wire::EncodeError>) {
        wire::with_buffer(|buffer| match travel::collect(|| encode(buffer)) {
            Ok(((), travellers)) => {
                if reply::answer_patiently(self.duty.address(), kind, buffer) {
                    travellers.let_go();
                }
            }
            Err(error) => {
                let why = format!("the reply cannot be sent: {error}");
                reply::answer(self.duty.address(), ReplyKind::Failed, why.as_bytes());
            }
        });
    }
}

impl<T: Message, E> ReplyTo<T, E> {
    /// Answers with a value. A caller that does not wait any more gets nothing, and nobody is told.
    ///
    /// A large answer waits for room as any handler's does, 5 s at most. One that finds none or cannot be
    /// encoded is [`CallError::Failed`](crate::CallError::Failed) at the caller, with a text.
    pub fn reply(self, value: T) {
        self.answer(ReplyKind::Value, |buffer| wire::encode_into(buffer, &value));
    }
}

impl<T, E: Message> ReplyTo<T, E> {
    /// Answers with an error, as [`reply`](ReplyTo::reply) does with a value.
    pub fn fail(self, error: E) {
        self.answer(ReplyKind::Error, |buffer| wire::encode_into(buffer, &error));
    }
}

/// The caller gets [`CallError::Unanswered`](crate::CallError::Unanswered), unless it was answered, or the
/// handle was sent to somebody.
impl<T, E> Drop for ReplyTo<T, E> {
    fn drop(&mut self) {
        if self.duty.is_own() {
            dropped::dropped(self.duty);
        }
    }
}

impl<T, E> Serialize for ReplyTo<T, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !travel::note(self.duty) {
            return Err(S::Error::custom("a `ReplyTo` cannot travel here"));
        }
        serializer.serialize_bytes(&self.duty.to_bytes())
    }
}

impl<'de, T, E> Deserialize<'de> for ReplyTo<T, E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ReplyTo<T, E>, D::Error> {
        let bytes = wire::bytes::deserialize(deserializer)?;
        let duty = Duty::from_bytes(&bytes).ok_or_else(|| D::Error::custom("these bytes are no `ReplyTo`"))?;
        Ok(ReplyTo::new(duty.take()))
    }
}

impl<T, E> fmt::Debug for ReplyTo<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo").field("is_wanted", &self.is_wanted()).finish()
    }
}
