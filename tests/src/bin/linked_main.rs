//! A program whose `main` is linked to a process, with an actor beside it.
//!
//! `linked_main END`: how the process ends, and whether `main` traps that; or `pair`, for two actors that
//! are linked and take their time when the program ends.

use actor_core::Peer;
use actor_core::link::{Exits, LinkError, link, trap_exit};
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::Queue;
use actor_tests::foreign;
use actor_tests::mains::Keeper;

/// Is in no hurry to end, but for the first one.
#[derive(Actor)]
struct Slow {
    seconds: u32,
}

#[handlers]
impl Slow {
    #[init]
    fn new(seconds: u32, other: Option<Peer>, context: &mut Context<Self>) -> Result<Slow, LinkError> {
        other.map_or(Ok(()), |other| context.link(other))?;
        Ok(Slow { seconds })
    }

    #[terminate]
    fn terminate(&mut self, reason: &ExitReason) {
        foreign::sleep_in_c(self.seconds);
        println!("stopping: {reason}");
    }
}

/// Two of them, of which the first has ended long before the other.
fn pair() -> actor_core::Result<()> {
    let first = Slow::define((0, None)).spawn()?;
    let life = first.incarnation().expect("it is up");
    Slow::define((1, Some(life.into()))).spawn()?;
    Ok(())
}

fn end(turn: Queue<bool>) {
    if turn.recv().expect("main is there") {
        foreign::segfault();
    }
}

fn main() -> actor_core::Result<()> {
    let word = std::env::args().nth(1).unwrap_or_default();
    if word == "pair" {
        return pair();
    }
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
