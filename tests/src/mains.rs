//! What the programs with `#[actor_core::main]` do: a small tree, and an end of one kind or another.
//!
//! The programs differ in the shape of their `main` only; their argument says how it ends.

use std::fmt;

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

use crate::foreign;

/// Says when it is asked to stop.
#[derive(Actor, Serialize, Deserialize)]
pub struct Keeper {
    name: String,
    /// It does not stop when it is asked.
    is_deaf: bool,
}

impl Keeper {
    /// One that stops when it is asked.
    pub fn named(name: &str) -> Keeper {
        Keeper { name: name.into(), is_deaf: false }
    }
}

#[handlers]
impl Keeper {
    /// Twice the number.
    #[call]
    pub fn twice(&self, n: u32) -> u32 {
        2 * n
    }

    #[terminate]
    fn terminate(&mut self) {
        println!("stopping: {}", self.name);
        if self.is_deaf {
            foreign::sleep_in_c(1000);
        }
    }
}

/// A `main` that fails.
#[derive(Debug)]
pub struct Unlucky;

impl fmt::Display for Unlucky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the program's own")
    }
}

impl std::error::Error for Unlucky {}

/// How a `main` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It returns.
    Return,
    /// It returns an error, if it can.
    Error,
}

/// The tree of a program, and how it is to end.
pub struct Program {
    /// Started first, so stopped last.
    pub first: ActorRef<Keeper>,
    /// What the program ends with; all the others, that never return, are done by [`Program::end`].
    pub word: String,
}

impl Program {
    /// Starts two keepers under a supervisor that belongs to the node.
    ///
    /// # Panics
    /// They cannot be started.
    pub fn start() -> Program {
        let word = std::env::args().nth(1).unwrap_or_default();
        println!("main: {}", std::process::id());
        let keeper = |name: &str| Keeper { name: name.into(), is_deaf: word == "deaf" };
        let spec = |name: &str| ChildSpec { id: name.into(), ..ChildSpec::new(keeper(name)) };
        let mut app = Supervisor::builder();
        let first = app.child(spec("first")).expect("an actor can be made");
        app.child(spec("second")).expect("an actor can be made");
        // The tree is stopped with the program, whoever has the handle.
        app.start().expect("the actors start");
        Program { first, word }
    }

    /// Ends as the argument says, or says how to.
    ///
    /// # Panics
    /// If that is how it ends.
    pub fn end(self, answer: u32) -> End {
        println!("ready: {answer}");
        match self.word.as_str() {
            "return" => End::Return,
            "error" => End::Error,
            "panic" => panic!("a panic in main"),
            _ => loop {
                std::thread::park();
            },
        }
    }
}
