//! Runs the examples as a newcomer does, and compares what they print with what they promise.
//!
//! `cargo test` has built them beside this test; with `--test run` alone it has not. What has tests
//! of its own, such as `wordcount`, is built for these and runs there.

use std::path::PathBuf;
use std::process::{Command, Output};

fn run(example: &str, args: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(example);
    let run = Command::new(&program).args(args).output();
    run.unwrap_or_else(|error| panic!("{}: {error}; `cargo build --examples` makes it", program.display()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn quickstart() {
    let done = run("quickstart", &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!((&*text(&done.stdout), &*text(&done.stderr)), ("", ""));
}

/// The text at the top of the program is what it prints, but for the numbers of its processes.
#[test]
fn hello_process() {
    let done = run("hello_process", &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let source = include_str!("../hello_process.rs");
    let promised = source.split("```").nth(1).unwrap().lines().filter_map(|line| line.strip_prefix("//! "));
    let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let promised: Vec<String> = promised.filter(|line| !line.is_empty()).map(digits).collect();
    assert_eq!(text(&done.stdout).lines().map(digits).collect::<Vec<_>>(), promised);
    assert!(text(&done.stdout).starts_with("10 numbers summed up in process "));
    assert!(text(&done.stdout).contains(": 55\n"));
}
