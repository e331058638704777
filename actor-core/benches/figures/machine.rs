//! What actors cost while they wait: memory, and the node's processor time.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::idle::Crowd;
use crate::{Line, Plan};

pub(crate) fn run(plan: &Plan) {
    let lines = [
        Line { name: "memory of an idle actor, private", unit: "KiB", target: "<= 64" },
        Line { name: "memory of an idle actor, whole machine", unit: "KiB", target: "<= 160" },
    ];
    plan.case(lines, memory);
    plan.case([Line { name: "node CPU with 1000 idle actors", unit: "%", target: "< 0.5" }], || [idle_cpu()]);
}

/// Private memory of an idle actor, and what the whole machine has less for each.
fn memory() -> [f64; 2] {
    const ACTORS: usize = 200;
    let _warm = Crowd::spawn(8);
    let before = available_kib();
    let actors = Crowd::spawn(ACTORS);
    let machine = (before - available_kib()) / ACTORS as f64;
    let pid = |actor: &actor_core::ActorRef<crate::idle::Idle>| actor.process().wait().expect("a process");
    let private: f64 = actors.0.iter().map(pid).map(private_kib).sum();
    [private / ACTORS as f64, machine]
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
    let text = fs::read_to_string(path).expect("the kernel tells");
    let line = text.lines().find(|line| line.starts_with(name)).expect("it has this line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it has a number")
}

/// Part of one CPU that this process uses while its actors have nothing to do.
fn idle_cpu() -> f64 {
    const WATCHED: Duration = Duration::from_secs(2);
    let _actors = Crowd::spawn(1000);
    let before = cpu_ticks();
    thread::park_timeout(WATCHED);
    // A hundred ticks are a second, so one tick is half a percent of two seconds.
    (cpu_ticks() - before) / 100.0 / WATCHED.as_secs_f64() * 100.0
}

fn cpu_ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("the kernel tells");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    // User and system time are the 14th and 15th field; the name is the 2nd.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("a number")).sum()
}
