//! Processes of whole programs: their `main`, their file, their surroundings.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use actor_tests::watch::bound;

use crate::harness::{METHODS, Method, Trial};

const CONSTRUCTOR: &str = env!("CARGO_BIN_EXE_constructor");
const NODE: &str = env!("CARGO_BIN_EXE_node");
const PANICS: &str = env!("CARGO_BIN_EXE_panics");
const PLAIN_MAIN: &str = env!("CARGO_BIN_EXE_plain_main");
const STATIC_OBJECT: &str = env!("CARGO_BIN_EXE_static_object");
const SURROUNDINGS: &str = env!("CARGO_BIN_EXE_surroundings");
const UNFINISHED_LINES: &str = env!("CARGO_BIN_EXE_unfinished_lines");
const UPGRADED: &str = env!("CARGO_BIN_EXE_upgraded");

/// What follows `beginning` in each line that begins so.
fn lines<'a>(text: &'a str, beginning: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(beginning)).map(str::trim).collect()
}

#[test]
fn p_15_a_plain_main_runs_once() {
    for method in METHODS {
        let trial = Trial::new("p_15_a_plain_main_runs_once", method);
        let mut command = trial.command(Path::new(PLAIN_MAIN));
        command.arg("5");
        let ended = trial.run(&mut command);
        assert!(ended.status.success(), "{}", ended.text);
        assert_eq!(lines(&ended.text, "main:").len(), 1, "{}", ended.text);
        let squares: Vec<(&str, &str)> =
            lines(&ended.text, "square:").into_iter().filter_map(|line| line.split_once(" by ")).collect();
        assert_eq!(squares.iter().map(|(square, _)| *square).collect::<Vec<_>>(), ["1", "4", "9", "16", "25"]);
        assert_eq!(squares.iter().map(|(_, pid)| pid).collect::<HashSet<_>>().len(), 5);
        assert_eq!(lines(&ended.text, "spawned:"), ["5"], "exactly those that were asked for");
        trial.assert_nothing_left();
    }
}

/// By a plain `main`, and by code of a library that knows nothing of the program it is in. That tests,
/// doctests and benches can start processes, the others here, the crate's examples and its benches show.
#[test]
fn t_26_whoever_starts_processes_main_runs_once() {
    for method in METHODS {
        for (program, arguments) in [(PLAIN_MAIN, &["3"][..]), (NODE, &["actor", "3", "return"])] {
            let trial = Trial::new("t_26_whoever_starts_processes_main_runs_once", method);
            let ended = trial.run(trial.command(Path::new(program)).args(arguments));
            assert!(ended.status.success(), "{}", ended.text);
            let runs = lines(&ended.text, "main:").len() + lines(&ended.text, "ready:").len();
            assert_eq!(runs, 1, "{}", ended.text);
            trial.assert_nothing_left();
        }
    }
}

#[test]
fn t_26_static_objects_are_made_once_in_every_process() {
    for method in METHODS {
        let trial = Trial::new("t_26_static_objects_are_made_once_in_every_process", method);
        let ended = trial.run(&mut trial.command(Path::new(STATIC_OBJECT)));
        assert!(ended.status.success(), "{}", ended.text);
        assert_eq!(lines(&ended.text, "main:"), ["[1, 1]"], "{}", ended.text);
        assert_eq!(lines(&ended.text, "process:"), ["[1, 1]"; 2], "{}", ended.text);
        assert_eq!(lines(&ended.text, "unmade").len(), 6, "two in each: {}", ended.text);
        trial.assert_nothing_left();
    }
}

/// In a constructor of the program, before the node and the process have exchanged a word.
#[test]
fn t_04_a_process_that_ends_or_hangs_before_the_handshake() {
    for (end, outcome, at_most) in [("exits", "died, ExitCode(3)", 500), ("hangs", "timeout", 1_500)] {
        let trial = Trial::new(&format!("t_04_before_the_handshake ({end})"), Method::Exec);
        let ended = trial.run(trial.command(Path::new(CONSTRUCTOR)).arg(end));
        assert_eq!(lines(&ended.text, "outcome:"), [outcome], "{}", ended.text);
        let took: u128 = trial.line("took:").parse().unwrap();
        assert!(took < bound(Duration::from_millis(at_most)).as_millis(), "{took} ms");
        trial.assert_nothing_left();
    }
}

/// The same with panics that abort is a step of its own among the checks.
#[test]
fn what_is_known_about_panics() {
    for method in METHODS {
        let trial = Trial::new("what_is_known_about_panics", method);
        let ended = trial.run(&mut trial.command(Path::new(PANICS)));
        assert_eq!(lines(&ended.text, "panics:"), ["unwind"], "{}", ended.text);
        trial.assert_nothing_left();
    }
}

