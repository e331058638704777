//! Monitors, many of them, of all kinds and at once.

use std::collections::BTreeSet;

use actor_core::link::{Monitor, monitor};
use actor_core::process::Process;
use actor_core::{KilledBy, MonitorRef};
use actor_tests::chance::Chance;

use super::*;
use crate::harness::{isolated, isolated_for_both};

fn sleep((): ()) {
    foreign::sleep_in_c(1000);
}

#[test]
fn smoke() {
    isolated(|| {
        let process = Process::spawn(sleep, ()).unwrap();
        let one = monitor(&process).unwrap();
        process.kill().unwrap();
        let reason = one.wait_timeout(SOON).expect("it was killed").report.reason;
        assert_eq!(reason, ExitReason::Killed { by: KilledBy::User });
    });
}

/// A process may have a limited number of monitors, so an entry that stays would be missed in the end.
#[test]
fn monitors_that_are_given_up_or_have_told_leave_no_entry() {
    const LIMIT: usize = 1 << 18;
    isolated(|| {
        let lasting = Process::spawn(sleep, ()).unwrap();
        let last = monitor(&lasting).unwrap();
        for _ in 0..LIMIT + LIMIT / 8 {
            drop(monitor(&lasting).expect("those before are gone"));
        }
        for _ in 0..2 {
            let target = Process::spawn(sleep, ()).unwrap();
            let monitors: Vec<_> = (0..LIMIT * 5 / 8).map(|_| monitor(&target).expect("there is room")).collect();
            target.kill().unwrap();
            assert!(monitors.iter().all(|monitor| monitor.wait_timeout(SOON).is_some()));
        }
        assert!(lasting.is_alive() && last.try_wait().is_none());
        lasting.kill().unwrap();
        last.wait_timeout(SOON).expect("it was killed");
    });
}

/// Somebody who is monitored: an actor or a process.
enum Target {
    Actor(ActorRef<Server>),
    Process(Process<()>),
}

impl Target {
    fn any(chance: &mut Chance, gate: &Queue<()>) -> Target {
        match chance.once_in(2) {
            true => Target::Actor(server(gate)),
            false => Target::Process(Process::spawn(sleep, ()).unwrap()),
        }
    }

    fn monitor(&self) -> Monitor {
        match self {
            Target::Actor(actor) => actor.monitor(),
            Target::Process(process) => monitor(process),
        }
        .expect("the node is there")
    }

    fn kill(&self) {
        match self {
            Target::Actor(actor) => drop(actor.kill().expect("it lives")),
            Target::Process(process) => process.kill().expect("it lives"),
        }
    }
}

/// They are made, given up and asked in any order, before and after the deaths that they tell of.
#[test]
fn of_any_mixture_of_monitors_each_tells_once() {
    isolated_for_both(|| {
        let (gate, mut chance) = (gate(), Chance::announced());
        let mut living: Vec<Target> = (0..6).map(|_| Target::any(&mut chance, &gate)).collect();
        let (mut dead, mut monitors): (Vec<Target>, Vec<(Monitor, bool)>) = (Vec::new(), Vec::new());
        for _ in 0..600 {
            let of = |count: usize, chance: &mut Chance| chance.below(count as u64) as usize;
            match chance.below(16) {
                0..8 => monitors.push((living[of(living.len(), &mut chance)].monitor(), true)),
                8..10 if !dead.is_empty() => monitors.push((dead[of(dead.len(), &mut chance)].monitor(), false)),
                10..15 if !monitors.is_empty() => drop(monitors.swap_remove(of(monitors.len(), &mut chance))),
                15 => {
                    let place = of(living.len(), &mut chance);
                    let other = Target::any(&mut chance, &gate);
                    let killed = std::mem::replace(&mut living[place], other);
                    killed.kill();
                    dead.push(killed);
                }
                _ => {}
            }
        }
        living.iter().for_each(Target::kill);
        let mut told = BTreeSet::<MonitorRef>::new();
        for (monitor, was_alive) in &monitors {
            let down = monitor.wait_timeout(SOON).expect("all of them are dead");
            assert_eq!(down.monitor, monitor.id());
            match &down.report.reason {
                ExitReason::Killed { by: KilledBy::User } => {}
                // A process may still be on its way out when it has been killed.
                ExitReason::NoProc if !was_alive => {}
                other => panic!("{other:?}"),
            }
            assert!(told.insert(down.monitor), "each has a number of its own");
        }
        assert!(!monitors.is_empty() && !dead.is_empty(), "{} monitors, {} deaths", monitors.len(), dead.len());
        println!("{} monitors were left to tell of {} deaths", monitors.len(), dead.len() + living.len());
        done(gate, []);
    });
}
