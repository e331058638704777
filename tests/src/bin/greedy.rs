//! A node with a process and an actor that take more memory than there is, and a process that does
//! not.

use std::error::Error;

use actor_core::Intensity;
use actor_core::prelude::*;
use actor_core::process::{JoinError, Process};
use actor_core::queue::{Close, Queue};
use serde::{Deserialize, Serialize};

/// More than the test lets it have, and little enough for a machine that does not stop it.
const BYTES: usize = 512 << 20;

/// Eats what it is given, and has had enough the next time.
#[derive(Actor, Serialize, Deserialize)]
struct Eater;

#[handlers]
impl Eater {
    #[call(on_crash = "redeliver(2)")]
    fn eat(&self, bytes: usize, context: &mut Context<Self>) -> usize {
        match context.is_redelivered() {
            true => 0,
            false => eat(bytes),
        }
    }

    #[call]
    fn overeat(&self, bytes: usize) -> usize {
        eat(bytes)
    }
}

fn eat(bytes: usize) -> usize {
    vec![1_u8; bytes].iter().map(|byte| usize::from(*byte)).sum()
}

fn main() -> Result<(), Box<dyn Error>> {
    let queue = Queue::<u32>::bounded(1)?;
    let modest = Process::spawn(|queue: Queue<u32>| queue.recv().unwrap_or_default(), queue.clone())?;
    let greedy = Process::spawn(eat, BYTES)?;
    let ended: Result<usize, JoinError> = greedy.join();
    println!("greedy: {ended:?}");
    // And a kill by somebody else is not one for memory.
    let pid = rustix::process::Pid::from_raw(modest.pid().try_into()?).ok_or("a process has a number")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
    println!("modest: {:?}", modest.join());
    queue.close(Close::Now);
    let mut app = Supervisor::builder().intensity(Intensity { restarts: 10, ..Intensity::default() });
    let eater = app.child(Eater)?;
    let app = app.start()?;
    println!("overeaten: {:?}", eater.overeat(BYTES).wait());
    println!("eaten: {:?}, life {:?}", eater.eat(BYTES).wait(), eater.incarnation().map(|it| it.life()));
    app.stop()?;
    Ok(())
}