/// Copies a program in a process of its own. A process that another thread of this one forks has all
/// that is open here until its exec, and what anybody has open for writing cannot be executed.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "{from:?} was not copied: {status}");
}

#[test]
fn p_13_a_replaced_program_goes_on_with_itself() {
    for method in METHODS {
        let trial = Trial::new("p_13_a_replaced_program_goes_on_with_itself", method);
        let path = trial.directory.path().join("program");
        copy(Path::new(UPGRADED), &path);
        let mut command = trial.command(&path);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        assert_eq!(trial.line("ready:"), child.id().to_string());
        // As a package manager does it: another file under the same name.
        let other = trial.directory.path().join("other");
        copy(Path::new(PLAIN_MAIN), &other);
        std::fs::rename(&other, &path).unwrap();
        drop(child.stdin.take());
        let status = trial.wait(&mut child);
        assert!(status.success(), "{}", trial.text());
        assert_eq!(trial.line("answer:"), "from the build that was started");
        trial.assert_nothing_left();
    }
}

#[test]
fn p_16_without_stdin_and_with_a_broken_stdout() {
    for method in METHODS {
        let trial = Trial::new("p_16_without_stdin_and_with_a_broken_stdout", method);
        let mut command = trial.command(Path::new("sh"));
        command.args(["-c", "exec \"$0\" \"$1\" <&-", SURROUNDINGS, "/"]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        let ended = trial.run(&mut command);
        assert_eq!(lines(&ended.text, "stdin:"), ["/dev/null"], "{}", ended.text);
        assert_eq!(lines(&ended.text, "done:"), ["yes"], "{}", ended.text);
        trial.assert_nothing_left();
    }
}

#[test]
fn p_17_what_the_node_has_changed_is_there_but_for_signals() {
    for method in METHODS {
        let trial = Trial::new("p_17_what_the_node_has_changed_is_there_but_for_signals", method);
        let directory = trial.directory.path().canonicalize().unwrap();
        let mut command = trial.command(Path::new("sh"));
        // With a descriptor that is not closed on exec.
        command.args(["-c", "umask 022; exec 9</dev/zero; exec \"$0\" \"$1\"", SURROUNDINGS]).arg(&directory);
        let ended = trial.run(&mut command);
        let said = |beginning: &str| lines(&ended.text, beginning).join(" ");
        assert_eq!(said("done:"), "yes", "{}", ended.text);
        assert_eq!(said("directory:"), directory.to_str().unwrap());
        assert_eq!(said("variable:"), "changed");
        assert_eq!(said("SigBlk:"), "0000000000000000");
        // The C library lets nobody change what happens at its own two signals, 32 and 33.
        let ignored = u64::from_str_radix(&said("SigIgn:"), 16).unwrap() & !(3 << 31);
        assert_eq!(ignored, 1 << 12, "SIGPIPE alone, as in every Rust program");
        assert_eq!(said("SigCgt:"), "0000000000000440", "SIGSEGV and SIGBUS, to tell an overflow of the stack");
        assert_eq!(said("open:"), "5", "stdin, stdout, stderr, the shared memory and the bell of the node");
        // The mask is the one that whoever made the process has had.
        assert_eq!(said("Umask:"), if method == Method::Exec { "0027" } else { "0022" });
        trial.assert_nothing_left();
    }
}

#[test]
fn a_line_without_an_end_is_written_once() {
    for method in METHODS {
        let trial = Trial::new("a_line_without_an_end_is_written_once", method);
        let ended = trial.run(&mut trial.command(Path::new(UNFINISHED_LINES)));
        assert!(ended.status.success(), "{}", ended.text);
        for part in ["[by main]", "[who returns]", "[who exits]", "[it exited]"] {
            assert_eq!(ended.text.matches(part).count(), 1, "{part} in {}", ended.text);
        }
        trial.assert_nothing_left();
    }
}

#[test]
fn a_command_line_may_be_long() {
    for method in METHODS {
        let trial = Trial::new("a_command_line_may_be_long", method);
        let mut command = trial.command(Path::new(PLAIN_MAIN));
        // As long as an argument may be for the kernel, nearly.
        let ended = trial.run(command.arg("3").arg("x".repeat(100_000)));
        assert!(ended.status.success(), "{}", ended.text);
        assert_eq!(lines(&ended.text, "square:").len(), 3, "{}", ended.text);
        trial.assert_nothing_left();
    }
}
