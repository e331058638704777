//! The rules one by one, and then all of them against a model that is too slow to be wrong.

use std::collections::BTreeSet;

use super::*;
use crate::id::Participant;

fn process(number: u16) -> ProcessId {
    ProcessId { participant: Participant(number), generation: 1 }
}

fn crash() -> ExitReason {
    ExitReason::Signaled { signal: 11, core: false }
}

const A: u16 = 2;
const B: u16 = 3;
const C: u16 = 4;

#[test]
fn smoke() {
    let mut ties = Ties::default();
    ties.link(process(A), process(B));
    ties.monitor(process(C), 7, process(A));
    let down = Consequence::Down { watcher: process(C), number: 7 };
    assert_eq!(ties.die(process(A), &crash(), |_| false), [down, Consequence::Ends(process(B))]);
    assert!(ties.is_empty(), "{ties:?}");
}

/// The table of the module.
#[test]
fn a_normal_end_passes_by_those_who_do_not_trap() {
    let at = |reason: &ExitReason, traps| at_other_end(process(B), reason, traps);
    assert_eq!(at(&ExitReason::Normal, false), None);
    for reason in [ExitReason::Shutdown(None), crash(), ExitReason::NoProc, ExitReason::DoNotRestart("no".into())] {
        assert_eq!(at(&reason, false), Some(Consequence::Ends(process(B))), "{reason:?}");
    }
    for reason in [ExitReason::Normal, crash(), ExitReason::Killed { by: KilledBy::User }] {
        assert_eq!(at(&reason, true), Some(Consequence::Told(process(B))), "{reason:?}");
    }
}

#[test]
fn a_kill_travels_as_a_death_by_link_and_names_who_was_killed() {
    let (first, second) = (Peer::Process(process(A)), Peer::Process(process(B)));
    let travelled = travelling(&ExitReason::Killed { by: KilledBy::User }, first);
    assert_eq!(travelled, ExitReason::Killed { by: KilledBy::Link(first) });
    assert_eq!(travelling(&travelled, second), travelled, "further on it is still the first");
    assert_eq!(travelling(&crash(), first), crash());
}

#[test]
fn one_link_per_pair_and_none_to_oneself() {
    let mut ties = Ties::default();
    ties.link(process(A), process(B));
    ties.link(process(B), process(A));
    ties.link(process(A), process(A));
    assert_eq!((ties.links_of(process(A)), ties.links_of(process(B))), (1, 1));
    ties.unlink(process(B), process(A));
    ties.unlink(process(B), process(A));
    assert!(ties.is_empty(), "{ties:?}");
}

#[test]
fn monitors_are_as_many_as_were_made() {
    let mut ties = Ties::default();
    ties.monitor(process(A), 1, process(B));
    ties.monitor(process(A), 2, process(B));
    ties.monitor(process(A), 2, process(C));
    ties.demonitor(process(A), 3);
    assert_eq!(ties.monitors_of(process(A)), 2);
    assert_eq!(ties.die(process(C), &crash(), |_| false), [], "a number stands for one target");
    let downs = [1, 2].map(|number| Consequence::Down { watcher: process(A), number });
    assert_eq!(ties.die(process(B), &ExitReason::Normal, |_| false), downs);
    assert!(ties.is_empty(), "{ties:?}");
}

#[test]
fn the_dead_are_told_nothing() {
    let mut ties = Ties::default();
    ties.link(process(A), process(B));
    ties.monitor(process(A), 1, process(B));
    assert_eq!(ties.die(process(A), &ExitReason::Normal, |_| false), []);
    assert_eq!(ties.die(process(B), &crash(), |_| true), []);
}

/// Ties as a plain list of facts.
#[derive(Default)]
struct Model {
    links: BTreeSet<(u16, u16)>,
    monitors: BTreeSet<(u16, u64, u16)>,
}

impl Model {
    fn die(&mut self, dead: u16, reason: &ExitReason, traps: impl Fn(u16) -> bool) -> BTreeSet<Consequence> {
        let mut expected = BTreeSet::new();
        for (watcher, number, target) in &self.monitors {
            if *target == dead && *watcher != dead {
                expected.insert(Consequence::Down { watcher: process(*watcher), number: *number });
            }
        }
        for (one, other) in &self.links {
            let receiver = if *one == dead { *other } else { *one };
            if *one == dead || *other == dead {
                expected.extend(at_other_end(process(receiver), reason, traps(receiver)));
            }
        }
        self.links.retain(|(one, other)| *one != dead && *other != dead);
        self.monitors.retain(|(watcher, _, target)| *watcher != dead && *target != dead);
        expected
    }
}

/// Splitmix: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }

    fn process(&mut self) -> u16 {
        2 + self.below(6) as u16
    }
}

#[test]
fn it_does_what_a_list_of_facts_would() {
    for seed in 0..2_000 {
        let (mut dice, mut ties, mut model) = (Dice(seed), Ties::default(), Model::default());
        for step in 0..60 {
            let (one, other, number) = (dice.process(), dice.process(), dice.below(4));
            match dice.below(6) {
                0 | 1 if one != other => {
                    ties.link(process(one), process(other));
                    model.links.insert((one.min(other), one.max(other)));
                }
                2 => {
                    ties.unlink(process(one), process(other));
                    model.links.remove(&(one.min(other), one.max(other)));
                }
                3 | 1 => {
                    ties.monitor(process(one), number, process(other));
                    let is_taken = model.monitors.iter().any(|(watcher, taken, _)| (*watcher, *taken) == (one, number));
                    if one != other && !is_taken {
                        model.monitors.insert((one, number, other));
                    }
                }
                4 => {
                    ties.demonitor(process(one), number);
                    model.monitors.retain(|(watcher, taken, _)| (*watcher, *taken) != (one, number));
                }
                _ => {
                    let reason = if dice.below(2) == 0 { ExitReason::Normal } else { crash() };
                    let trapping = dice.below(256);
                    let traps = |number: u16| trapping & 1 << number != 0;
                    let found = ties.die(process(one), &reason, |it| traps(it.participant.0));
                    let expected = model.die(one, &reason, traps);
                    let sorted: BTreeSet<Consequence> = found.iter().copied().collect();
                    assert_eq!(sorted.len(), found.len(), "seed {seed}, step {step}: told twice");
                    assert_eq!(sorted, expected, "seed {seed}, step {step}");
                }
            }
        }
        for last in 0..8 {
            ties.die(process(last), &ExitReason::Normal, |_| false);
        }
        assert!(ties.is_empty(), "seed {seed}: {ties:?}");
    }
}
