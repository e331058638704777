//! How processes begin: their arguments, many of them, and from where they are started.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use actor_core::node::counters;
use actor_core::pool;
use actor_core::process::{JoinError, Options, Process, SpawnError, StartMethod};
use actor_core::queue::{Close, Queue};
use actor_core::{EncodeError, ExitReason};
use actor_tests::watch::{Seen, children_of, is_alive, threads, until, zygote_of};
use rustix::fs::Mode;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::harness::isolated_for_both;

fn sum(bytes: Vec<u8>) -> (usize, u64) {
    (bytes.len(), bytes.iter().zip(1..).map(|(byte, place)| u64::from(*byte) * place).sum())
}

#[test]
fn p_08_arguments_of_four_megabytes_arrive_intact() {
    isolated_for_both(|| {
        let bytes: Vec<u8> = (0..4_u32 << 20).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let process = Process::spawn(sum, bytes.clone()).unwrap();
        assert_eq!(process.join(), Ok(sum(bytes.clone())));
        let process = Process::spawn(|bytes: Vec<u8>| bytes, bytes.clone()).unwrap();
        assert!(process.join() == Ok(bytes), "and back");
    });
}

fn text_of(length: usize) -> String {
    "x".repeat(length)
}

#[test]
fn results_may_be_longer_than_any_message() {
    isolated_for_both(|| {
        let length = 80 << 20;
        let process = Process::spawn(text_of, length).unwrap();
        assert!(process.join().is_ok_and(|text| text.len() == length));
        assert!(process.join().is_ok_and(|text| text.len() == length), "and again");
    });
}

#[test]
fn a_long_result_is_the_same_for_all_who_join_at_once() {
    isolated_for_both(|| {
        for _ in 0..20 {
            let process = Process::spawn(text_of, 1 << 20).unwrap();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| assert!(process.join().is_ok_and(|text| text == text_of(1 << 20))));
                }
            });
        }
    });
}

/// Has a result to its name, and dies without having asked for it.
fn die_before_the_join(dead: Queue<()>) {
    let process = Process::spawn(text_of, 1 << 20).unwrap();
    until("it has ended", || !process.is_alive());
    dead.send(()).unwrap();
    std::process::abort()
}

#[test]
fn nothing_is_left_of_a_result_whose_joiner_dies() {
    isolated_for_both(|| {
        let dead = Queue::bounded(1).unwrap();
        let process = Process::spawn(die_before_the_join, dead.clone()).unwrap();
        dead.recv().unwrap();
        assert!(matches!(process.join(), Err(JoinError::Died(_))));
        dead.close(Close::Now);
    });
}

#[test]
fn who_has_no_time_to_start_costs_no_zygote() {
    isolated_for_both(|| {
        let own = std::process::id();
        let zygote = zygote_of(own).unwrap().pid;
        rustix::process::kill_process(Pid::from_raw(zygote as i32).unwrap(), Signal::KILL).unwrap();
        until("the node knows", || Seen::of(zygote).is_none());
        // It needs a zygote, which begins to start only now.
        let hasty = Options { start_timeout: Duration::ZERO, ..Options::default() };
        let hurried = hasty.spawn(|n: u32| n, 1);
        assert!(matches!(hurried, Err(SpawnError::Timeout { .. })), "{hurried:?}");
        assert_eq!(Process::spawn(|n: u32| n, 2).unwrap().join(), Ok(2));
        assert_eq!(counters().unwrap().zygotes, 2);
    });
}

/// Starts another one, one level deeper, and adds up who they are.
fn nested(depth: u32) -> Vec<u32> {
    let mut pids = vec![std::process::id()];
    if let Some(deeper) = depth.checked_sub(1) {
        let process = Process::spawn(nested, deeper).expect("a process can start another");
        pids.extend(process.join().expect("which ends well"));
    }
    pids
}

#[test]
fn p_09_processes_within_processes() {
    isolated_for_both(|| {
        let process = Process::spawn(nested, 5).unwrap();
        let pids = process.join().unwrap();
        assert_eq!(pids.iter().collect::<HashSet<_>>().len(), 6);
        let is_gone = |pid: &u32| {
            Seen::of(*pid).is_none_or(|seen| !children_of(std::process::id()).iter().any(|child| child.pid == seen.pid))
        };
        until("all are reaped", || pids.iter().all(is_gone));
    });
}

/// The file mode mask is that of whoever makes the process, so it tells who has.
#[test]
fn one_process_may_be_started_in_another_way_than_the_others() {
    isolated_for_both(|| {
        let mask = |()| rustix::process::umask(Mode::empty()).as_raw_mode();
        let by = |method| Options { start_method: Some(method), ..Options::default() };
        // From now on there is a zygote, with the mask as it is now.
        let before = by(StartMethod::Zygote).spawn(mask, ()).unwrap().join().unwrap();
        assert_eq!(rustix::process::umask(Mode::from_raw_mode(before ^ 0o005)).as_raw_mode(), before);
        for (method, expected) in [(StartMethod::Zygote, before), (StartMethod::Exec, before ^ 0o005)] {
            assert_eq!(by(method).spawn(mask, ()).unwrap().join(), Ok(expected), "{method:?}");
            let options = pool::Options { workers: 1, start_method: Some(method), ..pool::Options::default() };
            assert_eq!(options.start().unwrap().apply(mask, ()), Ok(expected), "a worker by {method:?}");
        }
    });
}

