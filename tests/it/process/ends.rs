//! Every way in which a process can end, and what its report says.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use actor_core::process::{JoinError, Options, Process};
use actor_core::queue::{Close, Queue};
use actor_core::{ExitReason, ExitReport};
use actor_tests::foreign;
use actor_tests::watch::{bound, is_alive, until};
use serde::{Deserialize, Serialize};

use crate::harness::{isolated_for_both, isolated_through};

/// What a process does, and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Deed {
    Return,
    Fail(String),
    Exit(i32),
    ExitInC(i32),
    ExitNow(i32),
    Panic(String),
    Abort,
    Segfault,
    BusError,
    KillSelf,
    Overflow,
}

fn act(deed: Deed) -> Result<(), String> {
    match deed {
        Deed::Return => Ok(()),
        Deed::Fail(text) => Err(text),
        Deed::Exit(code) => std::process::exit(code),
        Deed::ExitInC(code) => foreign::exit(code),
        Deed::ExitNow(code) => foreign::exit_now(code),
        Deed::Panic(text) => panic!("{text}"),
        Deed::Abort => foreign::abort(),
        Deed::Segfault => foreign::segfault(),
        Deed::BusError => foreign::bus_error(&tempfile::tempfile().expect("there is room for a file")),
        Deed::KillSelf => {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("one may kill oneself");
            unreachable!("dead")
        }
        Deed::Overflow => {
            std::hint::black_box(recurse(std::hint::black_box(1)));
            Ok(())
        }
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == 0 { 0 } else { recurse(depth + 1) + frame[7] }
}

fn report_of(deed: Deed) -> ExitReport {
    let process = Process::spawn(act, deed).unwrap();
    match process.join() {
        Err(JoinError::Died(report)) => *report,
        Ok(_) => process.exit_report().expect("it was joined").clone(),
        Err(error) => panic!("{error}"),
    }
}

/// A core may be dumped or not, as the machine is set up.
fn signal_of(reason: &ExitReason) -> Option<i32> {
    match reason {
        ExitReason::Signaled { signal, .. } => Some(*signal),
        _ => None,
    }
}

#[test]
fn p_02_every_end_has_its_reason() {
    isolated_for_both(|| {
        assert_eq!(report_of(Deed::Return).reason, ExitReason::Normal);
        assert_eq!(report_of(Deed::Fail("no luck".into())).reason, ExitReason::Failed("no luck".into()));
        assert_eq!(report_of(Deed::Exit(0)).reason, ExitReason::UnexpectedExit);
        for code in [1, 42, 255] {
            assert_eq!(report_of(Deed::Exit(code)).reason, ExitReason::ExitCode(code));
        }
        let report = report_of(Deed::Panic("boom".into()));
        let ExitReason::Panicked { message, location } = &report.reason else { panic!("{report}") };
        assert_eq!(message, "boom");
        assert!(location.contains("process/ends.rs:"), "{location}");
        assert!(report.stderr.contains("boom"), "{}", report.stderr);
        assert_eq!(signal_of(&report_of(Deed::Segfault).reason), Some(11));
        assert_eq!(signal_of(&report_of(Deed::BusError).reason), Some(7));
        assert_eq!(report_of(Deed::KillSelf).reason, ExitReason::Signaled { signal: 9, core: false });
        let report = report_of(Deed::Overflow);
        assert_eq!(signal_of(&report.reason), Some(11), "{report}");
        assert!(report.stderr.contains("overflowed its stack"), "{}", report.stderr);
    });
}

#[test]
fn t_21_what_c_code_does_has_its_reason() {
    isolated_for_both(|| {
        assert_eq!(report_of(Deed::ExitInC(0)).reason, ExitReason::UnexpectedExit);
        assert_eq!(signal_of(&report_of(Deed::Abort).reason), Some(6));
        assert_eq!(report_of(Deed::ExitNow(3)).reason, ExitReason::ExitCode(3));
    });
}

#[test]
fn every_end_has_its_reason_although_sigchld_was_ignored_before() {
    isolated_through(&["env", "--ignore-signal=CHLD"], || {
        assert_eq!(report_of(Deed::Exit(42)).reason, ExitReason::ExitCode(42));
        assert_eq!(report_of(Deed::KillSelf).reason, ExitReason::Signaled { signal: 9, core: false });
    });
}

#[test]
fn a_stderr_that_nobody_reads_stops_nobody() {
    isolated_for_both(|| {
        let (reader, writer) = UnixStream::pair().unwrap();
        // It says that it takes something, and then does not take all of it.
        foreign::shrink_send_buffer(&writer);
        let before = rustix::io::dup(rustix::stdio::stderr()).unwrap();
        rustix::stdio::dup2_stderr(&writer).unwrap();
        let talkative = |count: usize| eprint!("{}", "x".repeat(count));
        let process = Process::spawn(talkative, 100_000);
        let joined = process.as_ref().map(|process| process.join_timeout(bound(Duration::from_secs(10))));
        rustix::stdio::dup2_stderr(&before).unwrap();
        assert_eq!(joined.unwrap(), Ok(()));
        assert_eq!(process.unwrap().exit_report().unwrap().stderr_dropped + 4096, 100_000, "the tail is complete");
        // Whoever is in the middle of writing there goes on with the other one.
        drop((reader, writer));
    });
}

/// What is read back from the arguments of a process does this to it.
#[derive(Serialize)]
struct Trap(Deed);

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Trap, D::Error> {
        let deed = Deed::deserialize(deserializer)?;
        match deed {
            Deed::Return => loop {
                foreign::sleep_in_c(1000);
            },
            deed => act(deed).map_err(serde::de::Error::custom)?,
        }
        unreachable!("it was a trap")
    }
}

