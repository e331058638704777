//! Every way in which a program ends: a test for each row of the table in the documentation of
//! `#[actor_core::main]`, named after it.

use std::io::{BufRead, BufReader, PipeReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use actor_tests::mains::CODE;
use actor_tests::terminal::Terminal;
use actor_tests::watch::{bound, children_of, is_alive, until};
use rustix::process::Signal;

use super::{
    ALL, ASYNC_RESULT, STDIN, SYNC_RESULT, TWO, died_of, each, end_in_order, on_terminal, signal, stopped_in_order,
    trials,
};
use crate::harness::{METHODS, Trial};

/// Of those who need not be asked, nobody is left after this.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn main_returns() {
    each("main_returns", &ALL, "return", |trial, child| assert_eq!(end_in_order(trial, child).code(), Some(0)));
}

#[test]
fn main_returns_an_error() {
    each("main_returns_an_error", &[SYNC_RESULT, ASYNC_RESULT], "error", |trial, child| {
        assert_eq!(end_in_order(trial, child).code(), Some(1));
        assert!(trial.text().contains("Error: Unlucky"), "{}", trial.text());
    });
}

#[test]
fn a_panic_in_main() {
    each("a_panic_in_main", &ALL, "panic", |trial, child| {
        assert_eq!(end_in_order(trial, child).code(), Some(101));
    });
}

#[test]
fn a_panic_in_another_thread() {
    each("a_panic_in_another_thread", &TWO, "panic-elsewhere", |trial, child| {
        assert_eq!(end_in_order(trial, child).code(), Some(0));
        assert_eq!(trial.line("goes on:"), "Ok(8)");
    });
}

#[test]
fn a_println_that_nobody_reads() {
    trials("a_println_that_nobody_reads", &TWO, "println", |trial, program| {
        let (mut child, reader) = with_pipes(trial, program, "println");
        drop(reader);
        drop(child.stdin.take());
        assert_eq!(end_in_order(trial, &mut child).code(), Some(101));
        assert!(trial.text().contains("failed printing to stdout"), "{}", trial.text());
    });
}

#[test]
fn exit_in_any_thread() {
    for end in ["exit", "exit-in-c", "exit-elsewhere"] {
        each("exit_in_any_thread", &TWO, end, |trial, child| {
            assert_eq!(end_in_order(trial, child).code(), Some(CODE));
        });
    }
}

#[test]
fn sigint_as_by_ctrl_c() {
    each("sigint_as_by_ctrl_c", &ALL, "wait", |trial, child| dies_in_order_of(Signal::INT, trial, child));
}

#[test]
fn sigterm() {
    each("sigterm", &ALL, "wait", |trial, child| dies_in_order_of(Signal::TERM, trial, child));
}

#[test]
fn sighup_as_by_a_closed_terminal() {
    each("sighup", &ALL, "wait", |trial, child| dies_in_order_of(Signal::HUP, trial, child));
    trials("a_closed_terminal", &TWO, "wait", |trial, program| {
        let terminal = Terminal::open();
        let mut shell = on_terminal(trial, program, "wait", &terminal, STDIN);
        assert_eq!(trial.line("ready:"), "42");
        drop(terminal);
        assert!(trial.wait(&mut shell).success(), "{}", trial.text());
        assert_eq!(trial.line("status:"), died_of(Signal::HUP));
        stopped_in_order(trial);
    });
}

#[test]
fn a_second_sigint_or_sigterm() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM), (Signal::HUP, Signal::INT)] {
        each("a_second_sigint_or_sigterm", &TWO, "deaf", |trial, child| {
            signal(child.id(), first);
            assert_eq!(trial.line("stopping:"), "second");
            // This asks, and has been asked.
            signal(child.id(), Signal::HUP);
            let begin = Instant::now();
            signal(child.id(), second);
            assert_eq!(trial.wait(child).signal(), Some(second.as_raw()));
            assert!(begin.elapsed() < bound(AT_ONCE), "{:?}", begin.elapsed());
            trial.assert_nobody_left();
        });
    }
}

#[test]
fn a_signal_that_was_ignored_before() {
    trials("a_signal_that_was_ignored_before", &TWO, "wait", |trial, program| {
        let mut command = trial.command(Path::new("sh"));
        let mut child = command.args(["-c", "trap '' HUP INT; exec \"$0\" wait", program]).spawn().unwrap();
        assert_eq!(trial.line("ready:"), "42");
        signal(child.id(), Signal::HUP);
        signal(child.id(), Signal::INT);
        // Were one of these the first, this would be the second.
        dies_in_order_of(Signal::TERM, trial, &mut child);
    });
}

