//! From bytes to a method and back: the one place where a message gets its type again.
//!
//! `Actor::dispatch` chooses the handler's constant by number, and the constant decodes the
//! message, runs the method and encodes the reply. Nothing is sent here: [`run`](super::run) does.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;

use super::behaviour::Failure;
use super::dropped;
use super::handler::{Codec, Handler};
use super::reply_to::ReplyTo;
use crate::mailbox::{Mailbox, ReplyAddress};
use crate::reply::{Duty, ReplyKind};
use crate::wire::travel::{self, Travellers};

/// A message on its way into the method that it is for.
pub struct Delivery<'a> {
    pub(super) handler: u16,
    pub(super) payload: &'a [u8],
    /// Takes the encoded reply.
    pub(super) reply: &'a mut Vec<u8>,
    /// Who waits for it; a cast has nobody.
    pub(super) caller: Option<ReplyAddress>,
    /// Where it comes from.
    pub(super) mailbox: Option<&'a Mailbox>,
}

/// What came of a message.
#[derive(Debug)]
#[must_use = "the caller waits for what came of its message"]
pub struct Handled {
    pub(super) outcome: Outcome,
    /// Ends the actor.
    pub(super) failure: Option<Failure>,
    /// Handles that are the caller's once it has the reply.
    pub(super) cargo: Option<Cargo>,
}

/// A value with handles in it of which there is one only. It is kept until its bytes were accepted, or it
/// would take its handles along.
pub(super) struct Cargo {
    travellers: Travellers,
    _value: Box<dyn Any>,
}

impl Handled {
    /// Without anything that would have to be let go.
    pub(super) fn of(outcome: Outcome, failure: Option<Failure>) -> Handled {
        Handled { outcome, failure, cargo: None }
    }

    /// The reply was accepted.
    pub(super) fn let_go(&self) {
        if let Some(cargo) = &self.cargo {
            cargo.travellers.let_go();
        }
    }
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// The reply buffer holds an answer of this kind.
    Reply(ReplyKind),
    /// The answer is the duty of whoever has the handle, unless there is one of this kind in the reply
    /// buffer and the duty is still this process's.
    Delegated(Duty, Option<ReplyKind>),
    /// There is nothing to say.
    Nothing,
    /// The message could not be read; the reply buffer says why.
    Refused,
}

impl Delivery<'_> {
    /// The number of the handler that the message is for.
    pub fn handler(&self) -> u16 {
        self.handler
    }

    /// Refuses a message that is for no handler of this actor.
    pub fn unknown(self) -> Handled {
        let number = self.handler;
        self.refuse(format_args!("there is no handler with the number {number}"))
    }

    pub(super) fn refuse(self, why: impl std::fmt::Display) -> Handled {
        self.reply.clear();
        self.reply.extend_from_slice(why.to_string().as_bytes());
        Handled::of(Outcome::Refused, None)
    }

    pub(super) fn answer<V: 'static>(self, kind: ReplyKind, codec: &Codec<V>, value: V) -> Handled {
        self.reply.clear();
        let (kind, cargo) = match travel::collect(|| (codec.encode)(self.reply, &value)) {
            Ok(((), travellers)) if travellers.is_empty() => (kind, None),
            Ok(((), travellers)) => (kind, Some(Cargo { travellers, _value: Box::new(value) })),
            Err(error) => {
                self.reply.extend_from_slice(format!("the reply cannot be sent: {error}").as_bytes());
                (ReplyKind::Failed, None)
            }
        };
        Handled { outcome: Outcome::Reply(kind), failure: None, cargo }
    }
}

impl fmt::Debug for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.travellers.fmt(f)
    }
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("handler", &self.handler).field("bytes", &self.payload.len()).finish()
    }
}

impl<M, T, E> Handler<M, T, E> {
    fn read(&self, delivery: &Delivery<'_>) -> Result<M, String> {
        self.read_message(delivery.payload)
    }

    /// The arguments, from their bytes.
    pub(super) fn read_message(&self, bytes: &[u8]) -> Result<M, String> {
        (self.message.decode)(bytes)
            .map_err(|error| format!("the message for `{}` cannot be read: {error}", self.info.name))
    }
}

impl<M, T: 'static> Handler<M, T, Infallible> {
    /// Handles a call that cannot fail: `handle` gets the arguments, the caller what it returns.
    pub fn reply(&self, delivery: Delivery<'_>, handle: impl FnOnce(M) -> T) -> Handled {
        match self.read(&delivery) {
            Ok(message) => delivery.answer(ReplyKind::Value, &self.reply, handle(message)),
            Err(why) => delivery.refuse(why),
        }
    }
}

impl<M, T: 'static, E: 'static> Handler<M, T, E> {
    /// Handles a call whose caller gets the error of `handle` as `CallError::Handler`.
    ///
    /// # Panics
    /// The handler was not made by one of the `try_call` constructors.
    pub fn try_reply(&self, delivery: Delivery<'_>, handle: impl FnOnce(M) -> Result<T, E>) -> Handled {
        let message = match self.read(&delivery) {
            Ok(message) => message,
            Err(why) => return delivery.refuse(why),
        };
        match handle(message) {
            Ok(value) => delivery.answer(ReplyKind::Value, &self.reply, value),
            Err(error) => {
                let codec = self.error.as_ref().expect("`try_call` constructors say how errors are written");
                delivery.answer(ReplyKind::Error, codec, error)
            }
        }
    }
}

