//! `kills [--kills N] [--seed S] [--round N]`: kills N processes of a full system at random moments.
//!
//! Ends with an error, and the line that repeats the run, when an invariant does not hold or too many of
//! the dead were idle. A second
//! run with the same seed chooses the same victims, and meets them at other instructions.

use std::error::Error;
use std::time::Instant;

use actor_core::testing::Snapshot;
use actor_tests::kills::{Hits, Outcome, Plan, run};

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan()?;
    let repeat = format!("kills --kills {} --seed {} --round {}", plan.kills, plan.seed, plan.kills_per_round);
    println!("{repeat}");
    let (before, begin) = (Snapshot::take(), Instant::now());
    match std::panic::catch_unwind(|| run(&plan)) {
        Err(_) => return Err(format!("an invariant does not hold; again with: {repeat}").into()),
        Ok(outcome) => {
            report(&outcome, begin);
            before.assert_no_leaks();
            if outcome.hits.percent() < Hits::PERCENT_MIN {
                return Err(format!(
                    "{} % is less than {} %; again with: {repeat}",
                    outcome.hits.percent(),
                    Hits::PERCENT_MIN
                )
                .into());
            }
        }
    }
    Ok(())
}

fn plan() -> Result<Plan, Box<dyn Error>> {
    use lexopt::prelude::*;
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos() as u64;
    let mut plan = Plan { kills: 10_000, kills_per_round: 200, seed };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        let word = match argument {
            Long("kills") => &mut plan.kills,
            Long("seed") => &mut plan.seed,
            Long("round") => &mut plan.kills_per_round,
            other => return Err(other.unexpected().into()),
        };
        *word = arguments.value()?.parse()?;
    }
    match plan.kills_per_round {
        0 => Err("a round has at least one kill".into()),
        _ => Ok(plan),
    }
}

fn report(outcome: &Outcome, begin: Instant) {
    let Outcome { kills, zygotes, hits, audit, recovery_max, rest_max } = outcome;
    let (version, profile) = (env!("CARGO_PKG_VERSION"), if cfg!(debug_assertions) { "debug" } else { "release" });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("version     {version}, {profile}, Linux {}", kernel.trim());
    println!("kills       {kills} in {:.1} s, and {zygotes} of the zygote", begin.elapsed().as_secs_f64());
    let Hits { writing, claimed, between, holding, other } = *hits;
    for (name, count) in
        [("writing", writing), ("claimed", claimed), ("between", between), ("holding", holding), ("other", other)]
    {
        println!("  {name:<9} {count:>9} {:<50}", "#".repeat((50 * count / (*kills).max(1)) as usize));
    }
    println!("hit         {} % of the kills hit a slot that was written or claimed, or between", hits.percent());
    println!("messages    {} sent, and {} by the dead unawares", audit.sent, audit.unknown);
    println!("deliveries  {}, of them again {}", audit.delivered, audit.again);
    println!("unwritten   {} deliveries and {} acknowledgements by the dead", audit.unwritten, audit.unsure);
    println!("lost 0, doubled 0, wedged 0, left behind 0, dead letters 0");
    println!("recovery    {recovery_max:?} at most, at rest after {rest_max:?} at most");
}
