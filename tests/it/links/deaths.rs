//! Deaths of those who are about to be told, or who tell.

use actor_core::link::{monitor, trap_exit};
use actor_core::process::Process;
use actor_tests::chance::Chance;

use super::*;
use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated(|| {
        // Its watcher dies before it does.
        let (target, diary) = (Process::spawn(sleep, ()).unwrap(), diary());
        let watcher = member(&diary);
        watcher.watch(target.id().into()).wait().unwrap();
        watcher.kill().unwrap();
        let here = monitor(&target).unwrap();
        target.kill().unwrap();
        here.wait_timeout(SOON).expect("it was killed");
        nothing_in(&diary);
        done(diary, []);
    });
}

/// Is told of those who were linked to it, and does not listen.
fn sleep_deaf(ready: Queue<()>) {
    let _exits = trap_exit().expect("the node is there");
    ready.send(()).expect("somebody waits for it");
    foreign::sleep_in_c(1000);
}

/// Ties itself to somebody again and again, in every way there is.
fn tie_and_untie(target: Peer) {
    let _exits = trap_exit().expect("the node is there");
    loop {
        let monitors: Vec<_> = (0..20).filter_map(|_| monitor(target).ok()).collect();
        let _ = actor_core::link::link(target);
        drop(monitors);
        let _ = actor_core::link::unlink(target);
    }
}

/// Whoever dies in the middle of this leaves nothing that others would meet.
#[test]
fn who_dies_while_it_ties_itself_harms_nobody() {
    isolated_for_both(|| {
        let mut chance = Chance::announced();
        let ready = Queue::bounded(1).unwrap();
        let target = Process::spawn(sleep_deaf, ready.clone()).unwrap();
        ready.recv_timeout(SOON).expect("it gets ready");
        let last = monitor(&target).unwrap();
        for _ in 0..60 {
            let tying: Vec<_> = (0..3).map(|_| Process::spawn(tie_and_untie, target.id().into()).unwrap()).collect();
            let ends: Vec<_> = tying.iter().map(|process| monitor(process).unwrap()).collect();
            chance.pause(Duration::from_millis(5));
            tying.iter().for_each(|process| process.kill().unwrap());
            for end in &ends {
                let reason = end.wait_timeout(SOON).expect("it was killed").report.reason;
                assert_eq!(reason, ExitReason::Killed { by: KilledBy::User });
            }
        }
        assert!(target.is_alive() && last.try_wait().is_none(), "nobody has taken it along");
        target.kill().unwrap();
        last.wait_timeout(SOON).expect("it was killed");
        ready.close(Close::Now);
    });
}

/// Whoever it was tied to dies in the middle of it.
#[test]
fn a_target_that_dies_while_others_tie_themselves_is_told_to_all() {
    isolated_for_both(|| {
        let mut chance = Chance::announced();
        for _ in 0..60 {
            let target = Process::spawn(sleep, ()).unwrap();
            let tying = std::thread::spawn({
                let target = Peer::from(target.id());
                move || (0..200).map(|_| monitor(target).unwrap()).collect::<Vec<_>>()
            });
            chance.pause(Duration::from_millis(1));
            target.kill().unwrap();
            for monitor in tying.join().unwrap() {
                let reason = monitor.wait_timeout(SOON).expect("it was killed").report.reason;
                assert!(matches!(reason, ExitReason::Killed { .. } | ExitReason::NoProc), "{reason:?}");
            }
            target.join().unwrap_err();
        }
    });
}

#[test]
fn notices_of_many_deaths_at_once_are_all_there() {
    isolated(|| {
        let exits = trap_exit().unwrap();
        let processes: Vec<_> = (0..200).map(|_| Process::spawn_link(sleep, ()).unwrap()).collect();
        let monitors: Vec<_> = processes.iter().map(|process| monitor(process).unwrap()).collect();
        for process in &processes {
            rustix::process::kill_process(
                rustix::process::Pid::from_raw(process.pid() as i32).unwrap(),
                rustix::process::Signal::KILL,
            )
            .unwrap();
        }
        for monitor in &monitors {
            let reason = monitor.wait_timeout(SOON).expect("it was killed").report.reason;
            assert_eq!(reason, ExitReason::Signaled { signal: 9, core: false });
        }
        let mut told: Vec<_> =
            processes.iter().map(|_| exits.recv_timeout(SOON).expect("it was killed").from).collect();
        told.dedup();
        assert_eq!(told.len(), processes.len());
        assert_eq!(exits.try_recv(), None);
        processes.iter().for_each(|process| drop(process.join().unwrap_err()));
    });
}
