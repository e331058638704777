//! Programs with `#[actor_core::main]`: every shape of `main`, every way out of it.

mod ends;
mod processes;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};

use actor_tests::terminal::Terminal;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::harness::{METHODS, Method, Trial};

const SYNC: &str = env!("CARGO_BIN_EXE_main_sync_unit");
const SYNC_RESULT: &str = env!("CARGO_BIN_EXE_main_sync_result");
const ASYNC: &str = env!("CARGO_BIN_EXE_main_async_unit");
const ASYNC_RESULT: &str = env!("CARGO_BIN_EXE_main_async_result");
const ALL: [&str; 4] = [SYNC, SYNC_RESULT, ASYNC, ASYNC_RESULT];
/// For what does not depend on what `main` returns.
const TWO: [&str; 2] = [SYNC, ASYNC_RESULT];

/// Calls `run` with each of the programs and each method.
fn trials(name: &str, programs: &[&'static str], end: &str, run: impl Fn(&Trial, &'static str)) {
    for (program, method) in programs.iter().flat_map(|program| METHODS.map(|method| (program, method))) {
        let trial = trial(name, program, end, method);
        run(&trial, program);
        trial.assert_nothing_left();
    }
}

fn trial(name: &str, program: &str, end: &str, method: Method) -> Trial {
    let file = Path::new(program).file_name().unwrap().to_string_lossy();
    Trial::new(&format!("{name} ({file}, {end}, {method:?})"), method)
}

/// Starts each of the programs by each method, and calls `look` when it has had its answer.
fn each(name: &str, programs: &[&'static str], end: &str, look: impl Fn(&Trial, &mut Child)) {
    trials(name, programs, end, |trial, program| {
        let mut child = trial.command(Path::new(program)).arg(end).spawn().unwrap();
        assert_eq!(trial.line("ready:"), "42");
        look(trial, &mut child);
        assert_eq!(trial.text().matches("main:").count(), 1, "main runs once: {}", trial.text());
    });
}

/// Waits for the end, and asserts that all was stopped before it, last started, first stopped.
fn end_in_order(trial: &Trial, child: &mut Child) -> ExitStatus {
    let status = trial.wait(child);
    stopped_in_order(trial);
    status
}

fn stopped_in_order(trial: &Trial) {
    let text = trial.text();
    let stopped: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("stopping: ")).map(|(_, name)| name).collect();
    assert_eq!(stopped, ["second", "first"], "{text}");
}

/// Sends a signal to somebody who has not been waited for.
fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

#[test]
fn smoke() {
    each("smoke", &ALL, "return", |trial, child| assert_eq!(end_in_order(trial, child).code(), Some(0)));
}

/// What a terminal does: everybody in the foreground is interrupted, not the root process alone.
#[test]
fn k_05_an_interrupt_of_the_whole_group_is_one_for_the_node() {
    each("k_05_graceful", &ALL, "wait", |trial, child| {
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
        assert_eq!(end_in_order(trial, child).signal(), Some(Signal::INT.as_raw()));
        assert!(!trial.text().contains("panicked"), "{}", trial.text());
    });
    each("k_05_forced", &TWO, "deaf", |trial, child| {
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
        assert_eq!(trial.line("stopping:"), "second");
        kill_process_group(Pid::from_child(child), Signal::INT).unwrap();
        assert_eq!(trial.wait(child).signal(), Some(Signal::INT.as_raw()));
        assert!(!trial.text().contains("panicked"), "{}", trial.text());
        trial.assert_nobody_left();
    });
}

/// Starts a program whose terminal this is, and which has it for what stands in `redirected`.
fn on_terminal(trial: &Trial, program: &str, end: &str, terminal: &Terminal, redirected: &str) -> Child {
    // The shell is no part of that session, so it is there to tell how the program has ended.
    let script = format!("setsid --ctty \"$0\" \"$1\" {redirected}; echo \"status: $?\"");
    let mut command = trial.command(Path::new("sh"));
    command.args(["-c", &script, program, end]).arg(terminal.path()).spawn().unwrap()
}

const STDIN: &str = "<\"$2\"";
const ALL_THREE: &str = "<\"$2\" >\"$2\" 2>\"$2\"";

/// What a shell makes of a death by a signal.
fn died_of(signal: Signal) -> String {
    (128 + signal.as_raw()).to_string()
}

/// What comes to a terminal, up to a line that begins like this, and the rest of that.
fn line_on(screen: &mut impl BufRead, beginning: &str) -> String {
    let mut lines = screen.by_ref().lines().map(|line| line.expect("the terminal is there"));
    let line = lines.find_map(|line| Some(line.strip_prefix(beginning)?.trim().to_owned()));
    line.unwrap_or_else(|| panic!("no `{beginning}`"))
}

/// Whoever writes finds nobody there any more, while it runs and while it stops.
#[test]
fn k_12_a_closed_terminal_is_the_end_of_a_program_that_runs_and_of_one_that_stops() {
    for (program, method) in TWO.iter().zip(METHODS) {
        for (end, first) in [("wait", Signal::HUP), ("deaf", Signal::TERM)] {
            let trial = trial("k_12", program, end, method);
            let terminal = Terminal::open();
            let mut shell = on_terminal(&trial, program, end, &terminal, ALL_THREE);
            let mut screen = BufReader::new(terminal.screen.try_clone().unwrap());
            let main = line_on(&mut screen, "main:").parse().unwrap();
            assert_eq!(line_on(&mut screen, "ready:"), "42");
            if first == Signal::TERM {
                signal(main, first);
                assert_eq!(line_on(&mut screen, "stopping:"), "second");
            }
            drop((screen, terminal));
            assert!(trial.wait(&mut shell).success(), "{}", trial.text());
            assert_eq!(trial.line("status:"), died_of(first));
            trial.assert_nothing_left();
        }
    }
}