/// Whoever asks the system for its parent is told of the root, and learns by it of the end of the program.
#[test]
fn the_parent_of_all_is_the_root() {
    isolated_for_both(|| {
        let parents = |()| {
            let own = std::os::unix::process::parent_id();
            let nested = Process::spawn(|()| std::os::unix::process::parent_id(), ());
            (own, nested.map_err(|error| error.to_string()).and_then(|nested| nested.join().map_err(|e| e.to_string())))
        };
        let root = std::process::id();
        assert_eq!(Process::spawn(parents, ()).unwrap().join().unwrap(), (root, Ok(root)));
    });
}

#[test]
fn t_06_a_process_outlives_the_thread_that_started_it() {
    isolated_for_both(|| {
        for on_a_thread in [on_a_thread_of_std, on_a_thread_of_tokio] {
            let queue = Queue::bounded(1).unwrap();
            let process = on_a_thread(queue.clone());
            until("the thread is gone for the kernel as well", || threads_of(SHORT_LIVED) == 0);
            // If its death had a signal for the process, that would have been sent by now.
            assert!(is_alive(process.pid()) && process.is_alive());
            queue.send(5).unwrap();
            assert_eq!(process.join(), Ok(5));
            queue.close(Close::Now);
        }
    });
}

const SHORT_LIVED: &str = "short-lived";

fn receive(queue: Queue<u32>) -> Process<u32> {
    Process::spawn(|queue: Queue<u32>| queue.recv().unwrap(), queue).unwrap()
}

fn on_a_thread_of_std(queue: Queue<u32>) -> Process<u32> {
    thread::Builder::new().name(SHORT_LIVED.into()).spawn(|| receive(queue)).unwrap().join().unwrap()
}

/// A runtime that goes on gets rid of such threads when they have had nothing to do for a while.
#[test]
fn p_22_a_process_outlives_the_thread_of_a_pool() {
    isolated_for_both(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(SHORT_LIVED)
            .thread_keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        let queue = Queue::bounded(1).unwrap();
        let started = (0..4).map(|_| {
            runtime.spawn_blocking({
                let queue = queue.clone();
                move || receive(queue)
            })
        });
        let started: Vec<_> = started.collect();
        let processes: Vec<_> = started.into_iter().map(|process| runtime.block_on(process).unwrap()).collect();
        until("its one worker is left", || threads_of(SHORT_LIVED) == 1);
        assert!(processes.iter().all(|process| is_alive(process.pid()) && process.is_alive()));
        (0..4).for_each(|number| queue.send(number).unwrap());
        let mut received: Vec<u32> = processes.iter().map(|process| process.join().unwrap()).collect();
        received.sort_unstable();
        assert_eq!(received, [0, 1, 2, 3]);
        queue.close(Close::Now);
    });
}

/// How many threads of this name this process has, for the kernel.
fn threads_of(name: &str) -> usize {
    threads(std::process::id()).into_iter().filter(|(_, comm)| comm == name).count()
}

/// Of those for work that blocks, which end with their runtime.
fn on_a_thread_of_tokio(queue: Queue<u32>) -> Process<u32> {
    let runtime = tokio::runtime::Builder::new_current_thread().thread_name(SHORT_LIVED).build().unwrap();
    runtime.block_on(runtime.spawn_blocking(|| receive(queue))).unwrap()
}

#[test]
fn p_20_a_thousand_processes_leave_no_trace() {
    isolated_for_both(|| {
        let cycle = |_| {
            let process = Process::spawn(actor_tests::foreign::sleep_in_c, 1000).unwrap();
            process.kill().unwrap();
            assert!(matches!(process.join(), Err(JoinError::Died(_))));
        };
        (0..200).for_each(cycle);
        let before = actor_core::testing::Snapshot::take();
        let resident_before = resident_bytes();
        (0..1000).for_each(cycle);
        before.assert_no_leaks();
        let grown = resident_bytes().saturating_sub(resident_before);
        assert!(grown < 2 << 20, "{grown} bytes more are resident");
    });
}

/// Memory of this process that is in use.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// What no message can hold.
#[derive(Serialize, Deserialize)]
struct Unserializable(#[serde(serialize_with = "refuse")] u32);

fn refuse<S: serde::Serializer>(_: &u32, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("it does not want to travel"))
}

#[test]
fn what_cannot_travel_is_an_error_on_either_way() {
    isolated_for_both(|| {
        let Err(error) = Process::spawn(|_: Unserializable| (), Unserializable(1)) else { panic!("it cannot be sent") };
        assert!(matches!(&error, SpawnError::Encode { source: EncodeError::Refused(_), .. }), "{error}");
        let process = Process::spawn(Unserializable, 1).unwrap();
        let Err(JoinError::Died(report)) = process.join() else { panic!("it cannot be sent back") };
        let ExitReason::Failed(text) = &report.reason else { panic!("{report}") };
        assert!(text.contains("the result cannot be sent: it does not want to travel"), "{text}");
    });
}

#[test]
fn a_name_is_seen_from_outside() {
    isolated_for_both(|| {
        let queue = Queue::<()>::bounded(1).unwrap();
        let options = Options { name: Some("greeter".into()), ..Options::default() };
        let process = options.spawn(|queue: Queue<()>| queue.recv().unwrap(), queue.clone()).unwrap();
        let seen = Seen::of(process.pid()).unwrap();
        assert_eq!(seen.name, "greeter");
        assert_eq!(seen.title, format!("greeter {}", process.id()));
        assert_eq!(process.name(), "greeter");
        queue.send(()).unwrap();
        process.join().unwrap();
        queue.close(Close::Now);
    });
}
