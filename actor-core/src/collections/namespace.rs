//! [`Namespace`]: values of any types under names, in a process of their own.
//!
//! Written without the macros. A handler of theirs has one type, which both processes know; here only who asks knows
//! the type, and there are as many as there are names. So the actor keeps each value as the bytes that its sender has
//! encoded, which are those of the answer, and the handlers of both sides differ: [`Typed`] has the caller's, [`Kept`]
//! the actor's. It must not look into the bytes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::actor::handler::{self, Codec, Encoded, Handler, HandlerInfo};
use crate::actor::{Actor, ActorOptions, Address, Call, Calls, Context, Delivery, Handled, Message};
use crate::wire::{self, Bytes};

/// An actor that keeps values of any types under names, for any processes; see [`collections`](super).
///
/// What it can be asked are the methods of [`NamespaceCalls`].
///
/// ```
/// use actor_core::collections::Namespace;
/// use actor_core::prelude::*;
///
/// fn main() -> actor_core::Result<()> {
///     let settings = Namespace::new().spawn()?;
///     settings.set("volume", 11).wait()?;
///     settings.set("title", "live".to_owned()).wait()?;
///     assert_eq!(settings.get::<u32>("volume").wait()?, Some(11));
///     assert_eq!(settings.get::<String>("title").wait()?.as_deref(), Some("live"));
///     assert!(settings.get::<u32>("title").wait().is_err(), "it is no number");
///     assert_eq!(settings.names().wait()?, ["title", "volume"]);
///     Ok(())
/// }
/// ```
#[doc(alias = "Manager")]
#[doc(alias = "SyncManager")]
#[doc(alias = "NamespaceProxy")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// As an answer has them.
    values: BTreeMap<String, Bytes>,
}

impl Namespace {
    /// An empty one, to be spawned.
    pub fn new() -> Namespace {
        Namespace::default()
    }
}

/// What a [`Namespace`] can be asked.
#[derive(Clone, Copy, Debug)]
pub struct NamespaceCalls(Address);

impl NamespaceCalls {
    /// Puts `value` under `name`, in the place of what was there, of whatever type. A value that stands for nothing,
    /// as `None` and `()` do, is refused with `CallError::Encode`: to [`get`](NamespaceCalls::get) it would be as if
    /// it were not there.
    #[doc(alias = "__setattr__")]
    pub fn set<T: Message>(&self, name: impl Into<String>, value: T) -> Call<(String, Value<T>)> {
        Call::new(self.0, Typed::<T>::SET, (name.into(), Value(value)))
    }

    /// A copy of what is under `name`. Where that is of another type, the call fails with `CallError::Decode`, unless
    /// the two look alike to serde, as numbers of different sizes do.
    #[doc(alias = "__getattr__")]
    pub fn get<T: Message>(&self, name: impl Into<String>) -> Call<(String,), Option<T>> {
        Call::new(self.0, Typed::<T>::GET, (name.into(),))
    }

    /// Takes out what is under `name`, and tells whether something was.
    #[doc(alias = "__delattr__")]
    pub fn remove(&self, name: impl Into<String>) -> Call<(String,), bool> {
        Call::new(self.0, Kept::REMOVE, (name.into(),))
    }

    /// All names, in order.
    pub fn names(&self) -> Call<(), Vec<String>> {
        Call::new(self.0, Kept::NAMES, ())
    }
}

impl Calls for NamespaceCalls {
    fn new(address: Address) -> NamespaceCalls {
        NamespaceCalls(address)
    }

    fn address(&self) -> Address {
        self.0
    }
}

/// A value on its way into a [`Namespace`]: it travels as bytes, which only who asks for it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<T>(pub T);

impl<T: Serialize> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        // As the answer that it will be, so that what does not arrive as it is in there is refused here.
        wire::encode_into(&mut bytes, &Some(&self.0)).map_err(S::Error::custom)?;
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de, T: Message> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value<T>, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        wire::decode(&bytes.0).map(Value).map_err(D::Error::custom)
    }
}

const SET: HandlerInfo = HandlerInfo::call(0, "set", &Namespace::OPTIONS);
const GET: HandlerInfo = HandlerInfo::call(1, "get", &Namespace::OPTIONS);

/// The handlers as callers know them.
struct Typed<T>(PhantomData<T>);

impl<T: Message> Typed<T> {
    const SET: &'static Handler<(String, Value<T>)> = &handler::call2::<String, Value<T>, ()>(SET);
    const GET: &'static Handler<(String,), Option<T>> = &handler::call1::<String, Option<T>>(GET);
}

/// The handlers as the actor knows them.
struct Kept;

impl Kept {
    const SET: &'static Handler<(String, Bytes)> = &handler::call2::<String, Bytes, ()>(SET);
    const GET: &'static Handler<(String,), Encoded> = &handler::call1_encoded::<String>(GET);
    const REMOVE: &'static Handler<(String,), bool> =
        &handler::call1::<String, bool>(HandlerInfo::call(2, "remove", &Namespace::OPTIONS));
    const NAMES: &'static Handler<(), Vec<String>> =
        &handler::call0::<Vec<String>>(HandlerInfo::call(3, "names", &Namespace::OPTIONS));
}

impl Actor for Namespace {
    type Args = Namespace;
    const ARGS: &'static Codec<Namespace> = &handler::args();
    type InitError = Infallible;
    const INIT_ERROR: Option<&'static Codec<Infallible>> = None;
    type Calls = NamespaceCalls;
    const OPTIONS: ActorOptions = ActorOptions::named("namespace");
    const HANDLERS: &'static [&'static str] = &["set", "get", "remove", "names"];

    fn init(args: Namespace, _: &mut Context<Self>) -> Result<Namespace, Infallible> {
        Ok(args)
    }

    fn dispatch(&mut self, delivery: Delivery<'_>, _: &mut Context<Self>) -> Handled {
        match delivery.handler() {
            0 => Kept::SET.reply(delivery, |(name, value)| {
                self.values.insert(name, value);
            }),
            1 => Kept::GET.reply(delivery, |(name,)| match self.values.get(&name) {
                Some(value) => Encoded(value.0.clone()),
                None => Encoded::of(&None::<()>),
            }),
            2 => Kept::REMOVE.reply(delivery, |(name,)| self.values.remove(&name).is_some()),
            3 => Kept::NAMES.reply(delivery, |()| self.values.keys().cloned().collect()),
            _ => delivery.unknown(),
        }
    }
}
