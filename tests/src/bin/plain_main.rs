//! A program like any other: a plain `main` that starts processes and waits for them.
//!
//! `plain_main [COUNT]` writes a line for each thing that happened, once it did.

use std::error::Error;

use actor_core::process::Process;

fn main() -> Result<(), Box<dyn Error>> {
    println!("main: {}", std::process::id());
    let count = std::env::args().nth(1).map_or(Ok(3), |count| count.parse())?;
    let numbers = 1..=count;
    let processes = numbers.map(|number| Process::spawn(square, number)).collect::<Result<Vec<_>, _>>()?;
    for process in &processes {
        let (pid, square) = process.join()?;
        println!("square: {square} by {pid}");
    }
    println!("spawned: {}", actor_core::node::counters()?.spawned);
    Ok(())
}

fn square(number: u64) -> (u32, u64) {
    (std::process::id(), number * number)
}
