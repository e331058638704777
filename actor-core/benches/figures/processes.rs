//! Processes: how fast they come and come back, and what they cost while they wait.

use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::{StartMethod, node};
use serde::{Deserialize, Serialize};

use crate::{Plan, quantile};

/// Waits for messages, and has none.
#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 16)]
struct Idle;

#[handlers]
impl Idle {
    #[call]
    fn process(&mut self) -> u32 {
        std::process::id()
    }
}

pub(crate) fn run(plan: &Plan) {
    for (method, name, targets) in [
        (StartMethod::Zygote, ["spawn to ready, zygote p50", "spawn to ready, zygote p99"], ["<= 200", ""]),
        (StartMethod::Exec, ["spawn to ready, exec p50", "spawn to ready, exec p99"], ["<= 1100", ""]),
    ] {
        node::set_start_method(method);
        plan.pair(name, "us", targets, || spawns(plan.count(200)));
    }
    node::set_start_method(StartMethod::Zygote);
    plan.case("100 actors, all ready", "ms", "", || burst(100));
    plan.case("1000 actors, all ready", "ms", "<= 200", || burst(1000));
    plan.pair(
        ["kill -9 to next message handled p50", "kill -9 to next message handled p99"],
        "us",
        ["<= 300", ""],
        || restarts(plan.count(200)),
    );
    plan.pair(["idle actor, private", "idle actor, whole machine"], "KiB", ["<= 64", "<= 160"], memory);
    plan.case("node CPU with 1000 idle actors", "%", "< 0.5", idle_cpu);
}

fn nothing((): ()) {}

fn spawns(count: usize) -> [f64; 2] {
    Process::spawn(nothing, ()).expect("a process").join().expect("an end");
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let process = Process::spawn(nothing, ()).expect("a process");
        samples.push(start.elapsed());
        process.join().expect("an end");
    }
    [quantile(&mut samples, 0.5), quantile(&mut samples, 0.99)]
}

/// Spawns from several threads, as an application that is in a hurry does.
fn spawn_all(count: usize) -> Vec<ActorRef<Idle>> {
    const THREADS: usize = 8;
    std::thread::scope(|scope| {
        let spawn = |share: usize| (0..share).map(|_| Idle.spawn().expect("an actor")).collect::<Vec<_>>();
        let threads: Vec<_> = (0..THREADS)
            .map(|number| scope.spawn(move || spawn(count / THREADS + usize::from(number < count % THREADS))))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    })
}

fn burst(count: usize) -> f64 {
    Process::spawn(nothing, ()).expect("a process").join().expect("an end");
    let start = Instant::now();
    let actors = spawn_all(count);
    let elapsed = start.elapsed();
    stop_all(&actors);
    elapsed.as_secs_f64() * 1e3
}

fn stop_all(actors: &[ActorRef<Idle>]) {
    for actor in actors {
        actor.kill().expect("an end");
    }
}

fn restarts(count: usize) -> [f64; 2] {
    let mut builder = Supervisor::builder().intensity(Intensity { restarts: u32::MAX, period: Duration::from_secs(1) });
    let idle = builder.child(Idle).expect("a child");
    let supervisor = builder.start().expect("a supervisor");
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let pid = idle.process().wait().expect("a pid");
        let start = Instant::now();
        idle.kill().expect("an end");
        let next = idle.process().wait().expect("a pid");
        samples.push(start.elapsed());
        assert_ne!(pid, next);
    }
    supervisor.stop().expect("an end");
    [quantile(&mut samples, 0.5), quantile(&mut samples, 0.99)]
}

/// Private memory of an idle actor, and what the whole machine has less for each.
fn memory() -> [f64; 2] {
    const ACTORS: usize = 200;
    let warm = spawn_all(8);
    let before = available_kib();
    let actors = spawn_all(ACTORS);
    let machine = (before - available_kib()) / ACTORS as f64;
    let pids: Vec<u32> = actors.iter().map(|actor| actor.process().wait().expect("a pid")).collect();
    let private: f64 = pids.iter().map(|pid| private_kib(*pid)).sum::<f64>() / ACTORS as f64;
    stop_all(&actors);
    stop_all(&warm);
    [private, machine]
}

fn available_kib() -> f64 {
    field("/proc/meminfo", "MemAvailable:")
}

fn private_kib(pid: u32) -> f64 {
    let rollup = format!("/proc/{pid}/smaps_rollup");
    field(&rollup, "Private_Dirty:") + field(&rollup, "Private_Clean:")
}

/// The number after `name` in a file of the kernel's.
fn field(path: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(path).expect("the kernel tells");
    let line = text.lines().find(|line| line.starts_with(name)).expect("it has this line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it has a number")
}

/// Part of one CPU that this process uses while its actors have nothing to do.
fn idle_cpu() -> f64 {
    const WATCHED: Duration = Duration::from_secs(2);
    let actors = spawn_all(1000);
    let before = cpu_ticks();
    std::thread::park_timeout(WATCHED);
    // A hundred ticks are a second, so one tick is half a percent of two seconds.
    let used = (cpu_ticks() - before) / 100.0 / WATCHED.as_secs_f64() * 100.0;
    stop_all(&actors);
    used
}

fn cpu_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the kernel tells");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    // User and system time are the 14th and 15th field; the name is the 2nd.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("a number")).sum()
}
