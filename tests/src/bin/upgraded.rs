//! A program whose file is replaced while it runs, before it starts its first process.

use std::error::Error;
use std::io::Read;

use actor_core::process::Process;

fn main() -> Result<(), Box<dyn Error>> {
    println!("ready: {}", std::process::id());
    // The end of stdin is the sign to go on.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let process = Process::spawn(|build: String| format!("from {build}"), "the build that was started".to_owned())?;
    println!("answer: {}", process.join()?);
    Ok(())
}
