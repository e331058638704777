//! Compares `actor-core` with other ways in which processes, and actors within one, talk.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin peers -- [--quick] [--json]
//! [--rounds N] [--only CASE]...`. Every case runs round by round, and in every round all who take
//! part in turn, each in a process of its own: what disturbs the machine disturbs all of them. The
//! table has the median of the rounds, the extremes, and how far we are ahead. Run it on a quiet
//! machine.
//!
//! This file reads the command line and nothing else.

mod call;
mod case;
mod contestant;
mod contestants;
mod cpu;
mod flow;
mod machine;
mod message;
mod report;
mod rounds;
mod transport;
mod worker;

use std::process::ExitCode;

use case::Case;
use contestant::Effort;
use rounds::Plan;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    // In a process that procspawn has started, this does not return.
    procspawn::init();
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Vec<String>) -> Result<ExitCode> {
    match args.first().map(String::as_str) {
        // The two forms in which this program runs itself.
        Some(rounds::MEASURE) => rounds::measure(&args[1..]).map(|()| ExitCode::SUCCESS),
        Some(worker::WORK) => worker::work(&args[1..]).map(|()| ExitCode::SUCCESS),
        _ => rounds::run(&plan(args)?),
    }
}

fn plan(args: Vec<String>) -> Result<Plan> {
    let mut plan = Plan { effort: Effort::Full, rounds: None, json: false, only: Vec::new() };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => plan.effort = Effort::Quick,
            "--json" => plan.json = true,
            "--rounds" => {
                plan.rounds = Some(args.next().and_then(|n| n.parse().ok()).ok_or("--rounds takes a number")?)
            }
            "--only" => plan.only.push(only(args.next())?),
            _ => return Err(format!("{arg}: {USAGE}").into()),
        }
    }
    Ok(plan)
}

const USAGE: &str = "the arguments are [--quick] [--json] [--rounds N] [--only CASE]...";

fn only(id: Option<String>) -> Result<Case> {
    let known = || Case::ALL.map(Case::id).join(", ");
    let case = id.and_then(|id| Case::ALL.into_iter().find(|case| case.id() == id));
    case.ok_or_else(|| format!("--only takes one of {}", known()).into())
}
