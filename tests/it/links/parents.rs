//! Links from the beginning: who has started somebody, and who was started.

use actor_core::link::{monitor, trap_exit};
use actor_core::process::{JoinError, Process};

use super::*;
use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated_for_both(|| {
        let diary = diary();
        let parent = member(&diary);
        let (child, stranger) = (parent.child().wait().unwrap(), parent.stranger().wait().unwrap());
        let (first, end) = (peer(&parent), child.monitor().unwrap());
        parent.end(End::Exit(4)).send().unwrap();
        let report = end.wait_timeout(SOON).expect("it ends with its parent").report;
        assert_eq!((report.reason, report.via), (ExitReason::ExitCode(4), Some(first)));
        assert!(stranger.is_there().wait().unwrap());
        done(diary, [stranger]);
    });
}

#[test]
fn a_parent_ends_with_its_child_unless_it_traps() {
    isolated(|| {
        let diary = diary();
        let parent = member(&diary);
        parent.trap().wait().unwrap();
        let child = parent.child().wait().unwrap();
        let child_peer = peer(&child);
        child.end(End::Exit(5)).send().unwrap();
        assert_eq!(next(&diary), Told::Exit(child_peer, ExitReason::ExitCode(5)));
        parent.trap_no_more().wait().unwrap();
        let child = parent.child().wait().unwrap();
        let (child_peer, end) = (peer(&child), parent.monitor().unwrap());
        child.end(End::Exit(6)).send().unwrap();
        let report = end.wait_timeout(SOON).expect("it ends with its child").report;
        assert_eq!((report.reason, report.via), (ExitReason::ExitCode(6), Some(child_peer)));
        done(diary, []);
    });
}

/// It is not told: it ends, and in order.
#[test]
fn who_traps_ends_in_order_with_its_parent() {
    isolated_for_both(|| {
        let diary = diary();
        for end in [End::Exit(7), End::Segfault, End::Normal] {
            let parent = member(&diary);
            let child = parent.child().wait().unwrap();
            child.trap().wait().unwrap();
            let (first, monitor) = (peer(&parent), child.monitor().unwrap());
            parent.end(end).send().unwrap();
            let report = monitor.wait_timeout(SOON).expect("it ends with its parent").report;
            assert!(end.is(&report.reason), "{report}");
            assert_eq!(report.via, Some(first));
            assert_eq!(next(&diary), Told::Ends(report.reason));
        }
        nothing_in(&diary);
        done(diary, []);
    });
}

/// Dies as soon as it is there, which is before its parent could link itself.
fn die_at_once((): ()) {
    std::process::exit(8);
}

#[test]
fn no_death_comes_before_the_link() {
    isolated_for_both(|| {
        let exits = trap_exit().unwrap();
        for _ in 0..100 {
            let child = Process::spawn_link(die_at_once, ()).unwrap();
            let exit = exits.recv_timeout(SOON).expect("it has died");
            assert_eq!((exit.from, &exit.reason), (child.id().into(), &ExitReason::ExitCode(8)));
            let Err(JoinError::Died(report)) = child.join() else { panic!("it has died") };
            assert_eq!(exit.report, report);
        }
        assert_eq!(exits.try_recv(), None);
    });
}

/// Fails in `init`.
#[derive(Actor)]
struct Stillborn;

#[handlers]
impl Stillborn {
    #[init]
    fn new() -> Result<Stillborn, String> {
        Err("not today".into())
    }
}

/// Starts what cannot be started.
#[derive(Actor, Serialize, Deserialize)]
struct Unlucky;

#[handlers]
impl Unlucky {
    #[call]
    fn start(&mut self, context: &mut Context<Self>) -> String {
        context.spawn(Stillborn::define(())).expect_err("it fails").to_string()
    }
}

#[test]
fn who_does_not_come_up_is_an_error_and_no_exit_signal() {
    isolated_for_both(|| {
        let exits = trap_exit().unwrap();
        assert!(Stillborn::define(()).spawn_link().is_err());
        assert_eq!(exits.recv_timeout(NOT_YET), None);
        let unlucky = Unlucky.spawn().unwrap();
        for _ in 0..3 {
            assert!(unlucky.start().wait().unwrap().contains("not today"), "and it lives on");
        }
        unlucky.kill().unwrap();
    });
}

/// Takes its time in `init`, and says first that it is there.
#[derive(Actor)]
struct Slow;

#[handlers]
impl Slow {
    #[init]
    fn new(begun: Queue<u32>) -> Slow {
        begun.send(std::process::id()).expect("somebody waits for it");
        foreign::sleep_in_c(1000);
        Slow
    }
}

/// Is at the start of another for as long as that takes.
fn start_slowly(begun: Queue<u32>) {
    let options = SpawnOptions { start_timeout: Duration::from_secs(1000), ..SpawnOptions::default() };
    let _ = Slow::define(begun).with(options).spawn_link();
}

#[test]
fn who_is_still_being_started_ends_with_its_parent() {
    isolated_for_both(|| {
        let begun = Queue::bounded(1).unwrap();
        let parent = Process::spawn(start_slowly, begun.clone()).unwrap();
        let child = begun.recv_timeout(SOON).expect("it begins");
        let end = monitor(&parent).unwrap();
        parent.kill().unwrap();
        end.wait_timeout(SOON).expect("it was killed");
        actor_tests::watch::until("the child has ended", || !actor_tests::watch::is_alive(child));
        begun.close(Close::Now);
    });
}
