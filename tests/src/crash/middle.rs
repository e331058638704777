//! A process in the middle is killed: one that was started by another and has started others.
//!
//! Programs that it has started go with it. Processes that it has started belong to the node: they go on,
//! and end when they have done their work. Nothing stays of any of them.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use actor_core::ExitReason;
use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::testing::Snapshot;
use rustix::process::{Signal, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::chance::Chance;
use crate::watch::{Seen, bound, processes, wait_for};

/// A run is a process in the middle.
pub(super) const MODE: Mode = Mode {
    name: "middle",
    about: "a process that has started others; a run is such a process",
    run,
    usual: Budget::Runs(500),
};

/// The longest time from its being up, or from its start, to its end.
const PAUSE: Duration = Duration::from_millis(5);
/// Within which what follows a death has happened.
const SOON: Duration = Duration::from_secs(1);
/// What is longer than this is not slow but wedged.
const WEDGED: Duration = Duration::from_secs(10);
/// After so many runs it is looked what is left.
const ROUND: u64 = 50;

/// How deep a process is.
const OUTER: u32 = 1;
const INNER: u32 = 2;

/// What the processes of one run have to do with each other.
#[derive(Clone, Serialize, Deserialize)]
struct Ties {
    /// Who is up says so: how deep it is, and its number.
    up: Queue<(u32, u32)>,
    /// Work for the innermost, whose results come back the other way.
    work: Queue<u32>,
    done: Queue<u32>,
}

impl Ties {
    /// Nobody knows how many still have a queue that was sent: its memory stays until it is closed.
    fn close(&self) {
        self.work.close(Close::Now);
        self.done.close(Close::Now);
        self.up.close(Close::Now);
    }
}

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    let mut chance = Chance::new(plan.seed);
    let before = Snapshot::take();
    while plan.goes_on(tally) {
        one(&mut chance, tally)?;
        tally.runs += 1;
        if tally.runs.is_multiple_of(ROUND) {
            is_clean(&before)?;
        }
    }
    is_clean(&before)
}

fn is_clean(before: &Snapshot) -> Result<(), Fault> {
    let leaks = before.leaks();
    Kind::Orphan.unless(leaks.is_empty(), || leaks.join(", "))
}

fn one(chance: &mut Chance, tally: &mut Tally) -> Result<(), Fault> {
    let queue = || Queue::bounded(4).expect("there is room for a queue");
    let up = Queue::bounded(4).expect("there is room for a queue");
    let ties = Ties { up, work: queue(), done: queue() };
    let outer = Process::spawn(nested, (OUTER, ties.clone())).expect("a process can be started");
    let is_up = || match ties.up.recv_timeout(bound(WEDGED)) {
        Ok(who) => Ok(who),
        Err(error) => Err(Kind::Wedged.fault(format!("it does not come up: {error}"))),
    };
    // Who is not waited for may be killed while it starts the others.
    let inner = match chance.once_in(4) {
        true => None,
        false => [is_up()?, is_up()?].into_iter().find(|(depth, _)| *depth == INNER).map(|(_, pid)| pid),
    };
    chance.pause(PAUSE);
    for program in in_session(outer.pid()).iter().filter(|seen| seen.pid != outer.pid()) {
        let inherited = of_the_node(program.pid);
        Kind::Orphan.unless(inherited.is_empty(), || format!("{program:?} has inherited {inherited:?}"))?;
    }
    let begin = Instant::now();
    let sentinel = outer.sentinel().expect("there are descriptors");
    pidfd_send_signal(sentinel, Signal::KILL).expect("it was not waited for");
    tally.kills += 1;
    let _ = outer.join_timeout(bound(WEDGED));
    let was_killed = |report: &actor_core::ExitReport| matches!(report.reason, ExitReason::Signaled { signal: 9, .. });
    let report = outer.exit_report();
    Kind::Wedged.unless(report.is_some_and(was_killed), || format!("its death is told as {report:?}"))?;
    let left = wait_for(SOON, || in_session(outer.pid()).is_empty().then_some(())).is_none();
    Kind::Orphan.unless(!left, || format!("programs outlive it: {:?}", in_session(outer.pid())))?;
    tally.recovered_within(begin.elapsed());
    if inner.is_some() {
        ties.work.send(20).expect("the queue is open");
        let done = ties.done.recv_timeout(bound(SOON));
        Kind::Wedged.unless(done == Ok(21), || format!("the process within does not go on: {done:?}"))?;
    }
    ties.close();
    let is_gone = |pid: u32| Seen::of(pid).is_none_or(|seen| seen.parent != std::process::id());
    let ended = wait_for(SOON, || inner.is_none_or(is_gone).then_some(()));
    Kind::Wedged.unless(ended.is_some(), || "the process within does not end".into())
}

/// Starts another process and programs, says that it is up, and stays.
fn nested((depth, ties): (u32, Ties)) {
    if depth == INNER {
        ties.up.send((depth, std::process::id())).expect("the node is there");
        while let Ok(number) = ties.work.recv() {
            ties.done.send(number + 1).expect("the node is there");
        }
        return;
    }
    let inner = Process::spawn(nested, (INNER, ties.clone())).expect("a process can start another");
    let script = "trap '' TERM HUP; sleep 1000 & wait";
    let program = Command::new("sh").args(["-c", script]).spawn();
    let mut program = program.expect("a shell can be started");
    ties.up.send((depth, std::process::id())).expect("the node is there");
    let status = program.wait();
    unreachable!("the shell was to stay as long as {inner:?}: {status:?}")
}

/// What a program should not have got: descriptors of the node's memory, bell or sockets.
fn of_the_node(pid: u32) -> Vec<String> {
    let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // Still on its way from the fork to the program: what it has is closed there.
    if !title.starts_with("sh\0") && !title.starts_with("sleep\0") {
        return Vec::new();
    }
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()));
    targets.filter(|to| ["/memfd:", "anon_inode:", "socket:"].iter().any(|kind| to.starts_with(kind))).collect()
}

/// The living processes of a session.
fn in_session(session: u32) -> Vec<Seen> {
    let is_in = |seen: &Seen| {
        let text = fs::read_to_string(format!("/proc/{}/stat", seen.pid)).unwrap_or_default();
        let number = text.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(3)?.parse().ok());
        number == Some(session)
    };
    processes().into_iter().filter(|seen| !seen.is_zombie() && is_in(seen)).collect()
}