impl<M, T, E: 'static> Handler<M, T, E> {
    /// Handles a call that is answered by way of a [`ReplyTo`]. An error of `handle` fails the call, unless
    /// the handle has been used or sent by then.
    ///
    /// # Panics
    /// There is an error, and the handler was not made by one of the `try_call` constructors.
    pub fn delegate(&self, delivery: Delivery<'_>, handle: impl FnOnce(M, ReplyTo<T, E>) -> Result<(), E>) -> Handled {
        let Some(caller) = delivery.caller else {
            return delivery.refuse("the handler is for calls, and nobody waits for its answer");
        };
        let message = match self.read(&delivery) {
            Ok(message) => message,
            Err(why) => return delivery.refuse(why),
        };
        let duty = Duty::of_message(caller).take();
        let (outcome, is_dropped) = dropped::noted(caller, || handle(message, ReplyTo::new(duty)));
        let error = match outcome {
            Ok(()) => {
                let kind = is_dropped.then_some(ReplyKind::Unanswered);
                return Handled::of(Outcome::Delegated(duty, kind), None);
            }
            Err(error) => error,
        };
        let codec = self.error.as_ref().expect("`try_call` constructors say how errors are written");
        let answer = delivery.answer(ReplyKind::Error, codec, error);
        let kind = if let Outcome::Reply(kind) = answer.outcome { Some(kind) } else { None };
        Handled { outcome: Outcome::Delegated(duty, kind), ..answer }
    }
}

impl<M> Handler<M> {
    /// Handles a cast. An error of `handle` ends the actor.
    pub fn accept(&self, delivery: Delivery<'_>, handle: impl FnOnce(M) -> Result<(), Failure>) -> Handled {
        match self.read(&delivery) {
            Ok(message) => Handled::of(Outcome::Nothing, handle(message).err()),
            Err(why) => delivery.refuse(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::behaviour::ActorOptions;
    use crate::actor::handler::{self, HandlerInfo};
    use crate::wire;

    const OPTIONS: ActorOptions = ActorOptions::named("test");
    const ADD: Handler<(u8, u8), u16> = handler::call2::<u8, u8, u16>(HandlerInfo::call(0, "add", &OPTIONS));
    const DIVIDE: Handler<(u8, u8), u8, String> =
        handler::try_call2::<u8, u8, u8, String>(HandlerInfo::call(1, "divide", &OPTIONS));
    const NOTE: Handler<(u8,)> = handler::cast1::<u8>(HandlerInfo::cast(2, "note", &OPTIONS));

    fn encoded(message: &impl serde::Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::encode_into(&mut bytes, message).unwrap();
        bytes
    }

    fn delivery<'a>(payload: &'a [u8], reply: &'a mut Vec<u8>) -> Delivery<'a> {
        Delivery { handler: 0, payload, reply, caller: None, mailbox: None }
    }

    #[test]
    fn smoke() {
        let (payload, mut reply) = (encoded(&(200u8, 100u8)), Vec::new());
        let handled = ADD.reply(delivery(&payload, &mut reply), |(a, b)| u16::from(a) + u16::from(b));
        assert!(matches!(handled.outcome, Outcome::Reply(ReplyKind::Value)));
        assert_eq!(wire::decode::<u16>(&reply), Ok(300));
    }

    #[test]
    fn an_error_of_the_handler_travels_with_its_type() {
        let (payload, mut reply) = (encoded(&(1u8, 0u8)), Vec::new());
        let divide = |(a, b): (u8, u8)| a.checked_div(b).ok_or_else(|| "by zero".to_owned());
        let handled = DIVIDE.try_reply(delivery(&payload, &mut reply), divide);
        assert!(matches!(handled.outcome, Outcome::Reply(ReplyKind::Error)));
        assert_eq!(wire::decode::<String>(&reply).as_deref(), Ok("by zero"));
        assert!(handled.failure.is_none(), "the actor lives on");
    }

    #[test]
    fn an_error_of_a_cast_ends_the_actor() {
        let (payload, mut reply) = (encoded(&(1u8,)), Vec::new());
        let handled = NOTE.accept(delivery(&payload, &mut reply), |_| Err(Failure::new("no paper")));
        assert_eq!(handled.failure, Some(Failure::new("no paper")));
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_handled() {
        let mut reply = Vec::new();
        let handled = ADD.reply(delivery(b"\xc1", &mut reply), |_| unreachable!());
        assert!(matches!(handled.outcome, Outcome::Refused));
        assert!(String::from_utf8_lossy(&reply).starts_with("the message for `add` cannot be read"));
        let handled = Delivery { handler: 9, ..delivery(b"", &mut reply) }.unknown();
        assert!(matches!(handled.outcome, Outcome::Refused));
    }
}
