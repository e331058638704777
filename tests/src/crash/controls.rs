//! Negative controls: bugs that are planted one at a time, and the mode that has to find each.
//!
//! A harness that finds nothing proves nothing unless it would have found something. The program is
//! built once more, in a target directory of its own and with `--cfg planted`; the bug is chosen by the
//! environment when it runs. Each mode is first run without a bug, and must then find nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use super::aftermath::{adopt_orphans, end_all};
use super::node::the_next_finds;
use crate::chance::Chance;
use crate::watch::wait_for;

/// A planted bug by its name in `planted.rs`, and who finds it.
struct Control {
    bug: &'static str,
    mode: &'static str,
    /// The part of the mode that meets it. The whole finds it, too, and takes longer until it comes there.
    part: Option<&'static str>,
}

const fn control(bug: &'static str, mode: &'static str) -> Control {
    Control { bug, mode, part: None }
}

const fn in_part(bug: &'static str, mode: &'static str, part: &'static str) -> Control {
    Control { bug, mode, part: Some(part) }
}

const CONTROLS: &[Control] = &[
    in_part("SkipWakeOnRecovery", "steps", "send/to-a-sleeper"),
    control("AcknowledgeBeforeHandling", "kills"),
    control("ClaimBeforeStamp", "kills"),
    control("CountNotAtomic", "kills"),
    control("PrivateFutex", "kills"),
    control("RecoverOnTimeout", "kills"),
    control("PidInsteadOfPidfd", "numbers"),
    control("SentinelOfAnybody", "numbers"),
    control("MissingCloexec", "middle"),
    control("NoEintrLoop", "node"),
    control("PublishBeforeCopy", "kills"),
    control("SkipSecondLook", "kills"),
    control("ReturnNotNoted", "kills"),
    control("FreeReferencedExtents", "kills"),
    control("KeepExtents", "kills"),
    control("ForgetHands", "kills"),
    control("ReturnMovedTwice", "kills"),
    in_part("ForgetReplies", "steps", "handle/call"),
    control("SettleAsHandled", "kills"),
    control("SettleAnsweredAgain", "kills"),
    control("SpareThePrograms", "middle"),
    control("GuardDoesNothing", "node"),
    control("NoParentDeathSignal", "node"),
    control("ForgetOrders", "zygote"),
    control("OneRestartMore", "simulate"),
    control("RestartTransient", "simulate"),
    control("StopInOrder", "simulate"),
    control("ForgetTimers", "simulate"),
    control("PublishLogBeforeCopy", "logs"),
    control("ForgetLogs", "logs"),
    control("ForgetOwners", "sharing"),
    in_part("CountBeforeWrite", "steps", "mutex/write-many-words"),
    in_part("KeepPermits", "steps", "semaphore/acquire"),
    in_part("SwallowWakes", "steps", "condition/wait"),
    control("WaitForTheDead", "sharing"),
    control("ForgetEnds", "sharing"),
    in_part("ForgetNews", "steps", "priority_send/inline"),
    in_part("FinishBeforeWork", "steps", "pool/tasks"),
];

/// How long a mode may look for a bug.
const BUDGET: Duration = Duration::from_secs(20);
/// How long it runs where there is nothing to find.
const SOUND: Duration = Duration::from_secs(3);
/// Longer than anything takes that is not wedged for good. Who is, has been found, too.
const HANGS: Duration = Duration::from_secs(60);
/// The exit code of a program that knows no such bug.
const UNKNOWN: i32 = 70;

/// What became of one control.
#[derive(Clone, Debug)]
pub struct Found {
    /// The bug, or the mode that was run without one.
    pub what: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was found, or there was nothing to be found.
    Right,
    /// It was not found, or something was that is not there.
    Wrong,
    /// This machine does not let anybody look for it.
    Skipped,
}

/// Builds the program and plants so many bugs, chosen with a seed if that is not all of them.
///
/// # Errors
/// The program cannot be built or started, or something is left of the nodes with bugs.
pub fn run(count: u64, seed: u64) -> io::Result<Vec<Found>> {
    adopt_orphans();
    let program = build()?;
    let mut chance = Chance::new(seed);
    let mut chosen: Vec<&Control> = CONTROLS.iter().collect();
    while (chosen.len() as u64) > count {
        chosen.remove(chance.below(chosen.len() as u64) as usize);
    }
    let mut found = Vec::new();
    let mut modes: Vec<&str> = chosen.iter().map(|control| control.mode).collect();
    modes.sort_unstable();
    modes.dedup();
    for mode in modes {
        let (ended, took) = look(&program, mode, None, SOUND, chance.any())?;
        say(mode, "without a bug", &ended, took);
        let verdict = match ended {
            Ended::Well => Verdict::Right,
            Ended::Skipped(_) => Verdict::Skipped,
            _ => Verdict::Wrong,
        };
        found.push(Found { what: format!("{mode} without a bug"), verdict });
    }
    for control in chosen {
        let (ended, took) = look(&program, control.mode, Some(control), BUDGET, chance.any())?;
        say(control.mode, control.bug, &ended, took);
        let verdict = match ended {
            Ended::Fault(_) | Ended::Hangs => Verdict::Right,
            Ended::Skipped(_) => Verdict::Skipped,
            Ended::Well | Ended::Otherwise(_) => Verdict::Wrong,
        };
        found.push(Found { what: control.bug.to_owned(), verdict });
    }
    // Control groups that nodes with bugs have left: the next node takes them away, and this is the last.
    the_next_finds(&[]).map_err(|fault| io::Error::other(fault.text))?;
    Ok(found)
}