#[test]
fn t_04_an_end_or_a_hang_before_the_function_is_an_error() {
    use actor_core::process::SpawnError;
    isolated_for_both(|| {
        let begin = Instant::now();
        let Err(SpawnError::Died { report }) = Process::spawn(|_: Trap| (), Trap(Deed::ExitNow(1))) else {
            panic!("it ends before it has begun")
        };
        assert_eq!(report.reason, ExitReason::ExitCode(1));
        assert!(!is_alive(report.pid), "it was reaped");
        let Err(SpawnError::Died { report }) = Process::spawn(|_: Trap| (), Trap(Deed::Panic("ouch".into()))) else {
            panic!("it ends before it has begun")
        };
        assert!(report.to_string().contains("ouch"), "{report}");
        assert!(begin.elapsed() < bound(Duration::from_secs(1)), "at once");
        let start_timeout = Duration::from_millis(200);
        let options = Options { name: Some("snail".into()), start_timeout, ..Options::default() };
        let begin = Instant::now();
        let Err(error) = options.spawn(|_: Trap| (), Trap(Deed::Return)) else { panic!("it never begins") };
        assert!(matches!(&error, SpawnError::Timeout { name, after } if name == "snail" && *after == start_timeout));
        let took = begin.elapsed();
        assert!(start_timeout <= took && took < bound(Duration::from_secs(1)), "{took:?}");
    });
}

/// Starts a program, tells who that is, and waits.
fn with_program(up: Queue<u32>) {
    let mut program = std::process::Command::new("sleep").arg("1000").spawn().expect("there is `sleep`");
    up.send(program.id()).unwrap();
    let status = program.wait();
    unreachable!("it was to sleep: {status:?}")
}

#[test]
fn the_programs_of_a_killed_process_go_with_it() {
    isolated_for_both(|| {
        let up = Queue::bounded(1).unwrap();
        let process = Process::spawn(with_program, up.clone()).unwrap();
        let program = up.recv().unwrap();
        assert!(is_alive(program));
        process.kill().unwrap();
        assert!(matches!(process.join(), Err(JoinError::Died(_))));
        until("the program is gone", || !is_alive(program));
        up.close(Close::Now);
    });
}

/// Returns while another thread of its is at work.
fn with_thread(up: Queue<u32>) -> u32 {
    std::thread::spawn(|| foreign::sleep_in_c(1000));
    up.send(0).unwrap();
    17
}

#[test]
fn p_25_threads_that_still_run_end_with_the_function() {
    isolated_for_both(|| {
        let up = Queue::bounded(1).unwrap();
        let begin = Instant::now();
        let process = Process::spawn(with_thread, up.clone()).unwrap();
        assert_eq!(process.join(), Ok(17));
        assert_eq!(process.exit_report().unwrap().reason, ExitReason::Normal);
        assert!(begin.elapsed() < bound(Duration::from_secs(2)), "nobody waits for the thread");
        up.close(Close::Now);
    });
}
