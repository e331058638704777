//! Somebody is dead, and his number is another's by now: nothing that is done to the dead may reach that one.
//!
//! The other is a program that has nothing to do with the node. It is given the number on purpose, by telling
//! the kernel which one it gave out last; where a process may not tell it that, the mode says SKIP. A run must
//! not be counted whose number somebody else got.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use actor_core::prelude::*;
use actor_core::process::{JoinError, Process};
use actor_core::testing::Snapshot;
use actor_core::{ExitReason, Incarnation};
use rustix::process::Signal;

use super::signals::signal_if;
use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::chance::Chance;
use crate::watch::{Seen, bound, wait_for, zygote_of};

/// A run is a number.
pub(super) const MODE: Mode = Mode {
    name: "numbers",
    about: "who has died, while his number is another's; a run is such a number",
    run,
    usual: Budget::Runs(500),
};

/// The number that the kernel gave out last: it goes on with the next.
const LAST: &str = "/proc/sys/kernel/ns_last_pid";
/// How often somebody else may be faster to get a number.
const TRIES: u32 = 50;
/// What is longer than this is not slow but wedged.
const WEDGED: Duration = Duration::from_secs(10);

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    if let Err(error) = may_choose() {
        tally.remarks.push(format!("SKIP: the number of a process cannot be chosen here: {error}"));
        return Ok(());
    }
    let mut chance = Chance::new(plan.seed);
    let before = Snapshot::take();
    let mut taken = 0;
    while plan.goes_on(tally) {
        match one(&mut chance, tally)? {
            true => tally.runs += 1,
            false => taken += 1,
        }
        // Nothing is wrong with the dead then, but nothing is shown either.
        assert!(taken < 100 + tally.runs, "others get {taken} numbers, this mode {}", tally.runs);
    }
    tally.remarks.push(format!("besides     {taken} numbers that others got"));
    let leaks = before.leaks();
    Kind::Orphan.unless(leaks.is_empty(), || leaks.join(", "))
}

fn may_choose() -> io::Result<()> {
    fs::write(LAST, fs::read_to_string(LAST)?.trim())
}

/// False: somebody else got the number.
fn one(chance: &mut Chance, tally: &mut Tally) -> Result<bool, Fault> {
    let dead = Dead::any(chance)?;
    let pid = dead.pid();
    if !signal_if(pid, Signal::KILL, |_| true) {
        return Err(Kind::Wedged.fault(format!("{dead:?} has ended by itself")));
    }
    tally.kills += 1;
    let is_forgotten = wait_for(WEDGED, || Seen::of(pid).is_none().then_some(()));
    Kind::Wedged.unless(is_forgotten.is_some(), || format!("{dead:?} is not reaped: {:?}", Seen::of(pid)))?;
    let Some(mut other) = Bystander::named(pid) else { return Ok(false) };
    dead.stays_dead(chance)?;
    Kind::Lost.unless(other.answers(), || format!("another, with the number of {dead:?}, was killed for it"))?;
    // Nor does the node take the other for one of its own.
    let double = Process::spawn(|number: u32| 2 * number, 7).map(|process| process.join_timeout(bound(WEDGED)));
    let works = matches!(double, Ok(Ok(14)));
    Kind::Wedged.unless(works, || format!("no process can be started after the death of {dead:?}: {double:?}"))?;
    Ok(true)
}

/// Whose number is given out again.
#[derive(Debug)]
enum Dead {
    Process(Process<()>),
    Actor { actor: ActorRef<Idle>, life: Incarnation, pid: u32 },
    Zygote { pid: u32 },
}

#[derive(Actor, serde::Serialize, serde::Deserialize)]
struct Idle;

#[handlers]
impl Idle {
    #[call]
    fn number(&self) -> u32 {
        std::process::id()
    }
}

fn stay((): ()) {
    loop {
        thread::park();
    }
}

