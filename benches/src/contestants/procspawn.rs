//! `procspawn`: functions in processes, which are this program once more.

use std::fs::OpenOptions;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::time::Instant;

use procspawn::JoinHandle;

use crate::Result;
use crate::call::middle_and_bad;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place, for_a_thousand};
use crate::machine;

pub(crate) struct Procspawn;

impl Contestant for Procspawn {
    fn who(&self) -> &'static str {
        "procspawn"
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        matches!(case, Case::SpawnReady | Case::Spawn1000 | Case::KillToNextMessage | Case::IdleMemory)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let nursery = Nursery::new()?;
        match case {
            Case::SpawnReady => {
                let mut samples = Vec::new();
                for _ in 0..effort.spawns() {
                    let start = Instant::now();
                    let mut child = nursery.spawn()?;
                    samples.push(start.elapsed());
                    child.kill()?;
                }
                Outcome::of(middle_and_bad(samples))
            }
            Case::Spawn1000 => {
                let count = effort.thousand();
                let start = Instant::now();
                let children = nursery.spawn_many(count)?;
                let time = start.elapsed();
                kill(children)?;
                Outcome::of([for_a_thousand(time, count)])
            }
            Case::KillToNextMessage => Outcome::of(restart_by_hand(&nursery, effort)?),
            _ => {
                kill(nursery.spawn_many(4)?)?;
                let before = machine::available_kib()?;
                let children = nursery.spawn_many(effort.idle())?;
                let pids: Option<Vec<u32>> = children.iter().map(JoinHandle::pid).collect();
                let memory = machine::memory_of(&pids.ok_or("they have numbers")?, before)?;
                kill(children)?;
                Outcome::of(memory)
            }
        }
    }
}

/// It offers no supervision: this is what one would write.
fn restart_by_hand(nursery: &Nursery, effort: Effort) -> Result<[f64; 2]> {
    let mut child = nursery.spawn()?;
    let mut samples = Vec::new();
    for _ in 0..effort.spawns() {
        let start = Instant::now();
        child.kill()?;
        child = nursery.spawn()?;
        samples.push(start.elapsed());
    }
    child.kill()?;
    Ok(middle_and_bad(samples))
}

fn kill(children: Vec<JoinHandle<()>>) -> Result<()> {
    children.into_iter().try_for_each(|mut child| Ok(child.kill()?))
}

/// Where children say that they are there.
struct Nursery {
    words: PipeReader,
    theirs: PipeWriter,
}

impl Nursery {
    fn new() -> Result<Nursery> {
        let (words, theirs) = pipe()?;
        Ok(Nursery { words, theirs })
    }

    /// Returns when its function has said so.
    fn spawn(&self) -> Result<JoinHandle<()>> {
        let child = procspawn::spawn(self.place(), say_and_wait);
        (&self.words).read_exact(&mut [0])?;
        Ok(child)
    }

    /// It starts one after the other, but need not wait for the words in between.
    fn spawn_many(&self, count: usize) -> Result<Vec<JoinHandle<()>>> {
        let children = (0..count).map(|_| procspawn::spawn(self.place(), say_and_wait)).collect();
        (&self.words).read_exact(&mut vec![0; count])?;
        Ok(children)
    }

    fn place(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.theirs.as_raw_fd())
    }
}

fn say_and_wait(place: String) {
    let pipe = OpenOptions::new().write(true).open(place);
    if pipe.and_then(|mut pipe| pipe.write_all(b"r")).is_ok() {
        loop {
            std::thread::park();
        }
    }
}
