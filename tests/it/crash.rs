//! Slices of the long runs of `cargo run --release -p actor-tests --bin crash`.

mod steps;

use std::path::Path;

use actor_tests::chance::{Chance, effort};
use actor_tests::crash::kills::{Hits, campaign};
use actor_tests::crash::{Budget, MODES, Plan, Tally};

use crate::harness::{Method, Trial, isolated, skip};

const KILLS: u64 = 300;

#[test]
fn c_12_random_kills_of_a_full_system() {
    isolated(|| {
        let kills = KILLS * u64::from(effort());
        let plan = Plan::new(Budget::Runs(kills), Chance::announced().any());
        let mut tally = Tally::new("kills");
        let outcome = campaign(&plan, &mut tally).unwrap_or_else(|fault| panic!("{fault}"));
        println!("{outcome:#?}");
        assert_eq!((tally.kills, tally.runs), (kills, kills));
        assert!(outcome.audit.sent > 0 && outcome.audit.again > 0, "nothing was at stake");
        assert!(Hits::PERCENT_MIN <= outcome.hits.percent(), "too many deaths of the idle: {:?}", outcome.hits);
    });
}

#[test]
fn whoever_shares_things_with_others_dies_alone() {
    isolated(|| {
        let kills = KILLS * u64::from(effort());
        let plan = Plan::new(Budget::Runs(kills), Chance::announced().any());
        let mode = MODES.iter().find(|mode| mode.name == "sharing").expect("there is such a mode");
        let mut tally = Tally::new(mode.name);
        (mode.run)(&plan, &mut tally).unwrap_or_else(|fault| panic!("{fault}"));
        println!("{}", tally.text());
        assert_eq!((tally.kills, tally.runs), (kills, kills));
    });
}

/// The program itself, with a few runs of a mode: it kills what would be this process here.
fn slice(test: &str, mode: &str, runs: u64) {
    let trial = Trial::new(test, Method::Zygote);
    let (runs, seed) = (runs * u64::from(effort()), Chance::announced().any());
    let mut command = trial.command(Path::new(env!("CARGO_BIN_EXE_crash")));
    command.args([mode, "--json", "--runs", &runs.to_string(), "--seed", &seed.to_string()]);
    let ended = trial.run(&mut command);
    assert!(ended.status.success(), "{}", ended.text);
    let object = ended.text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{}", ended.text));
    assert!(object.starts_with(&format!("{{\"mode\":\"{mode}\",\"runs\":{runs},\"kills\":{runs},")), "{object}");
    trial.assert_nothing_left();
}

#[test]
fn c_15_a_node_that_is_killed_while_it_is_busy() {
    slice("c_15_a_node_that_is_killed_while_it_is_busy", "node", 8);
}

#[test]
fn c_19_zygotes_that_are_killed_while_processes_start() {
    slice("c_19_zygotes_that_are_killed_while_processes_start", "zygote", 20);
}

#[test]
fn k_12_a_terminal_that_is_closed_over_a_busy_node() {
    slice("k_12_a_terminal_that_is_closed_over_a_busy_node", "terminal", 6);
}

#[test]
fn k_14_a_process_in_the_middle_that_is_killed() {
    slice("k_14_a_process_in_the_middle_that_is_killed", "middle", 12);
}

#[test]
fn whoever_is_killed_while_it_logs_is_heard_up_to_there() {
    let trial = Trial::new("whoever_is_killed_while_it_logs", Method::Zygote);
    let runs = 12 * u64::from(effort());
    let mut command = trial.command(Path::new(env!("CARGO_BIN_EXE_crash")));
    command.args(["logs", "--runs", &runs.to_string(), "--seed", &Chance::announced().any().to_string()]);
    let ended = trial.run(&mut command);
    assert!(ended.status.success(), "{}", ended.text);
    if let Some(reason) = ended.text.lines().find_map(|line| line.trim_start().strip_prefix("SKIP: ")) {
        skip(reason);
    }
    trial.assert_nothing_left();
}

#[test]
fn what_is_done_to_the_dead_does_not_reach_whoever_has_their_number() {
    isolated(|| {
        let runs = 40 * u64::from(effort());
        let plan = Plan::new(Budget::Runs(runs), Chance::announced().any());
        let mode = MODES.iter().find(|mode| mode.name == "numbers").expect("there is such a mode");
        let mut tally = Tally::new(mode.name);
        (mode.run)(&plan, &mut tally).unwrap_or_else(|fault| panic!("{fault}"));
        match tally.remarks.iter().find_map(|remark| remark.strip_prefix("SKIP: ")) {
            Some(reason) => skip(reason),
            None => assert_eq!(tally.runs, runs),
        }
    });
}

#[test]
fn the_command_line_of_crash_is_checked() {
    let trial = Trial::new("the_command_line_of_crash_is_checked", Method::Zygote);
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["simulate", "--runs", "10"], 0),
        (&[], 2),
        (&["nothing"], 2),
        (&["simulate", "--runs", "1", "--seconds", "1"], 2),
        (&["simulate", "--seed", "x"], 2),
        (&["simulate", "--faults", "0"], 2),
        (&["all", "--runs", "1"], 2),
    ] {
        let ended = trial.run(trial.command(Path::new(env!("CARGO_BIN_EXE_crash"))).args(arguments));
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", ended.text);
    }
}
