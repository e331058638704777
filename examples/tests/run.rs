//! Runs the examples as a newcomer does, and compares what they print with what they promise.
//!
//! `cargo test` has built them beside this test; with `--test run` alone it has not. What has tests
//! of its own, such as `wordcount`, is built for these and runs there.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

#[path = "run/listed.rs"]
mod listed;

fn run(example: &str, args: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(example);
    let run = Command::new(&program).args(args).output();
    run.unwrap_or_else(|error| panic!("{}: {error}; `cargo build --examples` makes it", program.display()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the text at the top of a program says that it prints, but for the numbers of its processes.
fn promised(source: &str) -> Vec<String> {
    let text = source.split("```").nth(1).expect("there is such a text");
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! "));
    lines.filter(|line| !line.is_empty()).map(without_digits).collect()
}

fn without_digits(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "")
}

#[test]
fn quickstart() {
    let done = run("quickstart", &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!((&*text(&done.stdout), &*text(&done.stderr)), ("", ""));
}

/// Runs an example and compares what it prints with the text at its top, but for the numbers.
fn prints_what_it_promises(example: &str, source: &str) -> String {
    let done = run(example, &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let printed = text(&done.stdout);
    assert_eq!(printed.lines().map(without_digits).collect::<Vec<_>>(), promised(source));
    printed
}

/// Runs an example and compares what it prints with the text at its top, but for the numbers of processes.
fn prints_exactly(example: &str, source: &str) {
    let done = run(example, &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(
        without_pids(&text(&done.stdout)),
        without_pids(&listed::output(source).expect("it says what it prints"))
    );
}

fn without_pids(text: &str) -> String {
    let mut parts = text.split("(pid ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "(pid " + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A test for each of the examples in a folder, but for those that have one of their own.
macro_rules! print_exactly {
    ($folder:literal: $($example:ident)*) => {$(
        #[test]
        fn $example() {
            let source = include_str!(concat!("../", $folder, "/", stringify!($example), ".rs"));
            prints_exactly(stringify!($example), source);
        }
    )*};
}

print_exactly! { "multiprocessing":
    process_with_argument custom_process isolated_globals threads_and_processes signals queue_hello end_of_data
    bounded_queue two_writers odd_even joinable_queue priority_and_lifo pipe_duplex pipe_simplex pool queue_in_pool
    shared_value shared_counter event_barrier_condition shared_dictionary exit_codes
}

print_exactly! { "flaws":
    killed_while_receiving unserializable_item join_before_drain silent_death orphaned_workers
    lock_owner_killed failing_initializer
}

#[test]
fn ctrl_c() {
    const SIGINT: i32 = 2;
    let done = run("ctrl_c", &[]);
    assert_eq!(done.status.signal(), Some(SIGINT), "{}", text(&done.stderr));
    let promised = listed::output(include_str!("../multiprocessing/ctrl_c.rs")).expect("it says what it prints");
    assert_eq!(text(&done.stdout), promised);
}

#[test]
fn hello_process() {
    let printed = prints_what_it_promises("hello_process", include_str!("../hello_process.rs"));
    assert!(printed.starts_with("10 numbers summed up in process "));
    assert!(printed.contains(": 55\n"));
}

#[test]
fn linked_pair() {
    let printed = prints_what_it_promises("linked_pair", include_str!("../linked_pair.rs"));
    assert!(printed.contains("died of signal 11 (SIGSEGV), through its link to actor <"));
    assert!(printed.ends_with("3 lines by the next one\n"));
}

#[test]
fn call_back() {
    let printed = prints_what_it_promises("call_back", include_str!("../call_back.rs"));
    assert!(printed.contains("would wait for itself: `Shop` <"));
    assert!(printed.ends_with("paid, 70 are left\n"));
}

#[test]
fn health_check() {
    let printed = prints_what_it_promises("health_check", include_str!("../health_check.rs"));
    assert!(
        printed.starts_with("3 are up\n") && printed.contains("exited with code 3, while handling `work`\n2 are up\n")
    );
}

#[test]
fn logs() {
    let done = run("logs", &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let both = text(&[done.stdout, done.stderr].concat());
    assert_eq!(both.lines().map(without_digits).collect::<Vec<_>>(), promised(include_str!("../logs.rs")));
}

#[test]
fn lines_of_a_crashing_parser() {
    let source = include_str!("../lines_of_a_crashing_parser.rs");
    let printed = prints_what_it_promises("lines_of_a_crashing_parser", source);
    assert!(printed.contains("line 3: 2 words\nno more: `Parser` (pid "));
    assert!(printed.contains(") died of signal 11 (SIGSEGV), while handling `words`\n"));
    assert!(printed.ends_with("the first two only: [3, 4]\n"));
}

#[test]
fn timers() {
    let printed = prints_what_it_promises("timers", include_str!("../timers.rs"));
    assert!(printed.starts_with("`alice` was idle and is logged out\n"));
}

#[test]
fn async_select() {
    let printed = prints_what_it_promises("async_select", include_str!("../async_select.rs"));
    assert_eq!(printed.matches("died of signal 6 (SIGABRT)\n").count(), 2);
    assert!(printed.ends_with("this is answer 2\njoined at once: 42\n"));
}
