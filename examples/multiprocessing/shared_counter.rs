//! A lock around a shared counter: whatever the processes do, the total is exact.
//!
//! `cargo run --example shared_counter` prints
//!
//! ```text
//! 4 processes have added 10000 each: 40000
//! ```

use actor_core::process::Process;
use actor_core::sync::Mutex;

fn add(counter: Mutex<u64>) {
    for _ in 0..10_000 {
        // Read, changed and written while nobody else does.
        *counter.lock().expect("nobody has died with it") += 1;
    }
}

fn main() -> actor_core::Result<()> {
    let counter = Mutex::new(0)?;
    let adders = [(); 4].map(|()| Process::spawn(add, counter.clone()));
    for adder in adders {
        adder?.join()?;
    }
    println!("4 processes have added 10000 each: {}", *counter.lock().expect("nobody has died with it"));
    Ok(())
}
