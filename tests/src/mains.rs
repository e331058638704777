//! What the programs with `#[actor_core::main]` do: a small tree, and an end of one kind or another.
//!
//! The programs differ in the shape of their `main` only; their argument says how it ends.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

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
        // Where nobody reads the one, somebody may read the other.
        if writeln!(std::io::stdout(), "stopping: {}", self.name).is_err() {
            eprintln!("stopping: {}", self.name);
        }
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
            "exit" => std::process::exit(CODE),
            "exit-in-c" => foreign::exit(CODE),
            "exit-elsewhere" => {
                thread::spawn(|| std::process::exit(CODE));
                stay()
            }
            "abort" => foreign::abort(),
            "segfault" => foreign::segfault(),
            "exit-now" => foreign::exit_now(CODE),
            "exit-quickly" => foreign::exit_quickly(CODE),
            "panic-elsewhere" => {
                thread::spawn(|| panic!("a panic elsewhere")).join().expect_err("it panics");
                self.goes_on()
            }
            "fork" => {
                foreign::fork_and_exit(CODE);
                self.goes_on()
            }
            "println" => {
                wait_for_a_sign();
                // Whoever is being started elsewhere has a copy of the reader's end until its `exec`.
                loop {
                    println!("nobody reads this");
                }
            }
            "exec" => {
                wait_for_a_sign();
                let error = Command::new("sh").args(["-c", "echo executed: $$; exec sleep 1000"]).exec();
                panic!("there is a shell: {error}")
            }
            _ => stay(),
        }
    }

    /// Returns, and shows before that its actors are there.
    fn goes_on(&self) -> End {
        let answer = self.first.twice(4).wait();
        println!("goes on: {answer:?}");
        End::Return
    }
}

/// What a program exits with that says so itself.
pub const CODE: i32 = 7;

fn stay() -> ! {
    loop {
        thread::park();
    }
}

/// The end of stdin is the sign.
fn wait_for_a_sign() {
    std::io::stdin().read_to_end(&mut Vec::new()).expect("stdin can be read");
}
