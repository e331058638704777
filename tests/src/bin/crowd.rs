//! A node that may have so many processes and no more, as the system sees it.
//!
//! `crowd MAX` limits its own user, starts processes until there is no room, and then makes room.

use std::error::Error;
use std::time::Duration;

use actor_core::process::{Process, SpawnError};
use actor_tests::{foreign, watch};
use rustix::process::{Resource, Rlimit};

fn main() -> Result<(), Box<dyn Error>> {
    let max = std::env::args().nth(1).ok_or("usage: crowd MAX")?.parse()?;
    rustix::process::setrlimit(Resource::Nproc, Rlimit { current: Some(max), maximum: Some(max) })?;
    let mut crowd = Vec::new();
    let refused = loop {
        match Process::spawn(foreign::sleep_in_c, 1000) {
            Ok(process) => crowd.push(process),
            Err(error) => break error,
        }
    };
    println!("crowd: {}", crowd.len());
    println!("refused: {refused}");
    assert!(matches!(refused, SpawnError::System { .. }), "{refused:?}");
    assert!(crowd.iter().all(Process::is_alive), "nobody is harmed by those who find no room");
    assert!(Process::spawn(foreign::sleep_in_c, 1000).is_err(), "there is still no room");
    // With room again, others come.
    crowd.pop().ok_or("there is a crowd")?.stop(Duration::ZERO)?;
    let spawned = watch::wait_for(Duration::from_secs(10), || Process::spawn(|()| 5, ()).ok());
    println!("later: {}", spawned.ok_or("there is room")?.join()?);
    Ok(())
}
