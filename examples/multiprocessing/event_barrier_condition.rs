//! Processes that wait for each other: for a sign, for all to have come, and for something to be so.
//!
//! `cargo run --example event_barrier_condition` prints
//!
//! ```text
//! before the sign 0 are at the door
//! all 3 have passed it, 1 of them as the one to open it
//! the table is laid for 3
//! ```

use actor_core::process::Process;
use actor_core::sync::{Barrier, Condition, Event, Mutex};

type Meeting = (Event, Barrier, Mutex<u32>, Condition);

/// Whether this one has opened the door.
fn come((sign, door, plates, laid): Meeting) -> bool {
    sign.wait().expect("there will be one");
    let passed = door.wait().expect("all are well");
    *plates.lock().expect("all are well") += 1;
    laid.notify_one();
    passed.is_leader
}

fn main() -> actor_core::Result<()> {
    let (sign, door) = (Event::new()?, Barrier::new(3)?);
    let (plates, laid) = (Mutex::new(0)?, Condition::new()?);
    let guests = [(); 3].map(|()| Process::spawn(come, (sign.clone(), door.clone(), plates.clone(), laid.clone())));
    println!("before the sign {} are at the door", door.waiting());
    sign.set();

    // Gives the lock up while it waits, and has it again when it is so.
    let held = plates.lock().expect("all are well");
    let count = *laid.wait_while(held, |plates| *plates < 3).expect("all are well");
    let mut openers = 0;
    for guest in guests {
        openers += u32::from(guest?.join()?);
    }
    println!("all 3 have passed it, {openers} of them as the one to open it");
    println!("the table is laid for {count}");
    Ok(())
}
