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
mod reserved;
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
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// #[actor(name = "echo", capacity = 16, max_message = "1KiB", timeout = "2s")]
/// struct Echo;
///
/// #[handlers]
/// impl Echo {
///     #[call]
///     fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
///         bytes
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let echo = Echo.spawn()?;
///     assert_eq!(echo.echo(vec![1, 2]).wait()?, [1, 2]);
///     assert!(matches!(echo.echo(vec![0; 2000]).wait(), Err(CallError::TooLarge { .. })));
///     Ok(())
/// }
/// ```
#[proc_macro_derive(Actor, attributes(actor))]
pub fn derive_actor(input: TokenStream) -> TokenStream {
    expand::declaration::derive(input.into()).into()
}

/// Turns the methods of an `impl` block into the messages of an actor.
///
/// * [`#[call]`](macro@call): request and reply; the caller gets what the method returns.
/// * [`#[cast]`](macro@cast): one way; a returned `Err` ends the actor.
/// * [`#[info]`](macro@info): what the actor is told that nobody has sent, such as the end of another, or that a
///   time has come.
/// * [`#[init]`](macro@init): makes the actor from other arguments than itself.
/// * [`#[terminate]`](macro@terminate): runs before an orderly end.
///
/// Methods without such an attribute stay what they are. An actor has one `#[handlers]` block,
/// in the crate of its type. Beside the block it writes a type named after the actor, such as
/// `CounterCalls`, which has one method per handler, with the handler's documentation; an
/// `ActorRef<Counter>` dereferences to it.
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Counter {
///     words: u64,
/// }
///
/// #[handlers]
/// impl Counter {
///     /// Adds the words of `text` and returns the running total.
///     #[call]
///     fn add(&mut self, text: String) -> u64 {
///         self.words += Counter::count(&text);
///         self.words
///     }
///
///     #[cast]
///     fn reset(&mut self) {
///         self.words = 0;
///     }
///
///     /// Nobody can ask for this from outside.
///     fn count(text: &str) -> u64 {
///         text.split_whitespace().count() as u64
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let counter = Counter { words: 0 }.spawn()?;
///     assert_eq!(counter.add("two words".into()).wait()?, 2);
///     counter.reset().send()?;
///     assert_eq!(counter.add("and one more".into()).wait()?, 3);
///     Ok(())
/// }
/// ```
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
///
/// A method that takes a `ReplyTo<T>`, or `ReplyTo<T, E>`, does not answer by returning: whoever has
/// that handle does, later or elsewhere. It returns nothing, or `Result<(), E>` whose `Err` fails the
/// call. In a `#[cast]` such a parameter is an argument like others.
///
/// ```
/// # use actor_core::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Actor, Serialize, Deserialize)]
/// # struct Divider;
/// #[handlers]
/// impl Divider {
///     #[call]
///     fn divide(&self, dividend: u32, divisor: u32) -> Result<u32, String> {
///         dividend.checked_div(divisor).ok_or_else(|| format!("{dividend} / {divisor}"))
///     }
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let divider = Divider.spawn()?;
/// assert_eq!(divider.divide(7, 2).wait()?, 3);
/// let Err(CallError::Handler(text)) = divider.divide(7, 0).wait() else { panic!("there is no such number") };
/// assert_eq!(text, "7 / 0");
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn call(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("call", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: a message without reply.
///
/// As [`#[call]`](macro@call), but the method returns nothing, or `Result<(), E>` whose `Err`
/// ends the actor as `Failed`. `#[cast(on_crash = "redeliver(3)")]` overrides the actor's
/// `cast_policy`.
///
/// ```
/// # use actor_core::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Actor, Serialize, Deserialize)]
/// # struct Journal { lines: Vec<String> }
/// #[handlers]
/// impl Journal {
///     #[cast]
///     fn write(&mut self, line: String) {
///         self.lines.push(line);
///     }
///
///     #[call]
///     fn count(&self) -> usize {
///         self.lines.len()
///     }
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let journal = Journal { lines: Vec::new() }.spawn()?;
/// journal.write("one".into()).send()?;
/// journal.write("two".into()).send()?;
/// assert_eq!(journal.count().wait()?, 2); // messages of one sender keep their order
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn cast(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("cast", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: what the actor is told that nobody has sent, between two
/// messages.
///
/// The method takes `&mut self` or `&self`, one argument whose type decides what it is told (`Down`,
/// `ExitSignal`, `Tick`, `Readiness`, or `Info` for all that no other handler takes), and where it likes a
/// `&mut Context<Self>`. It may be `async`. It returns nothing, or `Result<(), E>` whose `Err` ends the
/// actor as `Failed`.
///
/// ```
/// # use actor_core::prelude::*;
/// # use actor_core::queue::Queue;
/// # use actor_core::{ExitSignal, Peer};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Friend {
///     diary: Queue<String>,
/// }
///
/// #[handlers]
/// impl Friend {
///     #[call]
///     fn befriend(&mut self, other: Peer, context: &mut Context<Self>) {
///         context.trap_exit();
///         context.link(other).expect("the node is there");
///     }
///
///     #[info]
///     fn exit(&mut self, exit: ExitSignal) {
///         let _ = self.diary.send(format!("a friend {}", exit.reason));
///     }
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let diary = Queue::bounded(8)?;
/// let (one, other) = (Friend { diary: diary.clone() }.spawn()?, Friend { diary: diary.clone() }.spawn()?);
/// one.befriend(other.incarnation().expect("it is up").into()).wait()?;
/// other.stop()?;
/// assert_eq!(diary.recv()?, "a friend stopped as asked");
/// assert!(one.is_alive());
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn info(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("info", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: makes the actor, in its own process, from the
/// arguments that travelled there.
///
/// The function has no `self`, returns `Self` or `Result<Self, E>` where `E: Display`, and may be
/// `async` and take a `&mut Context<Self>`. Its error reaches whoever spawned the actor: the text as
/// `failure` of `SpawnError::Init`, and the value as `error`, if serde can write and read it. Every
/// restart begins here, from the same arguments. Start such an actor by `Indexer::define(arguments).spawn()`.
///
/// ```
/// # use actor_core::prelude::*;
/// /// Has what cannot travel, so it is made where it lives.
/// #[derive(Actor)]
/// struct Reader {
///     lines: std::io::Lines<std::io::BufReader<std::fs::File>>,
/// }
///
/// #[handlers]
/// impl Reader {
///     #[init]
///     fn open(path: String) -> std::io::Result<Reader> {
///         let file = std::fs::File::open(path)?;
///         Ok(Reader { lines: std::io::BufRead::lines(std::io::BufReader::new(file)) })
///     }
///
///     #[call]
///     fn next(&mut self) -> Option<String> {
///         self.lines.next()?.ok()
///     }
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let reader = Reader::define("Cargo.toml".into()).spawn()?;
/// assert_eq!(reader.next().wait()?.as_deref(), Some("[package]"));
/// assert!(matches!(Reader::define("none".into()).spawn(), Err(SpawnError::Init { .. })));
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn init(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("init", input.into()).into()
}

/// In a [`#[handlers]`](macro@handlers) block: runs before an orderly end, that is after a stop
/// and after a failure that the actor declared itself, but neither after a panic nor a kill.
///
/// The method takes `&mut self` or `&self`, and where it likes a `&mut Context<Self>` and a
/// `&ExitReason`. It may be `async`.
///
/// ```
/// # use actor_core::prelude::*;
/// # use actor_core::queue::Queue;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Guest {
///     book: Queue<String>,
/// }
///
/// #[handlers]
/// impl Guest {
///     #[terminate]
///     fn leave(&mut self, reason: &ExitReason) {
///         let _ = self.book.send(format!("a guest {reason}"));
///     }
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let book = Queue::bounded(8)?;
/// Guest { book: book.clone() }.spawn()?.stop()?;
/// assert_eq!(book.recv()?, "a guest stopped as asked");
/// Guest { book: book.clone() }.spawn()?.kill()?;
/// assert!(book.is_empty());
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn terminate(_options: TokenStream, input: TokenStream) -> TokenStream {
    expand::alone::handler_attribute("terminate", input.into()).into()
}

/// Wraps `main`: runs an `async` one, and makes SIGINT, SIGTERM and SIGHUP end the program in order.
///
/// A plain `fn main()` can use actors as well; it only lacks these two conveniences. The
/// function may return anything that `main` may return.
///
/// An `async` one is polled by this thread and needs no runtime. Where it wants tokio, put
/// `#[tokio::main]` above this attribute: tokio then runs the function, and this keeps the rest.
///
/// ```
/// # use actor_core::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Actor, Serialize, Deserialize)]
/// # struct Counter { words: u64 }
/// # #[handlers]
/// # impl Counter {
/// #     #[call]
/// #     fn total(&self) -> u64 { self.words }
/// # }
/// #[actor_core::main]
/// async fn main() -> actor_core::Result<()> {
///     let counter = Counter { words: 7 }.spawn()?;
///     assert_eq!(counter.total().await?, 7);
///     Ok(())
/// }
/// ```
///
/// # How a program ends
/// However that is, its actors and processes end with it. *In order*: supervisors stop their children,
/// last started, first stopped; all other actors are asked to stop; who has not ended after 5 s is killed,
/// and the program ends when nobody is left. *Killed*: the kernel kills them as soon as the program is gone,
/// and what they have started is killed next.
///
/// | how it ends | what becomes of its actors | within | exit status |
/// |---|---|---|---|
/// | `main` returns | stopped in order | 7 s | 0 |
/// | `main` returns an error | stopped in order | 7 s | 1 |
/// | a panic in `main` | stopped in order; where panics abort, killed | 7 s | 101; SIGABRT |
/// | a panic in another thread | nothing: `main` goes on; where panics abort, killed | 1 s | SIGABRT |
/// | a `println!` that nobody reads | it panics; in `main`, stopped in order | 7 s | 101 |
/// | `exit` in any thread | stopped in order | 7 s | its code |
/// | a link to somebody who fails | stopped in order, unless `main` traps exits | 7 s | 1 |
/// | SIGINT, as by Ctrl-C | stopped in order | 7 s | SIGINT |
/// | SIGTERM | stopped in order | 7 s | SIGTERM |
/// | SIGHUP, as by a closed terminal | stopped in order | 7 s | SIGHUP |
/// | a second SIGINT or SIGTERM | killed | 1 s | that signal |
/// | a signal that was ignored before | nothing: it stays ignored, as `nohup` wants it | | |
/// | a signal without the attribute | killed | 1 s | that signal |
/// | abort, a crash, SIGKILL or `_exit` now | killed | 1 s | the signal or code |
/// | `exec` of another program | killed; what they have started, when that program ends | 1 s | its own |
/// | the end of a `fork` of it | nothing: the copy has no say | | |
///
/// Where actors are stopped in order, processes that are none end by what they were started with:
///
/// | a process | at once | after the join timeout, 5 s | 5 s after it was asked |
/// |---|---|---|---|
/// | a daemon, see `process::Options::daemon` | gets SIGTERM | | is killed |
/// | any other | is waited for | gets SIGTERM | is killed |
///
/// So a program with a process that neither ends nor heeds SIGTERM takes 12 s instead of 7.
/// `node::set_join_timeout` sets the time; with zero all get SIGTERM at once. A second SIGINT or SIGTERM cuts
/// any of these times short.
///
/// The three signals are the only thing in which this attribute makes a difference. They are handled
/// from the beginning of `main` on, unless they are ignored then. Ctrl-C interrupts all that is in the
/// foreground of a terminal; actors are not, so it is for `main` to stop them. A closed terminal may
/// hang up more than once, so SIGHUP never counts as the second. Before there is an actor, or anything
/// else that needs a node, each of the signals ends the program at once.
#[proc_macro_attribute]
pub fn main(options: TokenStream, input: TokenStream) -> TokenStream {
    main_fn::wrap(options.into(), input.into()).into()
}
