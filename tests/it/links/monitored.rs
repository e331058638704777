//! Monitors: one notice each, of one run, after all that there is to do about its end.

use actor_core::link::monitor;
use actor_core::process::{JoinError, Process};
use actor_tests::watch;
use futures::executor::block_on;

use super::*;
use crate::harness::{isolated, isolated_for_both};

fn end_with_code(code: i32) {
    std::process::exit(code);
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let process = Process::spawn(end_with_code, 3).unwrap();
        let down = monitor(&process).unwrap().wait_timeout(SOON).expect("it ends");
        assert_eq!(down.peer, process.id().into());
        // It may have ended before.
        assert!(matches!(down.report.reason, ExitReason::ExitCode(3) | ExitReason::NoProc), "{down:?}");
        process.join().unwrap_err();
    });
}

#[test]
fn m_04_exactly_one_down_with_the_reason() {
    isolated_for_both(|| {
        let diary = diary();
        let watcher = member(&diary);
        for end in FAILURES {
            let target = member(&diary);
            let (life, here) = (peer(&target), target.monitor().unwrap());
            watcher.watch(life).wait().unwrap();
            target.end(end).send().unwrap();
            let told = next(&diary);
            let Told::Down(who, reason) = &told else { panic!("{told:?}") };
            assert!(*who == life && end.is(reason), "{told:?}");
            let down = here.wait_timeout(SOON).expect("it ends");
            assert_eq!((&down.report.reason, down.peer, down.monitor), (reason, life, here.id()));
            assert_eq!(here.try_wait(), Some(down), "it stays with the monitor");
        }
        nothing_in(&diary);
        done(diary, [watcher]);
    });
}

/// Waits for its turn, and dies with something to say.
fn speak_and_die(turn: Queue<()>) {
    turn.recv().expect("somebody is there");
    eprintln!("last words");
    foreign::segfault();
}

#[test]
fn m_04_the_report_is_the_one_that_everybody_gets() {
    isolated(|| {
        let turn = Queue::bounded(1).unwrap();
        let process = Process::spawn(speak_and_die, turn.clone()).unwrap();
        let monitor = monitor(&process).unwrap();
        turn.send(()).unwrap();
        let down = monitor.wait_timeout(SOON).expect("it ends");
        let Err(JoinError::Died(report)) = process.join() else { panic!("it does not return") };
        assert_eq!(down.report, report);
        assert_eq!(report.stderr, "last words\n");
        turn.close(Close::Now);
    });
}

#[test]
fn m_05_the_dead_are_answered_at_once() {
    isolated(|| {
        let diary = diary();
        let (watcher, other) = (member(&diary), member(&diary));
        let (dead, reference) = (peer(&other), other);
        other.kill().unwrap();
        watcher.watch(dead).wait().unwrap();
        assert_eq!(next(&diary), Told::Down(dead, ExitReason::NoProc));
        let process = Process::spawn(|()| (), ()).unwrap();
        process.join().unwrap();
        for monitor in [monitor(&process), monitor(process.id()), reference.monitor(), monitor(dead)] {
            let down = monitor.unwrap().try_wait().expect("nobody has to be asked");
            assert_eq!(down.report.reason, ExitReason::NoProc);
        }
        done(diary, [watcher]);
    });
}

#[test]
fn m_06_a_monitor_that_was_given_up_tells_nothing() {
    isolated(|| {
        let diary = diary();
        let (watcher, other) = (member(&diary), member(&diary));
        assert_eq!(watcher.watch_in_vain(other).wait().unwrap(), (true, false), "the second time is nothing");
        nothing_in(&diary);
        // Given up in time, and too late.
        let other = member(&diary);
        watcher.watch(peer(&other)).wait().unwrap();
        assert_eq!(watcher.give_up().wait().unwrap(), [true]);
        let life = peer(&other);
        watcher.watch(life).wait().unwrap();
        other.kill().unwrap();
        assert_eq!(next(&diary), Told::Down(life, ExitReason::Killed { by: KilledBy::User }));
        assert_eq!(watcher.give_up().wait().unwrap(), [false], "it has told");
        nothing_in(&diary);
        done(diary, [watcher]);
    });
}

