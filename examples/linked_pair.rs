//! Actors that belong together: one that ends with the other, and one that would rather know.
//!
//! `cargo run --example linked_pair` prints
//!
//! ```text
//! `Import` (pid 4711) died of signal 11 (SIGSEGV), through its link to actor <4.1>
//! the office goes on: a parser died of signal 11 (SIGSEGV)
//! 3 lines by the next one
//! ```

use actor_core::prelude::*;
use actor_core::{ExitSignal, Failure};
use serde::{Deserialize, Serialize};

/// Calls what may crash.
#[derive(Actor, Serialize, Deserialize)]
struct Parser;

#[handlers]
impl Parser {
    /// The number of lines.
    #[call]
    fn parse(&mut self, text: String) -> usize {
        if text.contains("\0") {
            // What a bad pointer in a C library does to the process it is in.
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::SEGV).unwrap();
        }
        text.lines().count()
    }
}

// ANCHOR: linked
/// Cannot go on without its parser.
#[derive(Actor, Serialize, Deserialize)]
struct Import;

#[handlers]
impl Import {
    #[call]
    fn parser(&mut self, context: &mut Context<Self>) -> Result<ActorRef<Parser>, Failure> {
        context.spawn(Parser).map_err(Failure::new)
    }
}
// ANCHOR_END: linked

// ANCHOR: trapping
/// Has another parser when one is gone.
#[derive(Actor, Serialize, Deserialize)]
struct Office {
    parser: Option<ActorRef<Parser>>,
}

#[handlers]
impl Office {
    #[call]
    fn parser(&mut self, context: &mut Context<Self>) -> Result<ActorRef<Parser>, Failure> {
        context.trap_exit();
        match self.parser {
            Some(parser) => Ok(parser),
            None => Ok(*self.parser.insert(context.spawn(Parser).map_err(Failure::new)?)),
        }
    }

    #[info]
    fn gone(&mut self, exit: ExitSignal) {
        println!("the office goes on: a parser {}", exit.reason);
        self.parser = None;
    }
}
// ANCHOR_END: trapping

fn main() -> actor_core::Result<()> {
    // ANCHOR: end
    let import = Import.spawn()?;
    let end = import.monitor()?;
    let parser = import.parser().wait()?;
    parser.parse("\0".into()).wait().expect_err("it dies of it");
    println!("{}", end.wait().report);
    // ANCHOR_END: end

    let office = Office { parser: None }.spawn()?;
    let first = office.parser().wait()?;
    first.parse("\0".into()).wait().expect_err("it dies of it");
    let mut parser = office.parser().wait()?;
    while parser == first {
        // The office has not been told yet.
        parser = office.parser().wait()?;
    }
    println!("{} lines by the next one", parser.parse("a\nb\nc".into()).wait()?);
    // Before its parser, of whose end it would tell.
    office.stop()?;
    Ok(())
}
