//! Processes that are actors: how they begin, and what happens around them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use actor_core::KilledBy;
use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_tests::watch::{bound, is_alive, until, wait_for, zygote_of};
use actor_tests::{foreign, watch};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::harness::{Method, isolated_for_both};

/// Does one thing or another.
#[derive(Actor)]
struct Worker;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Begin {
    Well,
    Panics,
    Fails,
    Exits,
    Hangs,
}

#[handlers]
impl Worker {
    #[init]
    fn new(begin: Begin) -> Result<Worker, Failure> {
        match begin {
            Begin::Well => Ok(Worker),
            Begin::Panics => panic!("not in the mood"),
            Begin::Fails => Err(Failure::new("no disk")),
            Begin::Exits => foreign::exit_now(1),
            Begin::Hangs => {
                foreign::sleep_in_c(1000);
                Ok(Worker)
            }
        }
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    /// Starts a program, says which, and does not return while that runs.
    #[call]
    fn run_program(&self, up: Queue<u32>) -> String {
        let mut program = std::process::Command::new("sleep").arg("1000").spawn().expect("there is `sleep`");
        up.send(program.id()).expect("somebody wants to know");
        format!("{:?}", program.wait())
    }
}

fn spawn(begin: Begin) -> Result<ActorRef<Worker>, SpawnError<Failure>> {
    Worker::define(begin).spawn()
}

#[test]
fn p_10_what_goes_wrong_in_init_is_known_at_once() {
    isolated_for_both(|| {
        let begin = Instant::now();
        let Err(SpawnError::Died { report, .. }) = spawn(Begin::Panics) else { panic!("it panics") };
        let ExitReason::Panicked { message, location } = &report.reason else { panic!("{report}") };
        assert_eq!(message, "not in the mood");
        assert!(location.contains("process/lives.rs:"), "{location}");
        let Err(SpawnError::Init { failure, .. }) = spawn(Begin::Fails) else { panic!("it fails") };
        assert_eq!(failure.to_string(), "no disk");
        assert!(begin.elapsed() < bound(Duration::from_secs(1)), "{:?}", begin.elapsed());
    });
}

/// An error with everything that a type of its own is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Refusal {
    Busy { line: u32, since: Duration },
    Unknown(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Busy { line, .. } => write!(f, "line {line} is busy"),
            Refusal::Unknown(name) => write!(f, "nobody knows {:.10}", name),
        }
    }
}

/// Cannot be made.
#[derive(Actor)]
struct Caller;

#[handlers]
impl Caller {
    #[init]
    async fn new(refusal: Refusal) -> Result<Self, Refusal> {
        Err(refusal)
    }
}

/// Cannot be made either, for a reason that serde does not know.
#[derive(Actor)]
struct Opener;

#[handlers]
impl Opener {
    #[init]
    fn new(path: String) -> std::io::Result<Opener> {
        std::fs::File::open(path).map(|_| Opener)
    }
}

#[test]
fn p_10_the_error_of_init_arrives_as_the_value_that_it_is() {
    isolated_for_both(|| {
        let refusals = [
            Refusal::Busy { line: 7, since: Duration::from_millis(1500) },
            Refusal::Unknown("Zoë".into()),
            // Longer than the text of an error may be.
            Refusal::Unknown("x".repeat(3000)),
        ];
        for refusal in refusals {
            let begin = Instant::now();
            let error = Caller::define(refusal.clone()).spawn().unwrap_err();
            assert!(begin.elapsed() < bound(Duration::from_secs(1)), "{:?}", begin.elapsed());
            let SpawnError::Init { name, failure, error } = error else { panic!("{error}") };
            assert_eq!((&*name, failure.to_string()), ("Caller", refusal.to_string()));
            assert_eq!(error, Some(refusal));
        }
        let too_long = Refusal::Unknown("x".repeat(100_000));
        let error = Caller::define(too_long).spawn().unwrap_err();
        assert_eq!(error.to_string(), "actor `Caller` could not begin: nobody knows xxxxxxxxxx");
        assert_eq!(error.into_init_error(), None, "its text is what is left of it");
        let error: actor_core::Error = Caller::define(Refusal::Unknown("Eve".into())).spawn().unwrap_err().into();
        assert_eq!(error.to_string(), "actor `Caller` could not begin: nobody knows Eve");
    });
}

#[test]
fn p_10_an_error_of_init_that_cannot_travel_arrives_as_text() {
    isolated_for_both(|| {
        let error = Opener::define("/no/such/file".into()).spawn().unwrap_err();
        let SpawnError::Init { failure, error: None, .. } = error else { panic!("{error}") };
        assert_eq!(failure.to_string(), "No such file or directory (os error 2)");
    });
}

#[test]
fn t_04_an_actor_that_ends_or_hangs_before_it_is_ready() {
    isolated_for_both(|| {
        let Err(SpawnError::Died { report, .. }) = spawn(Begin::Exits) else { panic!("it exits") };
        assert_eq!(report.reason, ExitReason::ExitCode(1));
        assert!(!is_alive(report.pid), "it was reaped");
        let after = Duration::from_millis(200);
        let options = SpawnOptions { start_timeout: after, ..SpawnOptions::default() };
        let begin = Instant::now();
        let error = Worker::define(Begin::Hangs).with(options).spawn().unwrap_err();
        assert!(matches!(error, SpawnError::Timeout { after: told, .. } if told == after), "{error}");
        let took = begin.elapsed();
        assert!(after <= took && took < bound(Duration::from_secs(1)), "{took:?}");
    });
}

