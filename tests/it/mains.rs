//! Programs with `#[actor_core::main]`: every shape of `main`, every way out of it.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use actor_tests::watch::bound;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::harness::{METHODS, Trial};

const SYNC: &str = env!("CARGO_BIN_EXE_main_sync_unit");
const SYNC_RESULT: &str = env!("CARGO_BIN_EXE_main_sync_result");
const ASYNC: &str = env!("CARGO_BIN_EXE_main_async_unit");
const ASYNC_RESULT: &str = env!("CARGO_BIN_EXE_main_async_result");
const ALL: [&str; 4] = [SYNC, SYNC_RESULT, ASYNC, ASYNC_RESULT];

/// Starts each of the programs by each method, and calls `look` when it has had its answer.
fn each(name: &str, programs: &[&str], end: &str, look: impl Fn(&Trial, &mut Child)) {
    for (program, method) in programs.iter().flat_map(|program| METHODS.map(|method| (program, method))) {
        let file = Path::new(program).file_name().unwrap().to_string_lossy();
        let trial = Trial::new(&format!("{name} ({file}, {end}, {method:?})"), method);
        let mut child = trial.command(Path::new(program)).arg(end).spawn().unwrap();
        assert_eq!(trial.line("ready:"), "42");
        look(&trial, &mut child);
        assert_eq!(trial.text().matches("main:").count(), 1, "main runs once: {}", trial.text());
        trial.assert_nothing_left();
    }
}

/// Waits for the end, and asserts that all was stopped before it, last started, first stopped.
fn end_in_order(trial: &Trial, child: &mut Child) -> ExitStatus {
    let status = trial.wait(child);
    let text = trial.text();
    let stopped: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("stopping: ")).collect();
    assert_eq!(stopped, ["second", "first"], "{text}");
    status
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn smoke() {
    each("smoke", &ALL, "return", |trial, child| assert_eq!(end_in_order(trial, child).code(), Some(0)));
}

#[test]
fn an_error_is_the_exit_code_one() {
    each("an_error_is_the_exit_code_one", &[SYNC_RESULT, ASYNC_RESULT], "error", |trial, child| {
        assert_eq!(end_in_order(trial, child).code(), Some(1));
        assert!(trial.text().contains("Error: Unlucky"), "{}", trial.text());
    });
}

#[test]
fn a_panic_in_main_stops_everything_as_well() {
    each("a_panic_in_main_stops_everything_as_well", &ALL, "panic", |trial, child| {
        assert_eq!(end_in_order(trial, child).code(), Some(101));
    });
}

#[test]
fn an_interrupt_stops_everything_in_order_and_is_what_the_program_dies_of() {
    for (number, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")] {
        each(name, &ALL, "wait", |trial, child| {
            signal(child, number);
            assert_eq!(end_in_order(trial, child).signal(), Some(number.as_raw()));
        });
    }
}

#[test]
fn a_second_interrupt_does_not_wait() {
    each("a_second_interrupt_does_not_wait", &[SYNC, ASYNC_RESULT], "deaf", |trial, child| {
        signal(child, Signal::TERM);
        assert_eq!(trial.line("stopping:"), "second");
        let begin = Instant::now();
        signal(child, Signal::TERM);
        assert_eq!(trial.wait(child).signal(), Some(Signal::TERM.as_raw()));
        assert!(begin.elapsed() < bound(Duration::from_secs(1)), "{:?}", begin.elapsed());
        trial.assert_nobody_left();
    });
}

/// What a terminal does: everybody in the foreground is interrupted, not the root process alone.
#[test]
fn k_05_an_interrupt_of_the_whole_group_is_one_for_the_node() {
    each("k_05_graceful", &ALL, "wait", |trial, child| {
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
        assert_eq!(end_in_order(trial, child).signal(), Some(Signal::INT.as_raw()));
        assert!(!trial.text().contains("panicked"), "{}", trial.text());
    });
    each("k_05_forced", &[SYNC, ASYNC_RESULT], "deaf", |trial, child| {
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
        assert_eq!(trial.line("stopping:"), "second");
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
        assert_eq!(trial.wait(child).signal(), Some(Signal::INT.as_raw()));
        assert!(!trial.text().contains("panicked"), "{}", trial.text());
        trial.assert_nobody_left();
    });
}
