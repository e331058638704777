//! `crash MODE [--seconds N | --runs N] [--seed S] [--json]`: kills, and looks what has become of the rest.
//!
//! Exit code 1: something is wrong, and for each thing there is a line that shows it again. Exit code 2:
//! the command line cannot be understood. A second run with the same seed chooses the same victims; where
//! their death is a matter of time it meets them at other instructions.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actor_tests::crash::controls::{self, Verdict};
use actor_tests::crash::{Budget, Fault, Kind, MODES, Mode, Plan, Tally, steps};

const USAGE: &str = "crash MODE [--seconds N | --runs N] [--seed S] [--only PART] [--json]
                  [--totals FILE] [--covered FILE] [--faults N]

  --seconds N    goes on for so long
  --runs N       goes on for so many runs
  --seed S       decides what is left to chance; a fresh one is printed
  --only PART    does this part alone, as a fault of the mode has named it
  --json         prints one object per mode
  --totals FILE  appends seed and object to a file, for adding up
  --covered FILE goes on where the last run of `steps` with this seed and this file has ended
  --faults N     ends after so many faults, where a mode looks for more than one

Modes:
  all            one after the other, each in a process of its own and for the same part of the time
  controls       whether planted bugs are found, all of them or --runs N; builds a program of its own";

/// What the command line asks for.
#[derive(Default)]
struct Wanted {
    mode: String,
    budget: Option<Budget>,
    seed: u64,
    only: Option<String>,
    json: bool,
    totals: Option<PathBuf>,
    covered: Option<PathBuf>,
    faults_max: Option<usize>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What the modes kill is this program once more.
    if let [busy, kind, count, end] = &arguments[..]
        && busy == actor_tests::crash::BUSY
    {
        let count = count.parse().expect("a number of processes");
        return match actor_tests::busy::main(kind, count, end) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(1)
            }
        };
    }
    let wanted = match wanted() {
        Ok(Some(wanted)) => wanted,
        Ok(None) => {
            println!("{}", usage());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("crash: {error}\n\n{}", usage());
            return ExitCode::from(2);
        }
    };
    let is_well = match MODES.iter().find(|mode| mode.name == wanted.mode) {
        Some(mode) => run(mode, &wanted),
        None if wanted.mode == "controls" => find_planted_bugs(&wanted),
        None => run_all(&wanted),
    };
    match is_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("crash {}: {error}", wanted.mode);
            ExitCode::from(1)
        }
    }
}

fn usage() -> String {
    let modes = MODES.iter().map(|mode| format!("\n  {:<14} {}", mode.name, mode.about));
    format!("{USAGE}{}", modes.collect::<String>())
}

/// `None`: somebody asks for help.
fn wanted() -> Result<Option<Wanted>, Box<dyn Error>> {
    use lexopt::prelude::*;
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let mut wanted = Wanted { seed, ..Wanted::default() };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(mode) if wanted.mode.is_empty() => wanted.mode = mode.string()?,
            Long("seconds") | Long("runs") if wanted.budget.is_some() => {
                return Err("one of --seconds and --runs, once".into());
            }
            Long("seconds") => {
                let seconds = Duration::try_from_secs_f64(arguments.value()?.parse()?)?;
                wanted.budget = Some(Budget::Time(seconds));
            }
            Long("runs") => wanted.budget = Some(Budget::Runs(arguments.value()?.parse()?)),
            Long("seed") => wanted.seed = arguments.value()?.parse()?,
            Long("only") => wanted.only = Some(arguments.value()?.string()?),
            Long("json") => wanted.json = true,
            Long("totals") => wanted.totals = Some(arguments.value()?.into()),
            Long("covered") => wanted.covered = Some(arguments.value()?.into()),
            Long("faults") => wanted.faults_max = Some(arguments.value()?.parse::<NonZero<usize>>()?.get()),
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    match wanted.mode.as_str() {
        mode if wanted.covered.is_some() && mode != steps::MODE.name => {
            Err("only `steps` knows what there is to be covered".into())
        }
        "" => Err("which mode?".into()),
        "controls" if matches!(wanted.budget, Some(Budget::Time(_))) || wanted.only.is_some() => {
            Err("planted bugs are counted: --runs".into())
        }
        "all" if matches!(wanted.budget, Some(Budget::Runs(_))) || wanted.only.is_some() => {
            Err("a run is something else in each mode: all of them have --seconds".into())
        }
        mode if mode == "all" || mode == "controls" || MODES.iter().any(|known| known.name == mode) => Ok(Some(wanted)),
        mode => Err(format!("there is no mode `{mode}`").into()),
    }
}

