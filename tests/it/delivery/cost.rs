//! What calls and restarts leave in the process of the node: nothing, however many there are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use actor_core::prelude::*;
use actor_tests::chance::effort;
use actor_tests::watch::{children_of, until, wait_for};

use super::worker::{Act, Desk, first};
use crate::harness::{isolated, isolated_and_long};

/// What a process has at one moment, in numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Footprint {
    descriptors: usize,
    threads: usize,
    children: usize,
    zombies: usize,
    /// Of the memory that the node's processes share, in bytes.
    shared: u64,
    /// Resident, its own and shared, in bytes.
    resident: u64,
}

impl Footprint {
    pub(super) fn here() -> Footprint {
        let count = |folder: &str| fs::read_dir(folder).expect("/proc is mounted").count();
        let children = children_of(std::process::id());
        Footprint {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            children: children.len(),
            zombies: children.iter().filter(|child| child.is_zombie()).count(),
            shared: shared_bytes(),
            resident: resident_bytes(),
        }
    }

    /// Asserts that nothing has become more since. Not at once: an actor can answer before the node
    /// has let go of what its birth took, or its last life.
    #[track_caller]
    pub(super) fn assert_no_more_than(before: &Footprint) {
        let mut now = Footprint::here();
        let seen = wait_for(Duration::from_secs(10), || {
            now = Footprint::here();
            now.is_no_more_than(before).then_some(())
        });
        assert!(before.shared != 0, "the memory that processes share is not seen");
        assert!(seen.is_some(), "{now:?} after {before:?}");
    }

    fn is_no_more_than(&self, before: &Footprint) -> bool {
        // What is touched for the first time late, and what allocators keep.
        const SLACK: u64 = 1 << 20;
        self.descriptors <= before.descriptors
            && self.threads <= before.threads
            && self.children <= before.children
            && self.zombies <= before.zombies
            && self.shared <= before.shared + SLACK
            && self.resident <= before.resident + SLACK
    }
}

/// What is allocated of memory files that this process has open.
fn shared_bytes() -> u64 {
    const BLOCK: u64 = 512;
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is mounted").flatten();
    let is_memory =
        |path: &std::path::Path| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:"));
    let files = entries.map(|entry| entry.path()).filter(|path| is_memory(path));
    files.filter_map(|path| fs::metadata(path).ok()).map(|file| file.blocks() * BLOCK).sum()
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
    let pages: u64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("it is a number");
    pages * rustix::param::page_size() as u64
}

#[test]
fn t_16_a_late_reply_goes_nowhere() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        let late = worker.ask(1, Act::Wait).timeout(Duration::from_millis(20)).wait();
        assert!(matches!(late, Err(CallError::Timeout(_))), "{late:?}");
        // The next call uses the same slot, and waits there when the late reply is made.
        let asking = thread::spawn(move || worker.ask(2, Act::Wait).timeout(Duration::MAX).wait());
        until("both are there", || worker.status().unwrap().queued == 1);
        desk.open_gate(1);
        assert_eq!(desk.entries(2), [first(1, 1), first(2, 1)]);
        assert!(!asking.is_finished(), "the reply to the first call is none to the second");
        desk.open_gate(1);
        assert_eq!(asking.join().unwrap().unwrap(), 2);
        worker.stop().unwrap();
        desk.clear();
    });
}

/// How many calls are given up, and how many one after the other.
const GIVEN_UP: u32 = 1_000_000;
const ZERO_TIMEOUTS: u32 = 200;

#[test]
fn t_16_calls_that_are_given_up_leave_nothing() {
    isolated_and_long(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        let pid = worker.os_pid().wait().unwrap();
        let rounds = GIVEN_UP / ZERO_TIMEOUTS * effort();
        let mut before = None;
        for round in 0..rounds {
            if round == rounds / 10 {
                before = Some(Footprint::here());
            }
            worker.note(round, Act::Wait).send().unwrap();
            assert_eq!(desk.entry(), first(round, 1));
            // Nobody can answer these in time, and all are answered afterwards.
            for _ in 0..ZERO_TIMEOUTS {
                let given_up = worker.os_pid().timeout(Duration::ZERO).wait();
                assert!(matches!(given_up, Err(CallError::Timeout(_))), "{given_up:?}");
            }
            desk.open_gate(1);
            // Some of these are answered just in time, some while they are given up.
            for time in if round % 10 == 0 { 0..100 } else { 0..0 } {
                match worker.os_pid().timeout(Duration::from_micros(time)).wait() {
                    Ok(answer) => assert_eq!(answer, pid),
                    Err(CallError::Timeout(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(worker.os_pid().wait().unwrap(), pid);
        }
        Footprint::assert_no_more_than(&before.unwrap());
        worker.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn t_23_calls_leave_nothing() {
    isolated_and_long(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        let pid = worker.os_pid().wait().unwrap();
        let calls = 1_000_000 * effort();
        let ask = |times: u32| (0..times).for_each(|_| assert_eq!(worker.os_pid().wait().unwrap(), pid));
        ask(calls / 10);
        let before = Footprint::here();
        ask(calls - calls / 10);
        Footprint::assert_no_more_than(&before);
        // A call is answered before it is counted.
        let handled = || worker.status().unwrap().handled;
        until("the last call is counted", || u64::from(calls) < handled());
        assert_eq!(handled(), u64::from(calls) + 1);
        worker.stop().unwrap();
        desk.clear();
    });
}
