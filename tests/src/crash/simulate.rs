//! The pure core of supervision in made-up worlds, one for each seed.
//!
//! Nobody is killed here: the worlds are in memory, and a million of them take a minute. A failing
//! schedule is made as short as it can be, and its history is the text of the fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use actor_core::testing::simulation::{Passed, Schedule};

use super::{Budget, Fault, Kind, Mode, Plan, Tally};

/// A run is a seed.
pub(super) const MODE: Mode = Mode {
    name: "simulate",
    about: "the rules of supervision in made-up worlds; a run is a world",
    run,
    usual: Budget::Runs(1_000_000),
};

/// Worlds between two looks at the clock.
const BATCH: u64 = 1000;

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    if let Some(number) = &plan.only {
        let number: u64 = number.parse().expect("the part of this mode is the number of a world");
        let once = Plan::new(Budget::Runs(1), plan.seed.wrapping_add(number));
        return run(&once, tally).map_err(|fault| fault.only(number));
    }
    let (next, done, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let (passed, failed) = (Mutex::new(Passed::default()), Mutex::new(None::<u64>));
    let goes_on = |runs: u64| {
        let mut so_far = tally.clone();
        so_far.runs = runs;
        !is_over.load(Relaxed) && plan.goes_on(&so_far)
    };
    let work = || {
        let mut sum = Passed::default();
        while goes_on(next.load(Relaxed)) {
            let begin = next.fetch_add(BATCH, Relaxed);
            for number in begin..end(plan, begin) {
                let seed = plan.seed.wrapping_add(number);
                match outcome(&Schedule::new(seed)) {
                    Ok(passed) => sum += passed,
                    Err(_) => {
                        let mut failed = failed.lock().expect("nobody panics with it");
                        // The first one, whoever is faster.
                        *failed = Some(failed.map_or(number, |other| other.min(number)));
                        is_over.store(true, Relaxed);
                        return;
                    }
                }
                done.fetch_add(1, Relaxed);
            }
        }
        *passed.lock().expect("nobody panics with it") += sum;
    };
    let hook = std::panic::take_hook();
    // A panic of the core is one of the things that are looked for.
    std::panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("nobody panics with it");
    let fault = failed.map(|number| fault(plan.seed.wrapping_add(number)).only(number));
    std::panic::set_hook(hook);
    tally.runs = done.into_inner();
    let Passed { events, starts, failed_forks, late, lost, doubled, jumps } =
        passed.into_inner().expect("nobody panics with it");
    tally.remarks.push(format!("events      {events}, {starts} starts, {failed_forks} failed forks"));
    tally.remarks.push(format!("news        {late} late, of them {lost} when looked for; {doubled} doubled"));
    tally.remarks.push(format!("clock       {jumps} jumps"));
    fault.map_or(Ok(()), Err)
}

/// Where the batch that begins here ends.
fn end(plan: &Plan, begin: u64) -> u64 {
    match plan.budget {
        Budget::Runs(runs) => runs.min(begin + BATCH),
        Budget::Time(_) => begin + BATCH,
    }
}

fn outcome(schedule: &Schedule) -> Result<Passed, String> {
    catch_unwind(AssertUnwindSafe(|| schedule.run())).unwrap_or_else(|_| Err("it panics".into()))
}

/// What is wrong in the world of a seed, with as little as possible of what happens there.
fn fault(seed: u64) -> Fault {
    let shrunk = Schedule::new(seed).shrunk(|schedule| outcome(schedule).is_err());
    let why = outcome(&shrunk).err().unwrap_or_default();
    let history = shrunk.history().join("\n    ");
    Kind::Wedged.fault(format!("the world of the seed {seed}: {why}\n    {history}\nthat was"))
}
