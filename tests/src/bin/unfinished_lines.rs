//! A program that prints without ending its lines, before it starts processes and in them.
//!
//! What waits in a buffer for the end of its line must be written once, by whoever has printed it.

use std::error::Error;

use actor_core::process::Process;

fn main() -> Result<(), Box<dyn Error>> {
    print!("[by main]");
    Process::spawn(|()| print!("[who returns]"), ())?.join()?;
    let exits = Process::spawn(
        |()| {
            print!("[who exits]");
            std::process::exit(3);
        },
        (),
    )?;
    let ended: Result<(), _> = exits.join();
    print!("[{}]", if ended.is_err() { "it exited" } else { "it returned" });
    Ok(())
}