#[test]
fn t_07_the_programs_of_an_actor_that_overruns_go_with_it() {
    isolated_for_both(|| {
        let up = Queue::bounded(1).unwrap();
        let worker = spawn(Begin::Well).unwrap();
        let begin = Instant::now();
        let limit = bound(Duration::from_millis(300));
        let Err(CallError::Died(report)) = worker.run_program(up.clone()).kill_after(limit).wait() else {
            panic!("it overruns")
        };
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
        assert!(limit <= begin.elapsed() && begin.elapsed() < limit + bound(Duration::from_secs(1)));
        let program = up.recv_timeout(Duration::ZERO).expect("it was started before the limit");
        let gone = watch::wait_for(Duration::from_secs(1), || (!is_alive(program)).then_some(()));
        assert!(gone.is_some(), "the program outlives the actor");
        up.close(Close::Now);
    });
}

#[test]
fn p_18_the_death_of_the_zygote_harms_nobody() {
    isolated_for_both(|| {
        let own = std::process::id();
        let running = [spawn(Begin::Well).unwrap(), spawn(Begin::Well).unwrap()];
        let pids = running.map(|actor| actor.os_pid().wait().unwrap());
        for _ in 0..20 {
            let mut zygote = None;
            until("there is a zygote", || {
                zygote = zygote_of(own);
                zygote.is_some()
            });
            let zygote = zygote.unwrap().pid;
            let number = Pid::from_raw(zygote as i32).unwrap();
            rustix::process::kill_process(number, Signal::KILL).unwrap();
            // At once, while the node may not have heard of it.
            let actor = spawn(Begin::Well).unwrap();
            actor.os_pid().wait().unwrap();
            actor.stop().unwrap();
            assert_eq!(running.map(|actor| actor.os_pid().wait().unwrap()), pids, "the others are unaffected");
            // Zygotes that are killed before they are ready, several in a row, are not replaced for
            // 10 s, and this test kills as soon as it sees one.
            let another = || zygote_of(own).filter(|other| other.pid != zygote);
            assert!(wait_for(Duration::from_secs(30), another).is_some(), "there is another zygote");
        }
        let zygotes = actor_core::node::counters().unwrap().zygotes;
        assert!(21 <= zygotes, "{zygotes} zygotes with the method {:?}", Method::here());
        running.iter().for_each(|actor| drop(actor.stop().unwrap()));
    });
}

/// Spawns many actors one after the other, some of which may not come to be.
fn spawn_many(progress: &AtomicU32) -> Vec<ActorRef<Worker>> {
    let mut actors = Vec::new();
    for _ in 0..SPAWNS {
        match spawn(Begin::Well) {
            Ok(actor) => actors.push(actor),
            Err(SpawnError::System { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        progress.fetch_add(1, SeqCst);
    }
    actors
}

const SPAWNS: u32 = 100;

/// Kills one zygote after the other while processes are spawned, and tells how many.
fn kill_zygotes(progress: &[AtomicU32; 2]) -> u32 {
    let now = || progress.each_ref().map(|progress| progress.load(SeqCst));
    let own = std::process::id();
    let mut kills = 0;
    while now().iter().all(|spawned| *spawned < SPAWNS) {
        let Some(zygote) = zygote_of(own) else { continue };
        // A process that has just been forked still has the title of its zygote, but not when all
        // that were being spawned at this time are up.
        let before = now();
        let has_moved = |(now, before): (u32, &u32)| *before < now || now == SPAWNS;
        until("both have spawned another one", || now().into_iter().zip(&before).all(has_moved));
        if zygote_of(own).is_some_and(|still| still.pid == zygote.pid) {
            let number = Pid::from_raw(zygote.pid as i32).unwrap();
            kills += u32::from(rustix::process::kill_process(number, Signal::KILL).is_ok());
        }
    }
    kills
}

#[test]
fn p_18_spawns_under_way_at_the_death_of_the_zygote_succeed_or_fail_once() {
    isolated_for_both(|| {
        let spawned_before = actor_core::node::counters().unwrap().spawned;
        let progress = [AtomicU32::new(0), AtomicU32::new(0)];
        let actors: Vec<ActorRef<Worker>> = std::thread::scope(|scope| {
            let spawners = progress.each_ref().map(|progress| scope.spawn(|| spawn_many(progress)));
            let killer = scope.spawn(|| kill_zygotes(&progress));
            let actors = spawners.into_iter().flat_map(|spawner| spawner.join().unwrap()).collect();
            let kills = killer.join().unwrap();
            assert!(3 < kills, "{kills} kills");
            actors
        });
        let pids: HashSet<u32> = actors.iter().map(|actor| actor.os_pid().wait().unwrap()).collect();
        assert_eq!(pids.len(), actors.len(), "each has a process of its own");
        let spawned = actor_core::node::counters().unwrap().spawned - spawned_before;
        assert_eq!(spawned, actors.len() as u64, "and nobody else has one");
        actors.iter().for_each(|actor| drop(actor.stop().unwrap()));
    });
}