/// False: something is wrong, and was printed.
fn run(mode: &Mode, wanted: &Wanted) -> Result<bool, Box<dyn Error>> {
    let all = Plan::new(wanted.budget.unwrap_or(mode.usual), wanted.seed);
    let faults_max = wanted.faults_max.unwrap_or(all.faults_max);
    let plan = Plan { only: wanted.only.clone(), covered: wanted.covered.clone(), faults_max, ..all };
    eprintln!("{}", plan.again(mode.name, None));
    let mut tally = Tally::new(mode.name);
    let result = catch_unwind(AssertUnwindSafe(|| (mode.run)(&plan, &mut tally)));
    match result {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tally.note(fault),
        // What the harness did not expect to be possible: somebody does what he should not.
        Err(panic) => tally.note(fault_of(panic.as_ref())),
    }
    println!("{}", if wanted.json { tally.json() } else { heading() + &tally.text() });
    for fault in tally.faults() {
        eprintln!("{fault}; again with: {}", plan.again(mode.name, fault.only.as_deref()));
    }
    if let Some(path) = &wanted.totals {
        let line = format!("{{\"seed\":{},\"tally\":{}}}\n", plan.seed, tally.json());
        File::options().create(true).append(true).open(path)?.write_all(line.as_bytes())?;
    }
    Ok(tally.faults().is_empty())
}

fn fault_of(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("a panic without a text");
    Fault::in_text(text).unwrap_or_else(|| Kind::Wedged.fault(text))
}

fn heading() -> String {
    let (version, profile) = (env!("CARGO_PKG_VERSION"), if cfg!(debug_assertions) { "debug" } else { "release" });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("version     {version}, {profile}, Linux {}\n", kernel.trim())
}

/// False: one was not found.
fn find_planted_bugs(wanted: &Wanted) -> Result<bool, Box<dyn Error>> {
    let count = match wanted.budget {
        Some(Budget::Runs(count)) => count,
        _ => u64::MAX,
    };
    eprintln!("crash controls --seed {}", wanted.seed);
    let found = controls::run(count, wanted.seed)?;
    let count = |verdict| found.iter().filter(|found| found.verdict == verdict).count();
    let (right, skipped) = (count(Verdict::Right), count(Verdict::Skipped));
    println!("{right} of {} controls are right, {skipped} are skipped", found.len());
    for wrong in found.iter().filter(|found| found.verdict == Verdict::Wrong) {
        eprintln!("wrong: {}", wrong.what);
    }
    Ok(right + skipped == found.len())
}

/// Each mode in a process of its own, which what another has done to its processes does not reach.
fn run_all(wanted: &Wanted) -> Result<bool, Box<dyn Error>> {
    let mut is_well = true;
    for mode in MODES {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([mode.name, "--seed", &wanted.seed.to_string()]);
        if let Some(Budget::Time(time)) = wanted.budget {
            command.arg("--seconds").arg(OsString::from((time.as_secs_f64() / MODES.len() as f64).to_string()));
        }
        if wanted.json {
            command.arg("--json");
        }
        if let Some(totals) = &wanted.totals {
            command.arg("--totals").arg(totals);
        }
        if let Some(faults) = wanted.faults_max {
            command.args(["--faults", &faults.to_string()]);
        }
        is_well &= command.status()?.success();
    }
    Ok(is_well)
}
