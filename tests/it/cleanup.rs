//! What is left of a node when it has ended: nothing, however it did.

use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

use actor_core::prelude::*;
use actor_core::testing::Snapshot;
use actor_tests::chance::Chance;
use actor_tests::watch::{self, bound, children_of, is_alive, until, zygote_of};
use actor_tests::{busy, groups};
use serde::{Deserialize, Serialize};

use crate::harness::{METHODS, Method, Trial, isolated_for_both_and_long, killed_when_ready, skip};

const PLAIN_MAIN: &str = env!("CARGO_BIN_EXE_plain_main");
const NODE: &str = env!("CARGO_BIN_EXE_node");

/// A node with `count` processes of a kind, all at work.
fn start(trial: &Trial, kind: &str, count: usize, end: &str) -> Child {
    let mut command = trial.command(Path::new(NODE));
    command.args([kind, &count.to_string(), end]);
    let child = command.spawn().unwrap();
    assert_eq!(trial.line("ready:"), child.id().to_string());
    child
}

/// Kills the node and nobody else; within a second nobody may be left.
fn kill(trial: &Trial, mut node: Child) {
    assert!(!trial.processes().is_empty());
    node.kill().unwrap();
    let took = trial.assert_nobody_left();
    trial.assert_no_groups_left(node.id());
    assert!(!node.wait().unwrap().success());
    println!("{} was alone after {took:?}", trial.name());
}

#[test]
fn k_01_a_normal_end_leaves_nothing() {
    for method in METHODS {
        let trial = Trial::new("k_01_a_normal_end_leaves_nothing", method);
        let ended = trial.run(&mut trial.command(Path::new(PLAIN_MAIN)));
        assert!(ended.status.success(), "{}", ended.text);
        trial.assert_nothing_left();
    }
}

#[test]
fn k_01_processes_that_are_at_work_end_with_main() {
    for method in METHODS {
        let trial = Trial::new("k_01_processes_that_are_at_work_end_with_main", method);
        let mut node = start(&trial, "in-c", 10, "return");
        assert!(trial.wait(&mut node).success(), "{}", trial.text());
        trial.assert_nothing_left();
    }
}

#[test]
fn k_02_nobody_outlives_a_killed_node() {
    for method in METHODS {
        for kind in ["in-c", "deaf", "stopped", "with-grandchildren", "actor", "supervised", "all"] {
            let trial = Trial::new(&format!("k_02_nobody_outlives_a_killed_node ({kind}, {method:?})"), method);
            let node = start(&trial, kind, 2, "wait");
            kill(&trial, node);
        }
    }
}

#[test]
fn k_02_nobody_outlives_a_node_that_is_killed_while_it_starts_processes() {
    let mut chance = Chance::announced();
    for method in METHODS {
        for round in 0..20 {
            let trial = Trial::new(&format!("k_02_while_it_starts_processes ({round}, {method:?})"), method);
            let node = start(&trial, "in-c", 1, "forking");
            chance.pause(Duration::from_millis(5));
            kill(&trial, node);
        }
    }
}

#[test]
fn k_02_nobody_outlives_a_node_whose_zygote_is_stopped() {
    let trial = Trial::new("k_02_nobody_outlives_a_node_whose_zygote_is_stopped", Method::Zygote);
    let node = start(&trial, "all", 1, "wait");
    let zygote = zygote_of(node.id()).expect("it has started processes");
    let number = rustix::process::Pid::from_raw(zygote.pid as i32).unwrap();
    rustix::process::kill_process(number, rustix::process::Signal::STOP).unwrap();
    kill(&trial, node);
}

const NO_GROUPS: &str = "no control group of the second version is writable, and only such a group holds them";

#[test]
fn k_02_what_has_left_its_session_does_not_outlive_a_killed_node() {
    if groups::place().is_none() {
        return skip(&format!("k_02: {NO_GROUPS}"));
    }
    for method in METHODS {
        let trial = Trial::new(&format!("k_02_what_has_left_its_session ({method:?})"), method);
        let node = start(&trial, "with-escaped", 2, "wait");
        kill(&trial, node);
    }
}

#[test]
fn k_02_what_node_and_zygote_leave_the_next_node_finds() {
    if groups::place().is_none() {
        return skip(&format!("k_02: {NO_GROUPS}"));
    }
    for method in METHODS {
        let trial = Trial::new(&format!("k_02_what_node_and_zygote_leave ({method:?})"), method);
        let mut node = start(&trial, "with-escaped", 2, "wait");
        let zygote = zygote_of(node.id()).expect("it has started processes");
        let signal = |pid: u32, signal| {
            let number = rustix::process::Pid::from_raw(pid as i32).unwrap();
            rustix::process::kill_process(number, signal).unwrap();
        };
        // Stopped, the node does not start another zygote.
        signal(node.id(), rustix::process::Signal::STOP);
        until("the node is stopped", || watch::Seen::of(node.id()).is_some_and(|seen| seen.state == 'T'));
        signal(zygote.pid, rustix::process::Signal::KILL);
        until("the zygote is dead", || !is_alive(zygote.pid));
        node.kill().unwrap();
        node.wait().unwrap();
        let next = trial.run(&mut trial.command(Path::new(PLAIN_MAIN)));
        assert!(next.status.success(), "{}", next.text);
        trial.assert_nothing_left();
        trial.assert_no_groups_left(node.id());
    }
}

