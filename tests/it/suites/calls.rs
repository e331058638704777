//! Calls, casts and stops: who is asked by whom, and who is not there.

use std::thread;
use std::time::Instant;

use actor_core::KilledBy;
use actor_tests::watch::until;
use futures::executor::block_on;
use futures::future::join_all;

use super::*;
use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated(|| {
        let gate = gate();
        let (one, other) = (server(&gate), server(&gate));
        assert_ne!(one.os_pid().wait().unwrap(), other.os_pid().wait().unwrap());
        done(gate, [one, other]);
    });
}

#[test]
fn an_actor_is_stopped_and_killed_from_another_process() {
    isolated_for_both(|| {
        let gate = gate();
        let (one, other, third) = (server(&gate), server(&gate), server(&gate));
        let (pid, killed_pid) = (other.os_pid().wait().unwrap(), third.os_pid().wait().unwrap());
        let report = one.stop_other(other).wait().unwrap();
        assert_eq!((report.pid, report.reason), (pid, ExitReason::Shutdown(None)));
        let report = one.kill_other(third).wait().unwrap();
        assert_eq!((report.pid, report.reason), (killed_pid, ExitReason::Killed { by: KilledBy::User }));
        for gone in [other, third] {
            for refused in [one.stop_other(gone).wait(), one.kill_other(gone).wait()] {
                let Err(CallError::Handler(text)) = refused else { panic!("{refused:?}") };
                assert!(text.contains("has ended"), "{text}");
            }
        }
        done(gate, [one]);
    });
}

#[test]
fn a_stop_takes_any_time_there_is() {
    isolated(|| {
        let gate = gate();
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let reason = server(&gate).stop_timeout(time).unwrap().reason;
            let is_stopped = reason == ExitReason::Shutdown(None);
            let was_killed = reason == ExitReason::Killed { by: KilledBy::ShutdownTimeout };
            assert!(is_stopped || was_killed && time != Duration::MAX, "{reason:?} after {time:?}");
        }
        let in_the_past = Instant::now();
        server(&gate).stop_deadline(in_the_past).unwrap();
        done(gate, []);
    });
}

#[test]
fn casts_to_many_return_whoever_is_busy_or_gone() {
    isolated(|| {
        let gate = gate();
        let (busy, gone, idle) = (server(&gate), server(&gate), server(&gate));
        busy.wait().send().unwrap();
        until("it is busy", || busy.status().unwrap().handling.is_some());
        gone.kill().unwrap();
        for _ in 0..10 {
            busy.nothing().send().unwrap();
            assert!(matches!(gone.nothing().send(), Err(SendError::NoProc(_))));
            idle.nothing().send().unwrap();
        }
        until("they are handled", || idle.status().unwrap().handled == 10);
        assert_eq!(busy.status().unwrap().queued, 10, "and it is still busy");
        done(gate, [busy, idle]);
    });
}

/// One is dead before, one dies meanwhile: each of their calls is an error, and no other is.
#[test]
fn calls_to_many_of_whom_some_die_all_end() {
    isolated_for_both(|| {
        let gate = gate();
        let servers: Vec<_> = (0..6).map(|_| server(&gate)).collect();
        let pids: Vec<u32> = servers.iter().map(|server| server.os_pid().wait().unwrap()).collect();
        let (dead, dying) = (servers[1], servers[4]);
        dead.kill().unwrap();
        let crashing = thread::spawn(move || dying.wait_and_crash().wait());
        until("it is at work", || dying.status().unwrap().handling.is_some());
        let opening = thread::spawn({
            let gate = gate.clone();
            move || {
                until("its call is queued", || dying.status().is_ok_and(|status| status.queued == 1));
                gate.send(()).unwrap();
            }
        });
        let asked = servers.iter().map(|server| server.os_pid().timeout(SOON));
        let answers = block_on(join_all(asked.map(IntoFuture::into_future)));
        for (at, answer) in answers.into_iter().enumerate() {
            match (at, answer) {
                (1, Err(CallError::NoProc(_))) | (4, Err(CallError::Closed(_) | CallError::Died(_))) => {}
                (_, Ok(pid)) if ![1, 4].contains(&at) => assert_eq!(pid, pids[at]),
                (_, other) => panic!("{at}: {other:?}"),
            }
        }
        opening.join().unwrap();
        let Err(CallError::Died(report)) = crashing.join().unwrap() else { panic!("it was in hand") };
        assert!(matches!(report.reason, ExitReason::Signaled { signal: 11, .. }), "{report}");
        done(gate, [servers[0], servers[2], servers[3], servers[5]]);
    });
}

/// What waits for the caller is not between it and its answer.
#[test]
fn a_call_takes_as_long_whatever_waits_in_the_callers_mailbox() {
    isolated(|| {
        const QUEUED: u32 = 10_000;
        const CALLS: u32 = 300;
        let gate = gate();
        let other = server(&gate);
        let roomy = SpawnOptions { capacity: Some(2 * QUEUED), ..SpawnOptions::default() };
        let caller = Server { gate: gate.clone() }.spawn_with(roomy).unwrap();
        let alone = caller.time(other, CALLS).wait().unwrap();
        caller.wait().send().unwrap();
        let crowded = thread::spawn(move || caller.time(other, CALLS).timeout(SOON).wait());
        until("its turn is next", || caller.status().unwrap().queued == 1);
        (0..QUEUED).for_each(|_| caller.nothing().send().unwrap());
        let queued = caller.status().unwrap().queued;
        assert!(u64::from(QUEUED) <= queued, "{queued}");
        gate.send(()).unwrap();
        let crowded = crowded.join().unwrap().unwrap();
        println!("the quickest of {CALLS} calls took {alone} ns, and {crowded} ns with {queued} messages queued");
        assert!(crowded < 5 * alone + 50_000, "{crowded} ns and not {alone}");
        done(gate, [caller, other]);
    });
}
