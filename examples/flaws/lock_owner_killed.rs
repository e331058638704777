//! The owner of a lock is killed: the next one is told who it was, looks at the data, and goes on.
//!
//! Elsewhere the lock is held by nobody for ever, and so is everybody who waits for it.
//!
//! `cargo run --example lock_owner_killed` prints
//!
//! ```text
//! `process-1` (pid 4711) died of signal 9 (SIGKILL), with the lock
//! the balance is as it was before: 100
//! repaired, and the lock goes on: 101
//! ```

use actor_core::process::Process;
use actor_core::sync::{LockError, Mutex};
use rustix::process::{Signal, getpid, kill_process};

/// Dies with the lock in its hand, in the middle of a change.
fn take_and_die(balance: Mutex<i64>) {
    let mut balance = balance.lock().expect("it is free");
    *balance -= 50;
    kill_process(getpid(), Signal::KILL).expect("one may kill oneself");
}

fn main() -> actor_core::Result<()> {
    let balance = Mutex::new(100)?;
    Process::spawn(take_and_die, balance.clone())?.join().expect_err("it was killed");
    // ANCHOR: next
    match balance.lock() {
        Err(LockError::OwnerDied(died)) => {
            if let Some(report) = died.report() {
                println!("{report}, with the lock");
            }
            let mut guard = died.into_guard();
            println!("the balance is as it was before: {}", *guard);
            *guard += 1;
        }
        other => panic!("{other:?}"),
    }
    println!("repaired, and the lock goes on: {}", *balance.lock().expect("nobody else has died"));
    // ANCHOR_END: next
    Ok(())
}