impl Dead {
    /// One who lives as yet.
    fn any(chance: &mut Chance) -> Result<Dead, Fault> {
        // Whatever it will be, there is a zygote then.
        let process = Process::spawn(stay, ()).expect("a process can be started");
        match chance.below(8) {
            0 => {
                process.kill().expect("it is there");
                let zygote = wait_for(WEDGED, || zygote_of(std::process::id()));
                let zygote = zygote.ok_or_else(|| Kind::Wedged.fault("there is no zygote"))?;
                return Ok(Dead::Zygote { pid: zygote.pid });
            }
            1 | 2 => process.kill().expect("it is there"),
            _ => return Ok(Dead::Process(process)),
        }
        let actor = Idle.spawn().expect("an actor can be started");
        let life = actor.incarnation().expect("it lives");
        let pid = actor.number().timeout(bound(WEDGED)).wait();
        let pid = pid.map_err(|error| Kind::Wedged.fault(format!("an actor does not answer: {error}")))?;
        Ok(Dead::Actor { actor, life, pid })
    }

    fn pid(&self) -> u32 {
        match self {
            Dead::Process(process) => process.pid(),
            Dead::Actor { pid, .. } | Dead::Zygote { pid } => *pid,
        }
    }

    /// All that a living one would feel is done to him, in any order, and he is nowhere taken for alive.
    fn stays_dead(&self, chance: &mut Chance) -> Result<(), Fault> {
        let mut deeds = [0, 1, 2, 3, 4];
        chance.shuffle(&mut deeds);
        for deed in deeds {
            let is_so = match self {
                Dead::Process(process) => process_stays_dead(process, deed),
                Dead::Actor { actor, life, .. } => actor_stays_dead(*actor, *life, deed),
                Dead::Zygote { .. } => true,
            };
            Kind::Wedged.unless(is_so, || format!("{self:?} seems to live, as deed {deed} of {deeds:?} shows"))?;
        }
        Ok(())
    }
}

fn process_stays_dead(process: &Process<()>, deed: u32) -> bool {
    match deed {
        0 => process.terminate().is_ok(),
        1 => process.kill().is_ok(),
        2 => process.stop(Duration::ZERO).is_ok_and(|report| was_killed(&report.reason)),
        3 => !process.is_alive(),
        _ => match process.join_timeout(Duration::ZERO) {
            Err(JoinError::Died(report)) => was_killed(&report.reason),
            _ => false,
        },
    }
}

fn actor_stays_dead(actor: ActorRef<Idle>, life: Incarnation, deed: u32) -> bool {
    match deed {
        0 => life.stop_timeout(Duration::ZERO).is_err(),
        1 => life.kill().is_err(),
        2 => actor.kill().is_err(),
        // It is reaped first, and then this is said.
        3 => wait_for(WEDGED, || (!life.is_alive()).then_some(())).is_some(),
        _ => actor.number().timeout(bound(WEDGED)).wait().is_err(),
    }
}

fn was_killed(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Signaled { signal: 9, .. })
}

/// A program that answers as long as nobody has sent it a signal.
struct Bystander {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Bystander {
    /// One with this number, at the head of a process group of its own. `None`: somebody else got it.
    fn named(number: u32) -> Option<Bystander> {
        (0..TRIES).find_map(|_| {
            fs::write(LAST, (number - 1).to_string()).expect("it could be written before");
            let mut echo = Command::new("cat");
            echo.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = echo.spawn().expect("a program can be started");
            let output = BufReader::new(child.stdout.take().expect("it was asked for"));
            let other = Bystander { child, output };
            (other.child.id() == number).then_some(other)
        })
    }

    /// Who has been sent a signal dies of it before he reads on.
    fn answers(&mut self) -> bool {
        let mut answer = String::new();
        let input = self.child.stdin.as_mut().expect("it was asked for");
        let is_asked = writeln!(input, "well?").is_ok();
        is_asked && self.output.read_line(&mut answer).is_ok() && answer == "well?\n"
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