#[test]
fn m_09_a_restart_is_the_end_of_what_was_monitored() {
    isolated(|| {
        let diary = diary();
        let mut app = Supervisor::builder();
        let target = app.child(Member::define(diary.clone())).unwrap();
        let app = app.start().unwrap();
        let first = target.incarnation().unwrap();
        let monitor = target.monitor().unwrap();
        target.end(End::Exit(1)).send().unwrap();
        let down = monitor.wait_timeout(SOON).expect("this life ends");
        assert_eq!((down.peer, down.report.reason), (first.into(), ExitReason::ExitCode(1)));
        assert!(target.is_there().wait().unwrap(), "the next one is there");
        let second = target.incarnation().unwrap();
        assert_ne!(first, second);
        assert_eq!(actor_core::link::monitor(first).unwrap().try_wait().map(|it| it.peer), Some(first.into()));
        let again = target.monitor().unwrap();
        assert!(again.try_wait().is_none());
        app.stop().unwrap();
        let down = again.wait_timeout(SOON).expect("it is stopped");
        assert_eq!((down.peer, down.report.reason), (second.into(), ExitReason::Shutdown(None)));
        done(diary, []);
    });
}

#[test]
fn t_15_two_monitors_give_two_downs() {
    isolated(|| {
        let diary = diary();
        let (watcher, target) = (member(&diary), member(&diary));
        let life = peer(&target);
        let (one, other) = (target.monitor().unwrap(), target.monitor().unwrap());
        watcher.watch(life).wait().unwrap();
        watcher.watch(life).wait().unwrap();
        target.end(End::Exit(9)).send().unwrap();
        let expected = Told::Down(life, ExitReason::ExitCode(9));
        assert_eq!((next(&diary), next(&diary)), (expected.clone(), expected));
        let downs = [one, other].map(|monitor| monitor.wait_timeout(SOON).expect("it has ended").monitor);
        assert_ne!(downs[0], downs[1]);
        nothing_in(&diary);
        done(diary, [watcher]);
    });
}

/// Whoever is told finds nothing left of it: neither process, nor zombie, nor mailbox.
#[test]
fn t_15_at_its_down_everything_of_it_is_free() {
    isolated_for_both(|| {
        let diary = diary();
        for round in 0..50 {
            let target = member(&diary);
            let children = watch::children_of(std::process::id()).len();
            let monitor = target.monitor().unwrap();
            target.end(if round % 2 == 0 { End::Exit(1) } else { End::Normal }).send().unwrap();
            let down = monitor.wait_timeout(SOON).expect("it ends");
            assert!(down.report.pid != 0 && watch::Seen::of(down.report.pid).is_none(), "it is reaped");
            assert_eq!(watch::children_of(std::process::id()).len(), children - 1);
            assert!(matches!(target.status(), Err(StopError::NoProc { .. })), "the reference is stale");
            assert!(target.end(End::Normal).send().is_err());
        }
        done(diary, []);
    });
}

#[test]
fn async_code_is_told_as_well() {
    isolated(|| {
        let target = Process::spawn(sleep, ()).unwrap();
        let monitors = [monitor(&target).unwrap(), monitor(&target).unwrap()];
        target.kill().unwrap();
        let [one, other] = monitors.each_ref().map(|monitor| monitor.wait_async());
        let downs = block_on(futures::future::join(one, other));
        for (down, monitor) in [(downs.0, &monitors[0]), (downs.1, &monitors[1])] {
            assert_eq!(down.monitor, monitor.id());
            assert_eq!(down.report.reason, ExitReason::Killed { by: KilledBy::User });
        }
        // One that begins to wait before there is anything.
        let target = Process::spawn(sleep, ()).unwrap();
        let monitor = monitor(&target).unwrap();
        let waiting = std::thread::spawn(move || block_on(monitor.wait_async()));
        target.kill().unwrap();
        assert_eq!(waiting.join().unwrap().peer, target.id().into());
        target.join().unwrap_err();
    });
}

#[test]
fn each_thread_is_told_what_it_waits_for() {
    isolated(|| {
        let targets: Vec<_> = (0..16).map(|_| Process::spawn(sleep, ()).unwrap()).collect();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = targets
                .iter()
                .map(|target| scope.spawn(move || monitor(target).unwrap().wait_timeout(SOON).expect("it ends").peer))
                .collect();
            for target in targets.iter().rev() {
                target.kill().unwrap();
            }
            for (target, waiting) in targets.iter().zip(waiting) {
                assert_eq!(waiting.join().unwrap(), target.id().into());
            }
        });
        targets.iter().for_each(|target| drop(target.join().unwrap_err()));
    });
}