#[test]
fn k_04_what_has_left_its_session_ends_with_main() {
    if groups::place().is_none() {
        return skip(&format!("k_04: {NO_GROUPS}"));
    }
    for method in METHODS {
        for (end, code) in [("return", Some(0)), ("exit", Some(7)), ("abort", None)] {
            let trial = Trial::new(&format!("k_04_what_has_left_its_session ({end}, {method:?})"), method);
            let mut node = start(&trial, "with-escaped", 2, end);
            assert_eq!(trial.wait(&mut node).code(), code, "{}", trial.text());
            trial.assert_nothing_left();
        }
    }
}

#[test]
fn k_04_every_way_out_of_main_leaves_nothing() {
    for method in METHODS {
        for (end, code) in
            [("error", Some(1)), ("panic", Some(101)), ("exit", Some(7)), ("abort", None), ("segfault", None)]
        {
            let trial = Trial::new(&format!("k_04_every_way_out_of_main_leaves_nothing ({end}, {method:?})"), method);
            let mut node = start(&trial, "with-grandchildren", 2, end);
            assert_eq!(trial.wait(&mut node).code(), code, "{}", trial.text());
            match code {
                Some(_) => trial.assert_nothing_left(),
                // A program that crashes tidies nothing up; the kernel and the zygote do.
                None => drop(trial.assert_nobody_left()),
            }
        }
    }
}

#[test]
fn k_04_processes_that_do_not_hear_are_killed_when_main_returns() {
    let end = |method: Method| {
        let name = format!("k_04_processes_that_do_not_hear_are_killed_when_main_returns ({method:?})");
        let trial = Trial::new(&name, method);
        let begin = std::time::Instant::now();
        let mut node = start(&trial, "deaf", 3, "return");
        assert!(trial.wait(&mut node).success(), "{}", trial.text());
        let took = begin.elapsed();
        // First they are waited for, and then asked to stop.
        let both_timeouts = Duration::from_secs(5 + 5);
        assert!(both_timeouts <= took && took < both_timeouts + bound(Duration::from_secs(2)), "{took:?}");
        trial.assert_nothing_left();
    };
    // They do nothing but wait, and do that as well side by side.
    thread::scope(|scope| METHODS.iter().for_each(|method| drop(scope.spawn(|| end(*method)))));
}

#[test]
fn t_05_a_hundred_busy_processes_do_not_outlive_their_node() {
    for method in METHODS {
        let trial = Trial::new("t_05_a_hundred_busy_processes_do_not_outlive_their_node", method);
        let node = start(&trial, "in-c", 100, "wait");
        assert!(100 < trial.processes().len());
        kill(&trial, node);
        trial.assert_nothing_left();
    }
}

/// A test does not run on the main thread, and its runner knows nothing of nodes.
#[test]
fn t_25_nobody_outlives_a_test_program_that_is_killed() {
    killed_when_ready(|| busy::main("all", 1, "wait").expect("the processes start"));
}

/// Lives for a moment, again and again.
#[derive(Actor, Serialize, Deserialize)]
struct Mayfly;

#[handlers]
impl Mayfly {
    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }
}

/// How often each of the actors is killed; together that is ten thousand times.
const RESTARTS: u64 = 2_500;
const MAYFLIES: usize = 4;

#[test]
fn k_08_ten_thousand_restarts_leave_no_zombie_and_fill_no_table() {
    isolated_for_both_and_long(|| {
        let before = Snapshot::take();
        let mut app = Supervisor::builder().intensity(Intensity { restarts: u32::MAX, period: Duration::from_secs(1) });
        let mayflies: Vec<_> = (0..MAYFLIES)
            .map(|number| app.child(ChildSpec { id: number.to_string(), ..ChildSpec::new(Mayfly) }).unwrap())
            .collect();
        let app = app.start().unwrap();
        let kill_often = |mayfly: &ActorRef<Mayfly>| {
            for _ in 0..RESTARTS {
                mayfly.os_pid().wait().expect("it lives again");
                mayfly.kill().expect("it lives");
            }
        };
        std::thread::scope(|scope| mayflies.iter().for_each(|mayfly| drop(scope.spawn(|| kill_often(mayfly)))));
        let children = app.which_children().unwrap();
        assert!(children.iter().all(|child| child.restarts == RESTARTS), "{children:?}");
        let zombies = children_of(std::process::id()).into_iter().filter(|seen| seen.is_zombie()).count();
        assert!(zombies <= MAYFLIES, "{zombies} zombies");
        app.stop().unwrap();
        before.assert_no_leaks();
    });
}
