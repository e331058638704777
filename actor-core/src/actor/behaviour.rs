//! [`Actor`]: what makes a type an actor, and the options that it declares.
//!
//! `#[derive(Actor)]` and `#[handlers]` write all of this; it is as well a contract that can be
//! fulfilled by hand. Nothing here knows how a message travels or how a process comes to be.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::actor_ref::Calls;
use super::context::Context;
use super::dispatch::{Delivery, Handled};
use super::handler::Codec;
use super::info::Info;
use crate::exit::ExitReason;
pub use crate::mailbox::OnCrash;

/// A type whose values live in processes of their own and handle messages one at a time.
///
/// `#[derive(Actor)]` on the type and `#[handlers]` on its `impl` block write this trait. By hand
/// it is four things: what travels to the new process (`Args`), how the actor is made from it
/// (`init`), what it can be asked (`Calls`), and which message is for which method (`dispatch`).
/// A [`Handler`](super::handler::Handler) constant per message ties the last two together:
///
/// ```
/// use actor_core::prelude::*;
/// use actor_core::handler::{self, Codec, Handler, HandlerInfo};
/// use actor_core::{Address, Call, Calls, Delivery, Handled};
///
/// struct Doubler { asked: u64 }
///
/// #[derive(Clone, Copy)]
/// struct DoublerCalls(Address);
///
/// impl Calls for DoublerCalls {
///     fn new(address: Address) -> Self { DoublerCalls(address) }
///     fn address(&self) -> Address { self.0 }
/// }
///
/// impl DoublerCalls {
///     const DOUBLE: &'static Handler<(u64,), u64> =
///         &handler::call1::<u64, u64>(HandlerInfo::call(0, "double", &Doubler::OPTIONS));
///
///     fn double(&self, n: u64) -> Call<(u64,), u64> {
///         Call::new(self.0, Self::DOUBLE, (n,))
///     }
/// }
///
/// impl Actor for Doubler {
///     type Args = ();
///     const ARGS: &'static Codec<()> = &handler::args();
///     type InitError = Failure;
///     const INIT_ERROR: Option<&'static Codec<Failure>> = Some(&handler::init_error());
///     type Calls = DoublerCalls;
///     const OPTIONS: ActorOptions = ActorOptions { capacity: 16, ..ActorOptions::named("doubler") };
///     const HANDLERS: &'static [&'static str] = &["double"];
///
///     fn init(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
///         Ok(Doubler { asked: 0 })
///     }
///
///     fn dispatch(&mut self, delivery: Delivery<'_>, _: &mut Context<Self>) -> Handled {
///         match delivery.handler() {
///             0 => DoublerCalls::DOUBLE.reply(delivery, |(n,)| {
///                 self.asked += 1;
///                 2 * n
///             }),
///             _ => delivery.unknown(),
///         }
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let doubler = Doubler::define(()).spawn()?;
///     assert_eq!(doubler.double(21).wait()?, 42);
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `#[handlers]` block",
    label = "this actor cannot be asked anything yet",
    note = "write `#[handlers] impl {Self} {{ ... }}` around its `#[call]` and `#[cast]` methods"
)]
pub trait Actor: Sized + 'static {
    /// What travels to the new process, and again to each that replaces it.
    type Args: 'static;

    /// How it is written and read: [`handler::args()`](super::handler::args).
    const ARGS: &'static Codec<Self::Args>;

    /// What [`init`](Actor::init) fails with; [`Infallible`](std::convert::Infallible) if it cannot.
    type InitError: fmt::Display + 'static;

    /// How that is written and read: [`handler::init_error()`](super::handler::init_error). Without, its
    /// text alone reaches whoever spawned the actor.
    const INIT_ERROR: Option<&'static Codec<Self::InitError>>;

    /// What a reference to this actor can be asked: a method per handler.
    type Calls: Calls;

    /// Name, limits and defaults.
    const OPTIONS: ActorOptions;

    /// The names of the handlers, by their numbers; reports and `status` show them.
    const HANDLERS: &'static [&'static str];

    /// Makes the actor, in its own process.
    ///
    /// # Errors
    /// The process ends and whoever spawned it gets the error, in
    /// [`SpawnError::Init`](super::SpawnError::Init). It may be a [`Failure`], which decides as well
    /// whether a supervisor tries again.
    fn init(args: Self::Args, context: &mut Context<Self>) -> Result<Self, Self::InitError>;

    /// Hands a message to the method that it is for.
    fn dispatch(&mut self, delivery: Delivery<'_>, context: &mut Context<Self>) -> Handled;

    /// Tells the actor what nobody has sent, between two messages.
    ///
    /// # Errors
    /// The actor ends, as failed.
    fn info(&mut self, info: Info, _context: &mut Context<Self>) -> Result<(), Failure> {
        info.unhandled()
    }

    /// Runs before an orderly end: a stop, or a failure that the actor declared itself. A panic
    /// and a kill leave no time for it.
    fn terminate(&mut self, _reason: &ExitReason, _context: &mut Context<Self>) {}
}

/// What can travel to another process: data that serde can write and read, and that borrows
/// nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another process",
    label = "not serde-able",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to it, or send something else"
)]
pub trait Message: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Message for T {}

