//! Processes that wait for each other: for a sign, and for all to have come.
//!
//! `cargo run --example event_and_barrier` prints
//!
//! ```text
//! before the sign 0 are at the door
//! all 3 have passed it, 1 of them as the one to open it
//! ```

use actor_core::process::Process;
use actor_core::sync::{Barrier, Event};

/// Whether this one has opened the door.
fn come((sign, door): (Event, Barrier)) -> bool {
    sign.wait().expect("there will be one");
    door.wait().expect("all are well").is_leader
}

fn main() -> actor_core::Result<()> {
    let (sign, door) = (Event::new()?, Barrier::new(3)?);
    let guests = [(); 3].map(|()| Process::spawn(come, (sign.clone(), door.clone())));
    println!("before the sign {} are at the door", door.waiting());
    sign.set();
    let mut openers = 0;
    for guest in guests {
        openers += u32::from(guest?.join()?);
    }
    println!("all 3 have passed it, {openers} of them as the one to open it");
    Ok(())
}