/// How a mode has ended.
enum Ended {
    Well,
    /// It has found something: what it says of it.
    Fault(String),
    Hangs,
    /// It cannot run here: why.
    Skipped(String),
    /// Not a finding.
    Otherwise(ExitStatus),
}

fn say(mode: &str, bug: &str, ended: &Ended, took: Duration) {
    let ended = match ended {
        Ended::Well => "nothing is found",
        Ended::Fault(text) | Ended::Skipped(text) => text,
        Ended::Hangs => "it hangs",
        Ended::Otherwise(status) => &status.to_string(),
    };
    let _ = writeln!(io::stdout(), "{bug:<26} {mode:<9} {:>5.1} s  {ended}", took.as_secs_f64());
}

/// In a target directory of its own, so that no other build gets any of it.
fn build() -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    let target = root.join("target/controls");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "-p", "actor-tests", "--bin", "crash"]).current_dir(root);
    cargo.env("RUSTFLAGS", "--cfg planted").env("CARGO_TARGET_DIR", &target);
    match cargo.status()?.success() {
        true => Ok(target.join("debug/crash")),
        false => Err(io::Error::other("the program with planted bugs cannot be built")),
    }
}

fn look(
    program: &Path,
    mode: &str,
    control: Option<&Control>,
    time: Duration,
    seed: u64,
) -> io::Result<(Ended, Duration)> {
    let mut command = Command::new(program);
    // One fault is enough to be found.
    command.args([mode, "--faults", "1", "--seconds", &time.as_secs().to_string(), "--seed", &seed.to_string()]);
    if let Some(Control { bug, part, .. }) = control {
        command.env("ACTOR_CORE_PLANTED", bug);
        command.args(part.map(|part| ["--only", part]).into_iter().flatten());
    }
    let begin = Instant::now();
    let log = env::temp_dir().join(format!("crash-controls-{}", std::process::id()));
    let output = std::fs::File::create(&log)?;
    let mut child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
    let ended = wait_for(time + HANGS, || child.try_wait().ok().flatten());
    let took = begin.elapsed();
    let ended = match ended {
        None => kill(&mut child),
        Some(status) if status.success() => skipped(&log).map_or(Ended::Well, Ended::Skipped),
        // By a signal: the node thread ends its process when it does not know how to go on.
        Some(status) if matches!(status.code(), Some(1) | None) => Ended::Fault(first_fault(&log)),
        Some(status) if status.code() == Some(UNKNOWN) => {
            let bug = control.map_or("", |control| control.bug);
            return Err(io::Error::other(format!("there is no bug `{bug}`")));
        }
        Some(status) => Ended::Otherwise(status),
    };
    end_all();
    std::fs::remove_file(&log)?;
    Ok((ended, took))
}

fn kill(child: &mut Child) -> Ended {
    let _ = child.kill();
    let _ = child.wait();
    Ended::Hangs
}

/// Why a mode cannot run here, if it has said so.
fn skipped(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().find(|line| line.starts_with("SKIP: ")).map(str::to_owned)
}

/// What a fault begins with, of the first one that was written.
fn first_fault(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let is_fault = |line: &&str| super::Kind::ALL.iter().any(|kind| line.starts_with(&format!("[{}]", kind.word())));
    let line = text.lines().find(is_fault).or(text.lines().last()).unwrap_or_default();
    line.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::{MODES, steps};

    #[test]
    fn every_planted_bug_has_a_mode_that_looks_for_it() {
        let source = include_str!("../../../actor-core/src/planted.rs");
        let (_, list) = source.split_once("enum Bug {").unwrap();
        let (list, _) = list.split_once('}').unwrap();
        let bugs: Vec<&str> = list.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
        assert_eq!(bugs, CONTROLS.iter().map(|control| control.bug).collect::<Vec<_>>());
        assert!(20 <= bugs.len());
        for Control { bug, mode, part } in CONTROLS {
            let mode = MODES.iter().find(|known| known.name == *mode).unwrap_or_else(|| panic!("{bug}"));
            // Only of this mode it is known which parts there are.
            let titles = if part.is_some() { steps::titles(mode) } else { Vec::new() };
            assert!(part.is_none_or(|part| titles.iter().any(|title| title == part)), "{bug}");
        }
    }
}
