//! Waiting in async code for whatever comes first: items of a queue, the end of a process, bytes in a
//! pipe, or the end of one's patience. Without a runtime and in tokio, which makes no difference.
//!
//! `cargo run --example async_select` prints
//!
//! ```text
//! without a runtime:
//!   number 1
//!   number 2
//!   number 3
//!   process `process-2` (pid 4711) died of signal 6 (SIGABRT)
//!   through the pipe: that was all
//! in tokio:
//!   number 1
//!   number 2
//!   number 3
//!   process `process-4` (pid 4712) died of signal 6 (SIGABRT)
//!   through the pipe: that was all
//! asked in vain, answered all the same: this is answer 2
//! joined at once: 42
//! ```

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::Queue;
use actor_core::wait;
use futures::future::{Either, FutureExt, select};
use futures::stream::StreamExt;
use futures::{executor, select_biased};
use serde::{Deserialize, Serialize};

/// Counts in a process of its own, and not for long.
fn count(numbers: Queue<u32>) {
    for number in 1..=3 {
        let _ = numbers.send(number);
    }
    std::process::abort();
}

// ANCHOR: listen
/// Tells what happens, as it happens.
async fn listen() -> actor_core::Result<()> {
    let queue = Queue::bounded(8)?;
    let counter = Process::spawn(count, queue.clone())?;
    // For whatever else there is in a program that has a descriptor: a socket, a terminal.
    let (reader, mut writer) = std::io::pipe()?;
    let mut lines = BufReader::new(&reader).lines();

    let mut numbers = queue.stream();
    let mut end = counter.join_async().fuse();
    let mut patience = wait::sleep(Duration::from_secs(60)).fuse();
    loop {
        select_biased! {
            number = numbers.select_next_some() => println!("  number {}", number?),
            ended = end => {
                let Err(error) = ended else { panic!("it does not come to its end") };
                println!("  {error}");
                writeln!(writer, "that was all")?;
            }
            ready = wait::readable(&reader).fuse() => {
                ready?;
                let line = lines.next().expect("there is something to read")?;
                println!("  through the pipe: {line}");
                return Ok(());
            }
            () = patience => panic!("nobody says anything"),
        }
    }
}
// ANCHOR_END: listen

// ANCHOR: handler
/// Asks others in its handlers.
#[derive(Actor, Serialize, Deserialize)]
struct Clerk;

#[handlers]
impl Clerk {
    /// Asks another one, but not for longer than it is worth.
    #[call]
    async fn ask(&mut self, other: ActorRef<Thinker>) -> Option<u32> {
        let answer = other.answer().into_future();
        match select(answer, wait::sleep(Duration::from_millis(50))).await {
            Either::Left((answer, _)) => answer.ok(),
            Either::Right(_) => None,
        }
    }
}
// ANCHOR_END: handler

/// Answers nobody before it was let go.
#[derive(Actor, Serialize, Deserialize)]
struct Thinker {
    gate: Queue<()>,
    answered: u32,
}

#[handlers]
impl Thinker {
    #[call]
    fn answer(&mut self) -> u32 {
        if self.answered == 0 {
            let _ = self.gate.recv();
        }
        self.answered += 1;
        self.answered
    }
}

// ANCHOR: main
fn main() -> actor_core::Result<()> {
    println!("without a runtime:");
    executor::block_on(listen())?;
    println!("in tokio:");
    tokio::runtime::Runtime::new()?.block_on(listen())?;
    // ANCHOR_END: main

    // ANCHOR: cancel
    let gate = Queue::bounded(1)?;
    let (clerk, thinker) = (Clerk.spawn()?, Thinker { gate: gate.clone(), answered: 0 }.spawn()?);
    assert_eq!(clerk.ask(thinker).wait()?, None);
    gate.send(())?;
    // The call of the clerk was given up, not taken back.
    println!("asked in vain, answered all the same: this is answer {}", thinker.answer().wait()?);
    // ANCHOR_END: cancel

    // ANCHOR: thread
    let doubling = Process::spawn(|number: u32| 2 * number, 21)?;
    let ready = wait::wait(&[&gate, &doubling, &thinker])?;
    assert_eq!(ready, [1], "the second of them");
    println!("joined at once: {}", doubling.join()?);
    // ANCHOR_END: thread
    Ok(())
}
