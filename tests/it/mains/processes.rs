//! What becomes of processes that are no actors when the program ends: the table for them in the documentation
//! of `#[actor_core::main]`.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use actor_tests::mains::CODE;
use actor_tests::watch::bound;
use rustix::process::Signal;

use super::signal;
use crate::harness::{METHODS, Trial};

/// A program that is ready, for each method.
fn each(name: &str, end: &str, how: &str, look: impl Fn(&Trial, &mut Child)) {
    for method in METHODS {
        let trial = Trial::new(&format!("{name} ({end}, {how}, {method:?})"), method);
        let mut command = trial.command(Path::new(env!("CARGO_BIN_EXE_joined")));
        let mut child = command.args([end, how]).spawn().unwrap();
        trial.line("ready:");
        look(&trial, &mut child);
        trial.assert_nothing_left();
    }
}

/// However `main` ends, daemons are stopped, and others are waited for: the other one here learns of the end
/// of the daemon, and has the time to say so.
#[test]
fn daemons_are_stopped_and_others_are_joined() {
    let code = |status: ExitStatus| (status.code(), status.signal());
    let interrupted = Signal::INT.as_raw();
    let ends = [
        ("return", (Some(0), None)),
        ("exit", (Some(CODE), None)),
        ("panic", (Some(101), None)),
        ("wait", (None, Some(interrupted))),
    ];
    for (end, expected) in ends {
        each("daemons_are_stopped", end, "ends", |trial, child| {
            if end == "wait" {
                signal(child.id(), Signal::INT);
            }
            assert_eq!(code(trial.wait(child)), expected, "{}", trial.text());
            assert!(trial.line("daemon:").contains("SIGTERM"), "{}", trial.text());
            assert_eq!(trial.line("other:"), "done");
        });
    }
}

#[test]
fn who_has_not_ended_when_the_time_is_over_is_asked_to() {
    each("who_has_not_ended", "return", "stays-for-a-moment", |trial, child| {
        assert_eq!(trial.wait(child).code(), Some(0), "{}", trial.text());
        assert!(!trial.text().contains("other: done"), "{}", trial.text());
    });
}

#[test]
fn a_second_interrupt_cuts_the_joining_short() {
    each("a_second_interrupt", "wait", "stays", |trial, child| {
        signal(child.id(), Signal::INT);
        trial.line("daemon:");
        let begin = Instant::now();
        signal(child.id(), Signal::INT);
        assert_eq!(trial.wait(child).signal(), Some(Signal::INT.as_raw()));
        assert!(begin.elapsed() < bound(Duration::from_secs(1)), "{:?}", begin.elapsed());
    });
}
