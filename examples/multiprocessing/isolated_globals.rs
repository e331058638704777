//! What a process changes is its own: a global variable of the parent stays as it was.
//!
//! `cargo run --example isolated_globals` prints
//!
//! ```text
//! the child begins with 0
//! the child has 10
//! the parent still has 1
//! what came back is 10
//! ```

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use actor_core::process::Process;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Begins with the variable as the program has it, and not as the parent has it at the moment.
fn add(n: u32) -> u32 {
    println!("the child begins with {}", COUNT.load(Relaxed));
    COUNT.fetch_add(n, Relaxed);
    println!("the child has {}", COUNT.load(Relaxed));
    COUNT.load(Relaxed)
}

fn main() -> actor_core::Result<()> {
    COUNT.store(1, Relaxed);
    let returned = Process::spawn(add, 10)?.join()?;
    println!("the parent still has {}", COUNT.load(Relaxed));
    println!("what came back is {returned}");
    Ok(())
}
