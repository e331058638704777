//! `fuzz TARGET [--runs N | --seconds N] [--seed S] [--from I] [--told]`: hostile input, as much as one likes.
//!
//! `fuzz TARGET --input HEX` uses one input, `fuzz samples` writes down those that the product itself would
//! write. Ends with an error, and the line that repeats it, when something does not hold.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actor_tests::counting::Counting;
use actor_tests::hostile::run::{Budget, Plan, again, bytes_of, keep_samples, run};
use actor_tests::hostile::{TARGETS, Target, target};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let mut plan = Plan { seed, from: 0, budget: Budget::Time(Duration::from_secs(10)), is_told: false };
    let (mut chosen, mut input, mut arguments) = (None, None, lexopt::Parser::from_env());
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(name) if name == "samples" => return Ok(keep_samples()?),
            Value(name) => chosen = Some(find(&name.string()?)?),
            Long("runs") => plan.budget = Budget::Runs(arguments.value()?.parse()?),
            Long("seconds") => plan.budget = Budget::Time(Duration::from_secs(arguments.value()?.parse()?)),
            Long("seed") => plan.seed = arguments.value()?.parse()?,
            Long("from") => plan.from = arguments.value()?.parse()?,
            Long("told") => plan.is_told = true,
            Long("input") => input = Some(bytes_of(&arguments.value()?.string()?).ok_or("digits are missing")?),
            other => return Err(other.unexpected().into()),
        }
    }
    let target = chosen.ok_or_else(usage)?;
    if let Some(input) = input {
        (target.body)(&input);
        return Ok(());
    }
    execute(target, plan)
}

fn find(name: &str) -> Result<Target, String> {
    target(name).ok_or_else(usage)
}

fn usage() -> String {
    let targets: Vec<String> = TARGETS.iter().map(|target| format!("  {:<9} {}", target.name, target.about)).collect();
    format!("fuzz TARGET [--runs N | --seconds N] [--seed S]\n{}", targets.join("\n"))
}

fn execute(target: Target, plan: Plan) -> Result<(), Box<dyn Error>> {
    println!("fuzz {} --seed {} --from {}", target.name, plan.seed, plan.from);
    let begin = Instant::now();
    match run(target, plan) {
        Ok(runs) => {
            let seconds = begin.elapsed().as_secs_f64();
            println!("{}: {runs} runs in {seconds:.1} s, {:.0} per second", target.name, runs as f64 / seconds);
            Ok(())
        }
        Err(found) => {
            let line = again(target, plan, found.number);
            println!("input: {}\n{}\nagain with: {line}", found.input, found.text);
            Err(line.into())
        }
    }
}
