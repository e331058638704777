//! The macros of `actor-core`; use them through that crate, whose prelude brings them along.
//!
//! Two macros make an actor. `#[derive(Actor)]` on the type reads the options; `#[handlers]` on
//! its `impl` block writes the calls type and the implementation of `Actor`. Each goes through
//! the same stages, a file per stage: `attr` reads options, `ast` turns the user's items into
//! a small tree that keeps the original nodes for their spans, `valid` is the list of rules,
//! `expand` writes the code. When a rule is broken, `fallback` writes a stand-in beside the
//! error, so that one mistake gives one error.
//!
//! This file has entry points and their documentation only.

mod ast;
mod attr;
mod expand;
mod fallback;
mod main_fn;
mod types;
mod valid;

use proc_macro::TokenStream;

/// Declares a struct or enum as an actor, together with [`#[handlers]`](macro@handlers).
///
/// Options go into `#[actor(...)]` on the type; all of them have defaults:
///
/// | option | meaning | default |
/// |---|---|---|
/// | `name = "counter"` | what `ps`, logs and errors call it | the type's name |
/// | `capacity = 1024` | messages that the mailbox has room for, the one in hand included | 1024 |
/// | `max_message = "1MiB"` | the largest encoded message, bytes or with a unit | 16 MiB |
/// | `timeout = "5s"` | how long a call or a cast waits unless it says otherwise | 5 s |
/// | `call_policy = "fail"` | what becomes of the call in hand at a crash | `"fail"` |
/// | `cast_policy = "dead_letter"` | what becomes of the cast in hand at a crash | `"dead_letter"` |
/// | `runtime = "tokio"` | run the handlers inside a tokio runtime | none |
///
/// A policy is `"fail"` (the caller gets the exit report), `"dead_letter"` (it is kept for
/// inspection) or `"redeliver(n)"` (the next life gets it, until `n` lives had it in hand). With
/// `runtime = "tokio"` your crate needs `tokio` with its feature `rt-multi-thread`.
///
/// Unless the `#[handlers]` block has an `#[init]`, the value itself travels to the new process,
/// so that the type has to be `Serialize` and `Deserialize`.
#[proc_macro_derive(Actor, attributes(actor))]
pub fn derive_actor(input: TokenStream) -> TokenStream {
    expand::declaration::derive(input.into()).into()
}

/// Turns the methods of an `impl` block into the messages of an actor.
///
/// * [`#[call]`](macro@call): request and reply; the caller gets what the method returns.
/// * [`#[cast]`](macro@cast): one way; a returned `Err` ends the actor.
/// * [`#[init]`](macro@init): makes the actor from other arguments than itself.
/// * [`#[terminate]`](macro@terminate): runs before an orderly end.
///
/// Methods without such an attribute stay what they are. An actor has one `#[handlers]` block,
/// in the crate of its type. Beside the block it writes a type named after the actor, such as
/// `CounterCalls`, which has one method per handler, with the handler's documentation; an
/// `ActorRef<Counter>` dereferences to it.
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, input: TokenStream) -> TokenStream {
    expand::block::handlers(options.into(), input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: a request whose caller gets what the method
/// returns.
///
/// The method takes `&mut self` or `&self`, any number of owned, serde-able arguments up to
/// twelve, and where it likes a `&mut Context<Self>`. It may be `async`. From `Result<T, E>` the
/// caller gets `T`, or `E` as `CallError::Handler(E)`. `#[call(on_crash = "redeliver(3)")]`
/// overrides the actor's `call_policy`.
#[proc_macro_attribute]
pub fn call(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("call", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: a message without reply.
///
/// As [`#[call]`](macro@call), but the method returns nothing, or `Result<(), E>` whose `Err`
/// ends the actor as `Failed`. `#[cast(on_crash = "redeliver(3)")]` overrides the actor's
/// `cast_policy`.
#[proc_macro_attribute]
pub fn cast(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("cast", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: makes the actor, in its own process, from the
/// arguments that travelled there.
///
/// The function has no `self`, returns `Self` or `Result<Self, E>` where `E: Display`, and may
/// be `async` and take a `&mut Context<Self>`. Every restart begins here, from the same
/// arguments. Start such an actor by `Indexer::define(arguments).spawn()`.
#[proc_macro_attribute]
pub fn init(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("init", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: runs before an orderly end, that is after a stop
/// and after a failure that the actor declared itself, but neither after a panic nor a kill.
///
/// The method takes `&mut self` or `&self`, and where it likes a `&mut Context<Self>` and a
/// `&ExitReason`. It may be `async`.
#[proc_macro_attribute]
pub fn terminate(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("terminate", input.into()).into()
}

/// Wraps `main`: runs an `async` one, and makes SIGINT and SIGTERM end the program in order.
///
/// A plain `fn main()` can use actors as well; it only lacks these two conveniences. The
/// function may return anything that `main` may return.
#[proc_macro_attribute]
pub fn main(options: TokenStream, input: TokenStream) -> TokenStream {
    main_fn::wrap(options.into(), input.into()).into()
}
