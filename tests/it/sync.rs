//! What processes synchronise by, and the deaths of those who use it.

mod barriers;
mod conditions;
mod events;
mod led;
mod locks;
mod nested;
mod readers;
mod semaphores;
mod steps;

use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_tests::watch::{self, bound};
use rustix::process::{Pid, Signal, kill_process, pidfd_send_signal};

use crate::harness::isolated;

/// How long something may take on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);
/// How long to wait for what must not come. Each of these tests knows by other means that it could have.
const NOT_YET: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_millis(100);

/// Waits until the main thread of a process sleeps: what it does next takes no time of its own.
fn until_asleep<R>(process: &Process<R>) {
    let pid = process.pid();
    watch::until("the process sleeps", || watch::has_state(pid, pid, 'S'));
}

fn signal<R>(process: &Process<R>, signal: Signal) {
    let number = Pid::from_raw(process.pid() as i32).expect("a process has a number");
    kill_process(number, signal).expect("it lives");
}

fn stop<R>(process: &Process<R>) {
    signal(process, Signal::STOP);
    let pid = process.pid();
    watch::until("the process is stopped", || watch::has_state(pid, pid, 'T'));
}

/// Asserts that this takes as long as the time limit that it has, and not for ever.
#[track_caller]
fn out_of_time<T>(operation: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = operation();
    let elapsed = begin.elapsed();
    assert!(TIMEOUT <= elapsed && elapsed < bound(SOON), "{elapsed:?}");
    result
}

/// SIGKILL out of the blue, past the node. One who has ended is beyond that.
fn kill<R>(victim: &Process<R>) {
    let _ = pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL);
}

/// How long it took.
fn timed<T>(operation: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = operation();
    (result, begin.elapsed())
}
