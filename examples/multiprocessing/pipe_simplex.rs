//! A pipe that goes one way: whoever has the one end sends, whoever has the other receives, until the end.
//!
//! `cargo run --example pipe_simplex` prints
//!
//! ```text
//! nothing to be received yet
//! 1
//! 2
//! 3
//! that was all
//! ```

use std::time::Duration;

use actor_core::pipe::{self, RecvError, Sender};
use actor_core::process::Process;

fn count(sender: Sender<u32>) {
    for number in 1..=3 {
        sender.send(number).expect("somebody listens");
    }
}

fn main() -> actor_core::Result<()> {
    let (receiver, sender) = pipe::simplex::<u32>()?;
    if !receiver.poll(Duration::from_millis(10)) {
        println!("nothing to be received yet");
    }
    let counter = Process::spawn(count, sender)?;
    loop {
        match receiver.recv() {
            Ok(number) => println!("{number}"),
            Err(RecvError::Eof) => break println!("that was all"),
            Err(error) => return Err(error.into()),
        }
    }
    counter.join()?;
    Ok(())
}
