//! A program whose `main` is linked to a process, with an actor beside it.
//!
//! `linked_main END`: how the process ends, and whether `main` traps that.

use actor_core::link::{Exits, link, trap_exit};
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::Queue;
use actor_tests::foreign;
use actor_tests::mains::Keeper;

fn end(turn: Queue<bool>) {
    if turn.recv().expect("main is there") {
        foreign::segfault();
    }
}

fn main() -> actor_core::Result<()> {
    let word = std::env::args().nth(1).unwrap_or_default();
    let exits: Option<Exits> = if word == "trapped" { Some(trap_exit()?) } else { None };
    let _keeper = Keeper::named("keeper").spawn()?;
    let turn = Queue::bounded(1)?;
    let process = Process::spawn(end, turn.clone())?;
    link(&process)?;
    turn.send(word != "normal")?;
    match (word.as_str(), exits) {
        ("trapped", Some(exits)) => println!("main was told: {}", exits.recv().reason),
        ("normal", _) => {
            process.join()?;
            println!("main goes on");
        }
        _ => loop {
            std::thread::park();
        },
    }
    Ok(())
}
