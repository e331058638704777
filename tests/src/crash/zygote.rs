//! The zygote is killed, or stopped for a while, while processes are being started.
//!
//! Every request to start one is answered, what was started works and is waited for, and an actor that
//! lives meanwhile does not notice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::testing::Snapshot;
use rustix::process::Signal;

use super::signals::signal_if;
use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::chance::Chance;
use crate::watch::{bound, wait_for, zygote_of};

/// A run is a zygote.
pub(super) const MODE: Mode = Mode {
    name: "zygote",
    about: "the zygote while it starts processes; a run is a zygote",
    run,
    usual: Budget::Runs(500),
};

/// The time from one death to the next, at most.
const PAUSE: Duration = Duration::from_millis(4);
/// What is longer than this is not slow but wedged.
const WEDGED: Duration = Duration::from_secs(10);
/// Threads that start processes.
const STARTERS: u32 = 2;

/// Counts for as long as it lives.
#[derive(Actor, serde::Serialize, serde::Deserialize)]
struct Witness {
    calls: u64,
}

#[handlers]
impl Witness {
    #[call]
    fn next(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }
}

#[derive(Default)]
struct Starts {
    done: AtomicU64,
    refused: AtomicU64,
    is_over: AtomicBool,
}

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    let before = Snapshot::take();
    let starts = Starts::default();
    let witness = Witness { calls: 0 }.spawn().expect("an actor can be started");
    let result = thread::scope(|scope| {
        let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(|| start_on(&starts))).collect();
        let killed = kill_on(plan, tally, witness);
        starts.is_over.store(true, Relaxed);
        let started = starters.into_iter().map(|starter| starter.join().expect("a fault is no panic"));
        started.fold(killed, Result::and)
    });
    let (done, refused) = (starts.done.into_inner(), starts.refused.into_inner());
    tally.remarks.push(format!("starts      {done}, and {refused} that were refused"));
    result?;
    witness.stop().expect("an actor can be stopped");
    let leaks = before.leaks();
    Kind::Orphan.unless(leaks.is_empty(), || leaks.join(", "))
}

fn kill_on(plan: &Plan, tally: &mut Tally, witness: ActorRef<Witness>) -> Result<(), Fault> {
    let mut chance = Chance::new(plan.seed);
    let mut calls = 0;
    while plan.goes_on(tally) {
        chance.pause(PAUSE);
        let Some(zygote) = wait_for(WEDGED, || zygote_of(std::process::id())) else {
            return Err(Kind::Wedged.fault("there is no zygote any more"));
        };
        let signal = |signal| signal_if(zygote.pid, signal, |seen| seen.title == zygote.title);
        if chance.once_in(4) {
            signal(Signal::STOP);
            chance.pause(PAUSE);
        }
        if chance.once_in(8) {
            signal(Signal::CONT);
            continue;
        }
        let begin = Instant::now();
        if !signal(Signal::KILL) {
            continue;
        }
        tally.kills += 1;
        // Each answered request is another chance; one of them has to be granted.
        let works = wait_for(WEDGED, || start(7).transpose());
        works.unwrap_or_else(|| Err(Kind::Wedged.fault("no process can be started any more")))?;
        tally.recovered_within(begin.elapsed());
        calls += 1;
        let answer = witness.next().timeout(bound(WEDGED)).wait();
        Kind::Lost.unless(answer.as_ref().is_ok_and(|answer| *answer == calls), || {
            format!("the actor answers {answer:?}, not {calls}")
        })?;
        tally.runs += 1;
    }
    Ok(())
}

fn start_on(starts: &Starts) -> Result<(), Fault> {
    let mut number = 0;
    while !starts.is_over.load(Relaxed) {
        number += 1;
        match start(number)? {
            Some(()) => starts.done.fetch_add(1, Relaxed),
            None => starts.refused.fetch_add(1, Relaxed),
        };
    }
    Ok(())
}

/// Starts a process and waits for what it gives. `None`: it was refused, as the zygote was dead.
fn start(number: u32) -> Result<Option<()>, Fault> {
    let begin = Instant::now();
    let spawned = Process::spawn(|number: u32| 2 * number, number);
    let took = begin.elapsed();
    Kind::Wedged.unless(took < bound(WEDGED), || format!("a request was answered after {took:?}"))?;
    let Ok(process) = spawned else { return Ok(None) };
    match process.join_timeout(bound(WEDGED)) {
        Ok(result) if result == 2 * number => Ok(Some(())),
        Ok(result) => Err(Kind::Torn.fault(format!("twice {number} is {result}"))),
        Err(error) => Err(Kind::Lost.fault(format!("a process that was started: {error}"))),
    }
}
