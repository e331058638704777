//! The handle: waiting, stopping, watching.

use std::time::{Duration, Instant};

use actor_core::process::{JoinError, Process};
use actor_core::queue::Queue;
use actor_core::{ExitReason, KilledBy};
use actor_tests::foreign;
use actor_tests::watch::{bound, children_of, until};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::harness::isolated_for_both;

/// Ends when it is told to.
fn obedient(queue: Queue<u32>) -> u32 {
    queue.recv().expect("somebody tells it")
}

fn is_readable(process: &Process<u32>, timeout: Duration) -> bool {
    let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
    let sentinel = process.sentinel().unwrap();
    rustix::event::poll(&mut [PollFd::from_borrowed_fd(sentinel, PollFlags::IN)], Some(&timeout)).unwrap() > 0
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let queue = Queue::bounded(1).unwrap();
        let process = Process::spawn(obedient, queue.clone()).unwrap();
        assert!(process.is_alive() && process.exit_report().is_none());
        assert_ne!(process.pid(), std::process::id());
        queue.send(7).unwrap();
        assert_eq!(process.join(), Ok(7));
        assert!(!process.is_alive());
        assert_eq!(process.join(), Ok(7), "as often as wanted");
        assert_eq!(process.exit_report().unwrap().reason, ExitReason::Normal);
        assert_eq!(process.exit_report().unwrap().pid, process.pid());
        queue.close(actor_core::queue::Close::Now);
    });
}

#[test]
fn p_03_terminate_is_sigterm() {
    isolated_for_both(|| {
        let process = Process::spawn(foreign::sleep_in_c, 1000).unwrap();
        process.terminate().unwrap();
        let Err(JoinError::Died(report)) = process.join() else { panic!("it does not return") };
        assert_eq!(report.reason, ExitReason::Signaled { signal: 15, core: false });
        process.terminate().expect("the dead do not mind");
        process.kill().expect("the dead do not mind");
    });
}

fn deaf(up: Queue<u32>) {
    foreign::ignore_sigterm();
    up.send(0).unwrap();
    foreign::sleep_in_c(1000);
}

#[test]
fn p_04_stop_kills_who_does_not_hear() {
    isolated_for_both(|| {
        let up = Queue::bounded(1).unwrap();
        let process = Process::spawn(deaf, up.clone()).unwrap();
        up.recv().unwrap();
        let (begin, timeout) = (Instant::now(), Duration::from_millis(200));
        let report = process.stop(timeout).unwrap();
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::ShutdownTimeout });
        let took = begin.elapsed();
        assert!(timeout <= took && took < bound(Duration::from_secs(1)), "{took:?}");
        assert!(matches!(process.join(), Err(JoinError::Died(_))));
        // And one that hears is not killed.
        let process = Process::spawn(foreign::sleep_in_c, 1000).unwrap();
        let report = process.stop_deadline(Instant::now() + Duration::from_secs(1000)).unwrap();
        assert_eq!(report.reason, ExitReason::Signaled { signal: 15, core: false });
        up.close(actor_core::queue::Close::Now);
    });
}

#[test]
fn p_05_join_with_a_timeout_and_later() {
    isolated_for_both(|| {
        let queue = Queue::bounded(1).unwrap();
        let process = Process::spawn(obedient, queue.clone()).unwrap();
        let too_early = Err(JoinError::Timeout { name: process.name().into() });
        let (begin, timeout) = (Instant::now(), Duration::from_millis(100));
        assert_eq!(process.join_timeout(timeout), too_early);
        let took = begin.elapsed();
        assert!(timeout <= took && took < bound(Duration::from_millis(250)), "{took:?}");
        assert_eq!(process.try_join(), too_early);
        assert_eq!(process.join_deadline(Instant::now()), too_early);
        queue.send(42).unwrap();
        assert_eq!(process.join(), Ok(42));
        assert_eq!(process.try_join(), Ok(42));
        assert_eq!(process.join_timeout(Duration::ZERO), Ok(42));
        queue.close(actor_core::queue::Close::Now);
    });
}

#[test]
fn p_06_the_sentinel_is_readable_exactly_when_dead() {
    isolated_for_both(|| {
        let queue = Queue::bounded(1).unwrap();
        let process = Process::spawn(obedient, queue.clone()).unwrap();
        let late = Process::spawn(obedient, queue.clone()).unwrap();
        assert!(!is_readable(&process, Duration::from_millis(50)));
        assert!(process.is_alive());
        process.kill().unwrap();
        assert!(is_readable(&process, bound(Duration::from_secs(10))));
        assert!(!process.is_alive());
        assert!(is_readable(&process, Duration::ZERO), "and it stays so");
        // Whose first sentinel is wanted when it was reaped long ago has one as well.
        queue.send(0).unwrap();
        until("the node has reaped it", || !children_of(std::process::id()).iter().any(|seen| seen.pid == late.pid()));
        assert!(is_readable(&late, Duration::ZERO));
        assert_eq!(late.join(), Ok(0));
        queue.close(actor_core::queue::Close::Now);
    });
}

#[test]
fn kill_is_told_from_the_signal() {
    isolated_for_both(|| {
        let process = Process::spawn(foreign::sleep_in_c, 1000).unwrap();
        process.kill().unwrap();
        let Err(JoinError::Died(report)) = process.join() else { panic!("it does not return") };
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::User });
    });
}

#[test]
fn a_dropped_handle_lets_go() {
    isolated_for_both(|| {
        let (queue, answers) = (Queue::bounded(1).unwrap(), Queue::bounded(1).unwrap());
        let echo = |(queue, answers): (Queue<u32>, Queue<u32>)| answers.send(queue.recv().unwrap()).unwrap();
        let process = Process::spawn(echo, (queue.clone(), answers.clone())).unwrap();
        drop(process);
        queue.send(3).unwrap();
        assert_eq!(answers.recv(), Ok(3));
        queue.close(actor_core::queue::Close::Now);
        answers.close(actor_core::queue::Close::Now);
    });
}
