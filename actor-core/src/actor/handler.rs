//! [`Handler`]: what both sides of a message share about it, one constant per handler.
//!
//! The constant is where types end: whoever holds it knows how the message, the reply and the
//! handler's own error are written and read, and everything between two processes is bytes. The
//! bounds on what can travel stand at the constructors and nowhere else, so that a type which
//! cannot gives one error, at the handler, and none at its callers.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::Duration;

use super::behaviour::{ActorOptions, Message, OnCrash};
use crate::wire::{self, DecodeError, EncodeError};

/// One handler of an actor: its message `M` as a tuple, its reply `T`, its own error `E`.
pub struct Handler<M, T = (), E = Infallible> {
    pub(super) info: HandlerInfo,
    pub(super) message: Codec<M>,
    pub(super) reply: Codec<T>,
    /// None where the handler cannot fail.
    pub(super) error: Option<Codec<E>>,
}

/// What a handler is apart from its types.
#[derive(Clone, Copy, Debug)]
pub struct HandlerInfo {
    pub(super) index: u16,
    pub(super) name: &'static str,
    pub(super) actor: &'static str,
    pub(super) on_crash: OnCrash,
    pub(super) timeout: Duration,
}

impl HandlerInfo {
    /// The handler with number `index` of an actor with these options, for calls.
    pub const fn call(index: u16, name: &'static str, options: &ActorOptions) -> HandlerInfo {
        let (actor, timeout) = (options.name, options.timeout);
        HandlerInfo { index, name, actor, on_crash: options.call_policy, timeout }
    }

    /// The same for casts.
    pub const fn cast(index: u16, name: &'static str, options: &ActorOptions) -> HandlerInfo {
        HandlerInfo { on_crash: options.cast_policy, ..HandlerInfo::call(index, name, options) }
    }

    /// The same for calls that are answered by a stream, which is not handed out again: its caller has had a
    /// part of it. Where the actor says `redeliver`, the caller gets the exit report.
    pub const fn stream(index: u16, name: &'static str, options: &ActorOptions) -> HandlerInfo {
        let info = HandlerInfo::call(index, name, options);
        match info.on_crash {
            OnCrash::Redeliver(_) => info.on_crash(OnCrash::Fail),
            OnCrash::Fail | OnCrash::DeadLetter => info,
        }
    }

    /// With a policy of its own.
    pub const fn on_crash(self, on_crash: OnCrash) -> HandlerInfo {
        HandlerInfo { on_crash, ..self }
    }
}

/// How values of one type are written and read.
pub struct Codec<V> {
    pub(super) encode: fn(&mut Vec<u8>, &V) -> Result<(), EncodeError>,
    pub(super) decode: fn(&[u8]) -> Result<V, DecodeError>,
}

impl<V: Message> Codec<V> {
    const OF: Codec<V> = Codec { encode: wire::encode_into::<V>, decode: |bytes| wire::decode::<V>(bytes) };
}

/// How the arguments of an actor travel, for [`Actor::ARGS`](super::Actor::ARGS).
pub const fn args<T: Message>() -> Codec<T> {
    Codec::OF
}

/// How the error of an actor's `init` travels, for [`Actor::INIT_ERROR`](super::Actor::INIT_ERROR).
pub const fn init_error<E: Message>() -> Codec<E> {
    Codec::OF
}

/// A value in encoded form, which is passed on as it is.
pub(crate) struct Encoded(pub(crate) Vec<u8>);

impl Encoded {
    /// What surely can be encoded.
    pub(crate) fn of<V: Message>(value: &V) -> Encoded {
        let mut bytes = Vec::new();
        wire::encode_into(&mut bytes, value).expect("it is known to be encodable");
        Encoded(bytes)
    }

    const AS_IT_IS: Codec<Encoded> = Codec {
        encode: |out, value| {
            out.extend_from_slice(&value.0);
            Ok(())
        },
        decode: |bytes| Ok(Encoded(bytes.to_vec())),
    };
}

/// A call whose reply the actor has in encoded form; who calls knows its type.
pub(crate) const fn call1_encoded<A1: Message>(info: HandlerInfo) -> Handler<(A1,), Encoded> {
    Handler { info, message: Codec::OF, reply: Encoded::AS_IT_IS, error: None }
}

/// Whether errors of type `E` can travel, told without asking it of them: `CODEC` is here, if `E` is
/// a message, and else in [`Stays`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Travels<E>(PhantomData<E>);

impl<E: Message> Travels<E> {
    /// How they travel.
    pub const CODEC: Option<&'static Codec<E>> = Some(&Codec::OF);
}

/// What is true of all errors, and stands back where [`Travels`] knows better.
#[doc(hidden)]
pub trait Stays<E: 'static> {
    /// They do not travel.
    const CODEC: Option<&'static Codec<E>> = None;
}

impl<E: 'static> Stays<E> for Travels<E> {}

/// Writes the constructors for one number of arguments. The arguments are parameters of their
/// own, so that the compiler can point at the one that cannot travel.
macro_rules! constructors {
    ($call:ident $try_call:ident $cast:ident: $($argument:ident)*) => {
        #[doc = concat!("A call whose message has the arguments `(", $(stringify!($argument), ", ",)* ")`.")]
        pub const fn $call<$($argument: Message,)* T: Message>(info: HandlerInfo) -> Handler<($($argument,)*), T> {
            Handler { info, message: Codec::OF, reply: Codec::OF, error: None }
        }

        #[doc = concat!("The same, of a handler that returns `Result<T, E>`.")]
        pub const fn $try_call<$($argument: Message,)* T: Message, E: Message>(
            info: HandlerInfo,
        ) -> Handler<($($argument,)*), T, E> {
            Handler { info, message: Codec::OF, reply: Codec::OF, error: Some(Codec::OF) }
        }

        #[doc = concat!("A cast whose message has the arguments `(", $(stringify!($argument), ", ",)* ")`.")]
        pub const fn $cast<$($argument: Message,)*>(info: HandlerInfo) -> Handler<($($argument,)*)> {
            Handler { info, message: Codec::OF, reply: Codec::OF, error: None }
        }
    };
}

constructors!(call0 try_call0 cast0:);
constructors!(call1 try_call1 cast1: A1);
constructors!(call2 try_call2 cast2: A1 A2);
constructors!(call3 try_call3 cast3: A1 A2 A3);
constructors!(call4 try_call4 cast4: A1 A2 A3 A4);
constructors!(call5 try_call5 cast5: A1 A2 A3 A4 A5);
constructors!(call6 try_call6 cast6: A1 A2 A3 A4 A5 A6);
constructors!(call7 try_call7 cast7: A1 A2 A3 A4 A5 A6 A7);
constructors!(call8 try_call8 cast8: A1 A2 A3 A4 A5 A6 A7 A8);
constructors!(call9 try_call9 cast9: A1 A2 A3 A4 A5 A6 A7 A8 A9);
constructors!(call10 try_call10 cast10: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
constructors!(call11 try_call11 cast11: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
constructors!(call12 try_call12 cast12: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
