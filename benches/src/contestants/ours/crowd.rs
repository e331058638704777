//! Actors that wait: many at once, and one that is started again.

use std::thread;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Waits, and says who it is.
#[derive(actor_core::Actor, Serialize, Deserialize)]
#[actor(capacity = 16)]
pub(crate) struct Idle;

#[handlers]
impl Idle {
    #[call]
    fn process(&mut self) -> u32 {
        std::process::id()
    }
}

/// Many of them, until this is dropped.
pub(crate) struct Crowd(Vec<ActorRef<Idle>>);

impl Crowd {
    /// Spawns from several threads, as an application that is in a hurry does.
    pub(crate) fn spawn(count: usize) -> Result<Crowd> {
        const THREADS: usize = 8;
        let spawn = |share: usize| (0..share).map(|_| Ok(Idle.spawn()?)).collect::<Result<Vec<_>>>();
        let share = |number| count / THREADS + usize::from(number < count % THREADS);
        let crowds: Vec<Result<Vec<_>>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || spawn(share(number)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread ended".into()))).collect()
        });
        Ok(Crowd(crowds.into_iter().collect::<Result<Vec<_>>>()?.concat()))
    }

    pub(crate) fn pids(&self) -> Result<Vec<u32>> {
        self.0.iter().map(|idle| Ok(idle.process().wait()?)).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // One that cannot be ended here ends with its node.
        self.0.iter().for_each(|idle| drop(idle.kill()));
    }
}

/// Kills an actor under a supervisor, and times how long it takes until the next life has handled a
/// message that was sent at once.
pub(crate) fn restarts(count: usize) -> Result<Vec<Duration>> {
    let intensity = Intensity { restarts: u32::MAX, period: Duration::from_secs(1) };
    let mut builder = Supervisor::builder().intensity(intensity);
    let idle = builder.child(Idle)?;
    let supervisor = builder.start()?;
    let mut pid = idle.process().wait()?;
    let mut samples = Vec::new();
    for _ in 0..count {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("it has a number")?;
        let start = Instant::now();
        kill_process(number, Signal::KILL)?;
        let next = idle.process().wait()?;
        samples.push(start.elapsed());
        if next == pid {
            return Err(Error::from("the dead one has replied"));
        }
        pid = next;
    }
    supervisor.stop()?;
    Ok(samples)
}
