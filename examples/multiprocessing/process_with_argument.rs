//! A function in a process of its own, with an argument and a result.
//!
//! `cargo run --example process_with_argument` prints
//!
//! ```text
//! hello, bob
//! 3 letters
//! ```

// ANCHOR: all
use actor_core::process::Process;

fn greet(name: String) -> usize {
    println!("hello, {name}");
    name.len()
}

fn main() -> actor_core::Result<()> {
    let process = Process::spawn(greet, "bob".to_owned())?;
    println!("{} letters", process.join()?);
    Ok(())
}
// ANCHOR_END: all
