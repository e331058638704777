//! What a process has started, which does not outlive it.

use std::process::{Command, Stdio};
use std::time::Duration;

use actor_core::ExitReason;
use actor_core::process::{JoinError, Process};
use actor_core::queue::{Close, Queue};
use actor_tests::watch::{is_alive, until};
use actor_tests::{foreign, groups};

use crate::harness::{isolated_for_both, isolated_through, skip};

type Escaped = Queue<u32>;

/// Starts a program in a session of its own, says which, and ends in one of several ways.
fn start_and_end((escaped, end): (Escaped, u32)) {
    escaped.send(groups::escape()).expect("the node is there");
    match end {
        0 => {}
        1 => panic!("as told"),
        2 => foreign::segfault(),
        _ => foreign::sleep_in_c(1000),
    }
}

/// Whether such programs are held here. If not, that is said.
fn are_held() -> bool {
    let are_held = groups::place().is_some();
    if !are_held {
        skip("no control group of the second version is writable, and only such a group holds a session");
    }
    are_held
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        if !are_held() {
            return;
        }
        let escaped = Escaped::bounded(8).unwrap();
        let process = Process::spawn(start_and_end, (escaped.clone(), 0)).unwrap();
        let program = escaped.recv().unwrap();
        assert_eq!(process.join(), Ok(()));
        until("it has died of what it was sent before we were told", || !is_alive(program));
        escaped.close(Close::Now);
    });
}

#[test]
fn k_11_what_a_process_has_started_ends_with_it_in_whatever_session() {
    isolated_for_both(|| {
        if !are_held() {
            return;
        }
        let escaped = Escaped::bounded(8).unwrap();
        // More often than there are groups in use: one in which somebody was killed is not used again.
        for round in 0..24 {
            let process = Process::spawn(start_and_end, (escaped.clone(), round % 4)).unwrap();
            let program = escaped.recv().unwrap();
            match round % 4 {
                0 => assert_eq!(process.join(), Ok(())),
                3 => {
                    assert!(is_alive(program), "as long as the process is");
                    process.kill().unwrap();
                    assert!(process.join().is_err());
                }
                _ => assert!(process.join().is_err()),
            }
            until("the program is gone", || !is_alive(program));
        }
        escaped.close(Close::Now);
    });
}

#[test]
fn k_11_nobody_else_is_harmed() {
    isolated_for_both(|| {
        if !are_held() {
            return;
        }
        let escaped = Escaped::bounded(8).unwrap();
        let staying = Process::spawn(start_and_end, (escaped.clone(), 3)).unwrap();
        let of_the_staying = escaped.recv().unwrap();
        for _ in 0..8 {
            let process = Process::spawn(start_and_end, (escaped.clone(), 0)).unwrap();
            let program = escaped.recv().unwrap();
            assert_eq!(process.join(), Ok(()));
            until("the program is gone", || !is_alive(program));
        }
        assert!(staying.is_alive() && is_alive(of_the_staying));
        staying.kill().unwrap();
        let Err(JoinError::Died(report)) = staying.join() else { panic!("it was killed") };
        assert!(matches!(report.reason, ExitReason::Killed { .. }), "{report}");
        until("the last program is gone", || !is_alive(of_the_staying));
        escaped.close(Close::Now);
    });
}

/// A namespace in which no control group can be changed; the arguments are a program that runs there.
const WITHOUT: [&str; 6] = [
    "unshare",
    "-m",
    "sh",
    "-c",
    "awk '/ - cgroup2 / { print $5 }' /proc/self/mountinfo | while read -r m; do mount -o remount,bind,ro \"$m\" || exit 1; done && exec \"$@\"",
    "without",
];

#[test]
fn k_11_without_control_groups_it_is_process_groups() {
    let mut probe = Command::new(WITHOUT[0]);
    probe.args(&WITHOUT[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return skip("k_11: no mount namespace can be made here");
    }
    isolated_through(&WITHOUT, || {
        assert_eq!(groups::place(), None, "this is not the one without");
        let numbers: Queue<u32> = Queue::bounded(1).unwrap();
        let start = |numbers: Queue<u32>| {
            let script = "sleep 1000 >&- 2>&- & echo $!";
            let started = Command::new("sh").args(["-c", script]).output().expect("a shell can be started");
            let number = String::from_utf8_lossy(&started.stdout).trim().parse();
            numbers.send(number.expect("it has said which")).expect("the node is there");
        };
        let process = Process::spawn(start, numbers.clone()).unwrap();
        let program = numbers.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(process.join(), Ok(()));
        until("the program is gone", || !is_alive(program));
        numbers.close(Close::Now);
    });
}
