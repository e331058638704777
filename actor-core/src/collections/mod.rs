//! Actors that are ready to be used: a dictionary, a list, and a namespace, shared by any processes.
//!
//! Who comes from Python's `multiprocessing` knows them from its manager. There is none here, because nothing is left
//! for it to do: an actor is a process with a value in it, its [`ActorRef`](crate::ActorRef) is the proxy, and that is
//! plain data that goes into arguments and messages. So each of these is one process that lives until it is stopped
//! or the program ends.
//!
//! ```
//! use actor_core::collections::Dict;
//! use actor_core::prelude::*;
//! use actor_core::process::Process;
//!
//! fn fill((dict, number): (ActorRef<Dict<u32, String>>, u32)) {
//!     dict.insert(number, "*".repeat(number as usize)).wait().expect("it is there");
//! }
//!
//! fn main() -> actor_core::Result<()> {
//!     let dict = Dict::new().spawn()?;
//!     let fillers: Vec<_> = (1..=3).map(|number| Process::spawn(fill, (dict, number))).collect::<Result<_, _>>()?;
//!     for filler in fillers {
//!         filler.join()?;
//!     }
//!     assert_eq!(dict.values().wait()?, ["*", "**", "***"]);
//!     Ok(())
//! }
//! ```
//!
//! # What is inside is a copy out here
//! What is asked for arrives as a copy. To change what lies within a value, get it, change it and insert it again:
//!
//! ```
//! # use actor_core::collections::Dict;
//! # use actor_core::prelude::*;
//! # fn main() -> actor_core::Result<()> {
//! let dict = Dict::from_iter([("primes".to_owned(), vec![2, 3, 5])]).spawn()?;
//! let mut primes = dict.get("primes".into()).wait()?.unwrap_or_default();
//! primes.push(7); // of the copy: nobody else sees it
//! assert_eq!(dict.get("primes".into()).wait()?, Some(vec![2, 3, 5]));
//! dict.insert("primes".into(), primes).wait()?; // now they do
//! assert_eq!(dict.get("primes".into()).wait()?, Some(vec![2, 3, 5, 7]));
//! # Ok(())
//! # }
//! ```
//!
//! Each message is handled as one: nobody sees half of an [`update`](DictCalls::update). Between two messages others
//! have their turn, so what gets, adds one and inserts loses counts as soon as two do it. Where that matters, write
//! an actor of your own, whose handler does it in one message: `examples/quickstart.rs` is one of thirty lines. Or
//! put a reference into the dictionary: an `ActorRef` or a [`Queue`](crate::queue::Queue) is a value like others,
//! and stands for the thing itself.
//!
//! # A queue needs no manager
//! [`Queue`](crate::queue::Queue) is shared memory and no process, whoever made it may be gone, and a handle to it can
//! be sent to anybody. So there is no other queue here.
//!
//! # When the actor dies
//! Its content dies with it: a call that it had in hand gives `CallError::Died` with the exit report, later ones
//! `CallError::NoProc`. Under a [`Supervisor`](crate::Supervisor) it begins anew with what it was defined with.
//!
//! A message has room for 16 MiB, and an answer for 64 MiB. What is larger goes in pieces: `get` instead of `items`.

mod dict;
mod list;
mod namespace;

pub use dict::{Dict, DictCalls};
pub use list::{List, ListCalls, OutOfRange, Unordered};
pub use namespace::{Namespace, NamespaceCalls, Value};
