//! The rounds of each case, and the process in which one who takes part is measured.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::report::{Report, Samples};
use crate::{Result, contestants, machine};

/// The first argument of a process that measures.
pub(crate) const MEASURE: &str = "--measure";

/// What the command line asks for.
pub(crate) struct Plan {
    pub(crate) effort: Effort,
    /// `None`: as many as the effort has.
    pub(crate) rounds: Option<usize>,
    pub(crate) json: bool,
    /// Empty: all of them.
    pub(crate) only: Vec<Case>,
}

/// What a process that measures prints.
#[derive(Serialize, Deserialize)]
enum Told {
    Figures(Vec<Option<f64>>),
    Skipped(String),
}

/// Longer than anything takes here; then it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the cases. Who fails is reported, and the others go on; the run has failed if it was one of ours.
pub(crate) fn run(plan: &Plan) -> Result<ExitCode> {
    let report = Report { json: plan.json };
    let rounds = plan.rounds.unwrap_or(plan.effort.pick(5, 1));
    report.begin(&machine::describe(), rounds, plan.effort);
    let mut failures = 0;
    for case in Case::ALL.into_iter().filter(|case| plan.only.is_empty() || plan.only.contains(case)) {
        let all = run_case(case, plan.effort, rounds);
        report.case(case, &all);
        let is_ours = |samples: &&Samples| samples.who.place() == Place::Ours;
        failures += all.iter().filter(is_ours).filter(|samples| samples.has_failed()).count();
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_case(case: Case, effort: Effort, rounds: usize) -> Vec<Samples> {
    let mut all: Vec<Samples> =
        contestants::ALL.iter().filter(|who| who.takes(case)).map(|who| Samples::new(*who)).collect();
    for round in 0..rounds {
        // Not always in the same order: somebody's neighbour may be loud.
        let first = round % all.len().max(1);
        for at in (first..all.len()).chain(0..first) {
            let samples = &mut all[at];
            if samples.skipped.is_none() {
                samples.add(in_own_process(samples.who, case, effort));
            }
        }
    }
    all
}

fn in_own_process(who: &dyn Contestant, case: Case, effort: Effort) -> Result<Outcome> {
    let quick = effort.pick("full", "quick");
    let mut command = Command::new("/proc/self/exe");
    // A group of its own, to end all that is left when it hangs.
    command.args([MEASURE, who.who(), case.id(), quick]).stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let mut output = child.stdout.take().ok_or("it has an output")?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let is_good = wait(&mut child)?;
    who.clear(child.id());
    let text = reader.join().map_err(|_| "its output could not be read")??;
    if !is_good {
        return Err("it failed, or took too long".into());
    }
    match serde_json::from_str(&text)? {
        Told::Figures(figures) if figures.len() == case.figures().len() => Ok(Outcome::Figures(figures)),
        Told::Figures(figures) => Err(format!("it told {} figures", figures.len()).into()),
        Told::Skipped(why) => Ok(Outcome::Skipped(why)),
    }
}

/// Whether it ended well and in time.
fn wait(child: &mut Child) -> Result<bool> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if begin.elapsed() > PATIENCE {
            let group = Pid::from_raw(i32::try_from(child.id())?).ok_or("it has a number")?;
            kill_process_group(group, Signal::KILL)?;
            child.wait()?;
            return Ok(false);
        }
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// Measures once and prints what came out.
pub(crate) fn measure(args: &[String]) -> Result<()> {
    let [who, case, effort] = args else { return Err("whom to measure, and in which case?".into()) };
    let effort = if effort == "quick" { Effort::Quick } else { Effort::Full };
    let case = Case::by_id(case).ok_or("no such case")?;
    let told = match contestants::find(who)?.measure(case, effort)? {
        Outcome::Figures(figures) => Told::Figures(figures),
        Outcome::Skipped(why) => Told::Skipped(why),
    };
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}
