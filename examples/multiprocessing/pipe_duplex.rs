//! Two processes that talk through a pipe, in both directions.
//!
//! `cargo run --example pipe_duplex` prints
//!
//! ```text
//! the child says: hello
//! the child says: 2 words
//! the child is done: the other end of the pipe is closed, and all that was sent has been received
//! ```

use actor_core::pipe::{self, PipeEnd};
use actor_core::process::Process;

/// Sends text and is sent text.
fn talk(end: PipeEnd<String, String>) {
    end.send("hello".into()).expect("somebody listens");
    while let Ok(text) = end.recv() {
        let words = text.split_whitespace().count();
        end.send(format!("{words} words")).expect("somebody listens");
        if words == 2 {
            break;
        }
    }
}

fn main() -> actor_core::Result<()> {
    let (here, there) = pipe::pipe::<String, String>()?;
    // The end moves: whoever sends it has it no longer.
    let child = Process::spawn(talk, there)?;
    println!("the child says: {}", here.recv()?);
    here.send("good morning".into())?;
    println!("the child says: {}", here.recv()?);
    if let Err(error) = here.recv() {
        println!("the child is done: {error}");
    }
    child.join()?;
    Ok(())
}