#[test]
fn a_signal_without_the_attribute() {
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        for method in METHODS {
            let trial = Trial::new(&format!("a_signal_without_the_attribute ({number:?}, {method:?})"), method);
            let mut command = trial.command(Path::new(env!("CARGO_BIN_EXE_node")));
            let mut child = command.args(["with-grandchildren", "2", "wait"]).spawn().unwrap();
            trial.line("ready:");
            signal(child.id(), number);
            assert_eq!(trial.wait(&mut child).signal(), Some(number.as_raw()));
            trial.assert_nobody_left();
        }
    }
}

#[test]
fn abort_a_crash_sigkill_or_exit_now() {
    let (abort, segfault) = ((None, Some(Signal::ABORT)), (None, Some(Signal::SEGV)));
    let code = (Some(CODE), None);
    for (end, (code, died)) in [("abort", abort), ("segfault", segfault), ("exit-now", code), ("exit-quickly", code)] {
        each("abort_a_crash_sigkill_or_exit_now", &TWO, end, |trial, child| {
            let status = trial.wait(child);
            assert_eq!((status.code(), status.signal()), (code, died.map(Signal::as_raw)), "{}", trial.text());
            nobody_was_asked(trial);
        });
    }
    each("abort_a_crash_sigkill_or_exit_now", &TWO, "wait", |trial, child| {
        child.kill().unwrap();
        assert_eq!(trial.wait(child).signal(), Some(Signal::KILL.as_raw()));
        nobody_was_asked(trial);
    });
}

#[test]
fn exec_of_another_program() {
    trials("exec_of_another_program", &TWO, "exec", |trial, program| {
        let (mut child, reader) = with_pipes(trial, program, "exec");
        let zygote = actor_tests::watch::zygote_of(child.id()).expect("it has started actors").pid;
        let actors: Vec<u32> =
            children_of(child.id()).into_iter().map(|seen| seen.pid).filter(|pid| *pid != zygote).collect();
        assert_eq!(actors.len(), 2);
        drop(child.stdin.take());
        assert_eq!(next_line(&mut BufReader::new(reader), "executed:"), child.id().to_string());
        until("its actors are dead", || !actors.iter().any(|pid| is_alive(*pid)));
        assert!(is_alive(child.id()), "the other program goes on");
        child.kill().unwrap();
        assert_eq!(trial.wait(&mut child).signal(), Some(Signal::KILL.as_raw()));
        nobody_was_asked(trial);
    });
}

#[test]
fn the_end_of_a_fork_of_it() {
    each("the_end_of_a_fork_of_it", &TWO, "fork", |trial, child| {
        assert_eq!(end_in_order(trial, child).code(), Some(0));
        assert_eq!(trial.line("goes on:"), "Ok(8)");
    });
}

#[test]
fn a_link_to_somebody_who_fails() {
    for method in METHODS {
        let trial = Trial::new(&format!("a_link_to_somebody_who_fails ({method:?})"), method);
        let ended = trial.run(trial.command(Path::new(env!("CARGO_BIN_EXE_linked_main"))).arg("crash"));
        assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
        assert!(ended.text.contains("main ends through its link to process"), "{}", ended.text);
        assert!(ended.text.contains("stopping: keeper"), "{}", ended.text);
        trial.assert_nothing_left();
    }
}

fn dies_in_order_of(number: Signal, trial: &Trial, child: &mut Child) {
    signal(child.id(), number);
    assert_eq!(end_in_order(trial, child).signal(), Some(number.as_raw()));
}

fn nobody_was_asked(trial: &Trial) {
    trial.assert_nobody_left();
    assert!(!trial.text().contains("stopping:"), "{}", trial.text());
}

/// A program that is ready, and what it writes; it goes on when it is given the end of its stdin.
fn with_pipes(trial: &Trial, program: &str, end: &str) -> (Child, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = trial.command(Path::new(program));
    let child = command.arg(end).stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
    drop(command);
    let mut lines = BufReader::new(reader);
    assert_eq!(next_line(&mut lines, "main:"), child.id().to_string());
    assert_eq!(next_line(&mut lines, "ready:"), "42");
    assert!(lines.buffer().is_empty(), "it says no more before it has its sign");
    (child, lines.into_inner())
}

/// The next line, which begins like this, and the rest of it.
fn next_line(lines: &mut impl BufRead, beginning: &str) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let rest = line.strip_prefix(beginning).unwrap_or_else(|| panic!("`{line}` and not `{beginning}`"));
    rest.trim().to_owned()
}