/// What an actor declares of itself in `#[actor(...)]`.
#[derive(Clone, Copy, Debug)]
pub struct ActorOptions {
    /// What `ps`, logs and errors call it.
    pub name: &'static str,
    /// Messages that the mailbox has room for, the one in hand included; further senders wait. From 1
    /// to 8 388 608.
    pub capacity: u32,
    /// Bytes of the largest encoded message, up to 1 GiB. Four of the largest fit into the mailbox at
    /// once, and all of it takes up to 4 GiB of address space, not of memory. A node has room for 17 000
    /// mailboxes and queues of up to 512 MiB each, the default sizes among them, and for 1 024 of these
    /// larger.
    pub max_message: u64,
    /// How long a call waits for its answer, and a cast for room, unless it says otherwise.
    pub timeout: Duration,
    /// What becomes of the call in hand at a crash.
    pub call_policy: OnCrash,
    /// What becomes of the cast in hand at a crash.
    pub cast_policy: OnCrash,
    /// What runs around the handlers.
    pub runtime: Runtime,
}

impl ActorOptions {
    /// The defaults under a name: 1024 messages of at most 16 MiB, 5 s, a call in hand at a crash
    /// fails and a cast becomes a dead letter.
    pub const fn named(name: &'static str) -> ActorOptions {
        ActorOptions {
            name,
            capacity: 1024,
            max_message: 16 << 20,
            timeout: Duration::from_secs(5),
            call_policy: OnCrash::Fail,
            cast_policy: OnCrash::DeadLetter,
            runtime: Runtime::NONE,
        }
    }

    /// The same options, refused at compile time if no mailbox could have them.
    ///
    /// # Panics
    /// The capacity or the largest message is zero.
    pub const fn checked(self) -> ActorOptions {
        assert!(self.capacity > 0, "a mailbox needs room for at least one message");
        assert!(self.max_message > 0, "no message fits into zero bytes");
        self
    }
}

/// The options that `#[derive(Actor)]` has read, for `#[handlers]` to take.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `#[derive(Actor)]`",
    label = "not declared as an actor",
    note = "write `#[derive(Actor)]` on the type; `#[handlers]` does the rest"
)]
pub trait Declared {
    /// The options.
    const OPTIONS: ActorOptions;
}

/// The two halves of a `Result` behind an alias.
pub trait ResultParts {
    /// What the caller gets.
    type Ok;
    /// What the caller gets as `CallError::Handler`.
    type Err;
}

impl<T, E> ResultParts for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// What runs around the life of an actor on its main thread; nothing by default.
///
/// `#[actor(runtime = "tokio")]` puts a tokio runtime here.
#[derive(Clone, Copy, Debug)]
pub struct Runtime {
    /// Calls its argument once, which makes the actor and handles its messages until its end.
    pub around: fn(&mut dyn FnMut()),
    /// Runs the future of an `async` handler to its end.
    pub block_on: fn(Pin<&mut dyn Future<Output = ()>>),
}

impl Runtime {
    /// No runtime: `async` handlers are simply polled, between which the thread sleeps.
    pub const NONE: Runtime = Runtime { around: |life| life(), block_on: |future| futures::executor::block_on(future) };
}

/// Why an actor could not be made or cannot go on: a text, since it is read in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    text: String,
    can_restart: bool,
}

impl Failure {
    /// A failure with the text of `error`; a failure stays what it is.
    pub fn new(error: impl fmt::Display + 'static) -> Failure {
        match (&error as &dyn Any).downcast_ref::<Failure>() {
            Some(failure) => failure.clone(),
            None => Failure { text: error.to_string(), can_restart: true },
        }
    }

    /// A failure that a restart cannot help, such as a wrong configuration: supervisors give up
    /// at once instead of trying again.
    pub fn for_good(error: impl fmt::Display) -> Failure {
        Failure { text: error.to_string(), can_restart: false }
    }

    pub(super) fn into_reason(self) -> ExitReason {
        match self.can_restart {
            true => ExitReason::Failed(self.text),
            false => ExitReason::DoNotRestart(self.text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// Runs the future of an `async` handler.
pub fn block_on_in<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    let mut output = None;
    (runtime.block_on)(std::pin::pin!(async {
        output = Some(future.await);
    }));
    output.expect("`Runtime::block_on` runs the future to its end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        assert_eq!(block_on_in(&Runtime::NONE, async { 6 * 7 }), 42);
    }

    #[test]
    fn a_mailbox_without_room_is_refused() {
        let none = ActorOptions { capacity: 0, ..ActorOptions::named("none") };
        assert!(std::panic::catch_unwind(|| none.checked()).is_err());
        let some = ActorOptions { capacity: 1, ..none };
        assert_eq!(some.checked().capacity, 1);
    }

    #[test]
    fn a_failure_says_whether_a_restart_can_help() {
        assert_eq!(Failure::new("x").into_reason(), ExitReason::Failed("x".into()));
        let for_good = Failure::for_good("x");
        assert_eq!(Failure::new(for_good.clone()), for_good, "passed on by `?` and `map_err`");
        assert_eq!(for_good.into_reason(), ExitReason::DoNotRestart("x".into()));
    }
}
