//! Supervisors: children in order, started again by the rules, and stopped.

use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{AutoShutdown, Backoff, ChildPhase, KilledBy, StartError, Strategy, SupervisorEnd, SupervisorError};
use actor_tests::watch::until;
use serde::{Deserialize, Serialize};

use crate::harness::{isolated, isolated_for_both};

/// Tells what happens to it.
#[derive(Actor)]
struct Child {
    name: String,
    journal: Queue<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Args {
    name: String,
    journal: Queue<String>,
    /// `init` waits until there is an item, if there is a queue.
    gate: Option<Queue<()>>,
    /// How many lives fail to come up after the first.
    fails: bool,
}

#[handlers]
impl Child {
    #[init]
    fn new(args: Args) -> Result<Child, Failure> {
        let Args { name, journal, gate, fails } = args;
        if let Some(gate) = gate {
            gate.recv().map_err(Failure::new)?;
        }
        journal.send(format!("start {name}")).map_err(Failure::new)?;
        match fails {
            true => Err(Failure::new("it does not want to")),
            false => Ok(Child { name, journal }),
        }
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    #[cast]
    fn leave(&self, context: &mut Context<Self>) {
        context.stop();
    }

    #[terminate]
    fn terminate(&mut self) {
        let _ = self.journal.send(format!("stop {}", self.name));
    }
}

fn journal() -> Queue<String> {
    Queue::bounded(1000).unwrap()
}

fn entries(journal: &Queue<String>) -> Vec<String> {
    std::iter::from_fn(|| journal.try_recv().ok()).collect()
}

fn child(name: &str, journal: &Queue<String>) -> ChildSpec<Child> {
    let args = Args { name: name.into(), journal: journal.clone(), gate: None, fails: false };
    ChildSpec { id: name.into(), ..ChildSpec::new(Child::define(args)) }
}

fn often() -> Intensity {
    Intensity { restarts: 1000, period: Duration::from_secs(5) }
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let journal = journal();
        let mut app = Supervisor::builder();
        let (a, b) = (app.child(child("a", &journal)).unwrap(), app.child(child("b", &journal)).unwrap());
        let c = app.child(child("c", &journal)).unwrap();
        let app = app.start().unwrap();
        assert_eq!(entries(&journal), ["start a", "start b", "start c"]);
        let pids = [a, b, c].map(|actor| actor.os_pid().wait().unwrap());
        let children = app.which_children().unwrap();
        assert_eq!(children.iter().map(|child| child.pid.unwrap()).collect::<Vec<_>>(), pids);
        assert!(children.iter().all(|child| child.phase == ChildPhase::Up && child.restarts == 0));
        assert_eq!(app.try_join(), Err(SupervisorError::Timeout));
        assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
        assert_eq!(entries(&journal), ["stop c", "stop b", "stop a"]);
        assert_eq!(app.join(), Ok(SupervisorEnd::Stopped));
        assert_eq!(app.try_join(), Ok(SupervisorEnd::Stopped));
        assert_eq!(app.which_children(), Err(SupervisorError::NoProc));
        assert!(matches!(a.os_pid().wait(), Err(CallError::NoProc(_))));
        journal.close(Close::Now);
    });
}

#[test]
fn p_01_a_process_is_seen_to_start_to_live_and_to_end() {
    isolated_for_both(|| {
        let (journal, gate) = (journal(), Queue::bounded(1).unwrap());
        let args = Args { name: "a".into(), journal: journal.clone(), gate: Some(gate.clone()), fails: false };
        let mut app = Supervisor::builder().intensity(often());
        let a = app.child(Child::define(args)).unwrap();
        assert!(!a.is_alive());
        gate.send(()).unwrap();
        let app = app.start().unwrap();
        assert!(a.is_alive());
        let listed = || app.which_children().unwrap().remove(0);
        assert_eq!(listed().phase, ChildPhase::Up);
        // Started again, it is not let through at once.
        assert_eq!(a.kill().unwrap().reason, ExitReason::Killed { by: KilledBy::User });
        until("its process is there", || listed().phase == ChildPhase::Starting && listed().pid.is_some());
        gate.send(()).unwrap();
        until("it is up", || listed().phase == ChildPhase::Up);
        assert_eq!((listed().restarts, a.incarnation().map(|life| life.life())), (1, Some(2)));
        app.stop().unwrap();
        assert!(!a.is_alive() && app.which_children().is_err());
        journal.close(Close::Now);
        gate.close(Close::Now);
    });
}

#[test]
fn the_same_reference_reaches_the_next_life() {
    isolated_for_both(|| {
        let journal = journal();
        let mut app = Supervisor::builder().intensity(often());
        let a = app.child(child("a", &journal)).unwrap();
        let app = app.start().unwrap();
        let mut pid = a.os_pid().wait().unwrap();
        for _ in 0..10 {
            a.kill().unwrap();
            let next = a.os_pid().wait().unwrap();
            assert_ne!(pid, next);
            pid = next;
        }
        assert_eq!(app.which_children().unwrap()[0].restarts, 10);
        app.stop().unwrap();
        journal.close(Close::Now);
    });
}

#[test]
fn one_restart_too_many_ends_the_supervisor() {
    isolated_for_both(|| {
        let journal = journal();
        let mut app = Supervisor::builder().intensity(Intensity { restarts: 2, period: Duration::from_secs(1000) });
        let (a, b) = (app.child(child("a", &journal)).unwrap(), app.child(child("b", &journal)).unwrap());
        let app = app.start().unwrap();
        for _ in 0..2 {
            a.kill().unwrap();
            a.os_pid().wait().unwrap();
        }
        a.kill().unwrap();
        let SupervisorEnd::GaveUp { child, report } = app.join().unwrap() else { panic!("it gives up") };
        assert_eq!((&*child, &report.reason), ("a", &ExitReason::Killed { by: KilledBy::User }));
        assert!(!b.is_alive());
        assert_eq!(entries(&journal).last().map(String::as_str), Some("stop b"));
        journal.close(Close::Now);
    });
}

#[test]
fn a_strategy_says_who_is_started_again_together() {
    isolated(|| {
        for (strategy, restarted) in [
            (Strategy::OneForOne, &["start b"][..]),
            (Strategy::RestForOne, &["stop c", "start b", "start c"]),
            (Strategy::OneForAll, &["stop c", "stop a", "start a", "start b", "start c"]),
        ] {
            let journal = journal();
            let mut app = Supervisor::builder().strategy(strategy);
            let [a, b, c] = ["a", "b", "c"].map(|name| app.child(child(name, &journal)).unwrap());
            let app = app.start().unwrap();
            entries(&journal);
            b.kill().unwrap();
            let told: Vec<String> = restarted.iter().map(|_| journal.recv().unwrap()).collect();
            assert_eq!(told, restarted, "{strategy:?}");
            // The same references reach them, also those that were stopped on the way.
            for actor in [a, b, c] {
                actor.os_pid().wait().unwrap();
            }
            app.stop().unwrap();
            assert_eq!(entries(&journal), ["stop c", "stop b", "stop a"], "{strategy:?}");
            journal.close(Close::Now);
        }
    });
}

#[test]
fn a_supervisor_ends_with_its_significant_children() {
    isolated(|| {
        for (auto_shutdown, last) in [(AutoShutdown::AnySignificant, "a"), (AutoShutdown::AllSignificant, "b")] {
            let journal = journal();
            let mut app = Supervisor::builder().auto_shutdown(auto_shutdown);
            let significant =
                |name| ChildSpec { restart: Restart::Transient, significant: true, ..child(name, &journal) };
            let (a, b) = (app.child(significant("a")).unwrap(), app.child(significant("b")).unwrap());
            app.child(child("c", &journal)).unwrap();
            let app = app.start().unwrap();
            a.leave().send().unwrap();
            if last == "b" {
                until("its end is seen", || matches!(a.os_pid().wait(), Err(CallError::NoProc(_))));
                b.leave().send().unwrap();
            }
            assert_eq!(app.join(), Ok(SupervisorEnd::AutoShutdown { child: last.into() }));
            assert_eq!(
                entries(&journal).last().map(String::as_str),
                Some(if last == "b" { "stop c" } else { "stop b" })
            );
            journal.close(Close::Now);
        }
    });
}

#[test]
fn restart_types_differ_by_the_kind_of_end() {
    isolated(|| {
        let journal = journal();
        let mut app = Supervisor::builder().intensity(often());
        let [permanent, transient, temporary] = [Restart::Permanent, Restart::Transient, Restart::Temporary]
            .map(|restart| app.child(ChildSpec { restart, ..child(&format!("{restart:?}"), &journal) }).unwrap());
        let app = app.start().unwrap();
        let all = [permanent, transient, temporary];
        all.iter().for_each(|child| drop(child.kill().unwrap()));
        until("those that are started again are up", || permanent.is_alive() && transient.is_alive());
        assert!(matches!(temporary.os_pid().wait(), Err(CallError::NoProc(_))));
        permanent.leave().send().unwrap();
        transient.leave().send().unwrap();
        until("the transient one has ended for good", || {
            matches!(transient.os_pid().wait(), Err(CallError::NoProc(_)))
        });
        until("the permanent one lives", || permanent.incarnation().is_some_and(|life| life.life() == 3));
        permanent.os_pid().wait().unwrap();
        app.stop().unwrap();
        journal.close(Close::Now);
    });
}

#[test]
fn a_child_that_does_not_come_up_is_an_error_of_the_start() {
    isolated_for_both(|| {
        let journal = journal();
        let mut app = Supervisor::builder().intensity(often());
        let a = app.child(child("a", &journal)).unwrap();
        let args = Args { name: "b".into(), journal: journal.clone(), gate: None, fails: true };
        app.child(ChildSpec { id: "b".into(), ..ChildSpec::new(Child::define(args)) }).unwrap();
        let c = app.child(child("c", &journal)).unwrap();
        match app.start() {
            Err(StartError::Child { id, report }) => {
                assert_eq!((&*id, &report.reason), ("b", &ExitReason::Failed("it does not want to".into())));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(entries(&journal), ["start a", "start b", "stop a"]);
        assert!(matches!(a.os_pid().wait(), Err(CallError::NoProc(_))));
        assert!(matches!(c.os_pid().wait(), Err(CallError::NoProc(_))));
        journal.close(Close::Now);
    });
}

#[test]
fn what_cannot_work_is_refused_and_what_was_made_goes() {
    isolated(|| {
        let journal = journal();
        let mut app = Supervisor::builder();
        let a = app.child(child("a", &journal)).unwrap();
        app.child(child("a", &journal)).unwrap();
        let error = app.start().unwrap_err();
        assert_eq!(error.to_string(), "the supervisor cannot work: two children have the id `a`");
        assert!(entries(&journal).is_empty());
        until("the mailbox is gone", || matches!(a.os_pid().wait(), Err(CallError::NoProc(_))));
        let mut never_started = Supervisor::builder();
        let b = never_started.child(child("b", &journal)).unwrap();
        b.leave().send().expect("it waits in the mailbox");
        drop(never_started);
        until("the mailbox is gone", || matches!(b.os_pid().wait(), Err(CallError::NoProc(_))));
        let empty = Supervisor::builder().start().unwrap();
        assert_eq!(empty.stop_deadline(Instant::now() + Duration::from_secs(60)), Ok(SupervisorEnd::Stopped));
        journal.close(Close::Now);
    });
}

/// Does not hear that it is to stop.
#[derive(Actor, Serialize, Deserialize)]
struct Deaf;

#[handlers]
impl Deaf {
    #[cast]
    fn work(&self) {
        actor_tests::foreign::sleep_in_c(1000);
    }

    #[cast]
    fn work_until(&self, gate: Queue<()>) {
        gate.recv().expect("it opens");
    }
}

#[test]
fn t_14_who_does_not_stop_in_time_is_killed() {
    isolated(|| {
        let journal = journal();
        let mut app = Supervisor::builder();
        let _a = app.child(child("a", &journal)).unwrap();
        let shutdown = Shutdown::After(Duration::from_millis(200));
        let deaf = app.child(ChildSpec { shutdown, ..ChildSpec::new(Deaf) }).unwrap();
        let _c = app.child(child("c", &journal)).unwrap();
        let app = app.start().unwrap();
        deaf.work().send().unwrap();
        until("it is at work", || deaf.status().unwrap().handling.is_some());
        let begin = std::time::Instant::now();
        assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
        let took = begin.elapsed();
        let limit = actor_tests::watch::bound(Duration::from_millis(500));
        assert!(Duration::from_millis(200) <= took && took < limit, "{took:?}");
        assert_eq!(entries(&journal), ["start a", "start c", "stop c", "stop a"]);
        journal.close(Close::Now);
    });
}

#[test]
fn t_14_who_is_to_be_killed_is_not_asked() {
    isolated_for_both(|| {
        let journal = journal();
        let mut app = Supervisor::builder();
        let _a = app.child(child("a", &journal)).unwrap();
        let _b = app.child(ChildSpec { shutdown: Shutdown::Kill, ..child("b", &journal) }).unwrap();
        let deaf = app.child(ChildSpec { shutdown: Shutdown::Kill, ..ChildSpec::new(Deaf) }).unwrap();
        let app = app.start().unwrap();
        deaf.work().send().unwrap();
        until("it is at work", || deaf.status().unwrap().handling.is_some());
        let begin = std::time::Instant::now();
        assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
        assert!(begin.elapsed() < actor_tests::watch::bound(Duration::from_millis(500)), "{:?}", begin.elapsed());
        assert_eq!(entries(&journal), ["start a", "start b", "stop a"], "b had no time to say anything");
        journal.close(Close::Now);
    });
}

#[test]
fn t_14_who_may_take_his_time_is_waited_for() {
    isolated_for_both(|| {
        let (journal, gate) = (journal(), Queue::<()>::bounded(1).unwrap());
        let mut app = Supervisor::builder();
        let _a = app.child(child("a", &journal)).unwrap();
        let slow = app.child(ChildSpec { shutdown: Shutdown::Wait, ..ChildSpec::new(Deaf) }).unwrap();
        let _c = app.child(child("c", &journal)).unwrap();
        let app = app.start().unwrap();
        slow.work_until(gate.clone()).send().unwrap();
        until("it is at work", || slow.status().unwrap().handling.is_some());
        std::thread::scope(|scope| {
            let stopping = scope.spawn(|| app.stop());
            until("the one behind it is stopped", || journal.len() == 3);
            let over =
                actor_tests::watch::wait_for(Duration::from_millis(300), || stopping.is_finished().then_some(()));
            assert!(over.is_none(), "it is still at work");
            gate.send(()).unwrap();
            assert_eq!(stopping.join().unwrap(), Ok(SupervisorEnd::Stopped));
        });
        assert_eq!(entries(&journal), ["start a", "start c", "stop c", "stop a"]);
        journal.close(Close::Now);
        gate.close(Close::Now);
    });
}

#[test]
fn timeouts_without_an_end_are_none() {
    isolated(|| {
        let journal = journal();
        let mut app = Supervisor::builder();
        let args = Args { name: "a".into(), journal: journal.clone(), gate: None, fails: false };
        let options = SpawnOptions { start_timeout: Duration::MAX, ..SpawnOptions::default() };
        let shutdown = Shutdown::After(Duration::MAX);
        let spec = ChildSpec { shutdown, ..ChildSpec::new(Child::define(args).with(options)) };
        app.child(spec).unwrap();
        let app = app.start().unwrap();
        assert_eq!(app.stop_timeout(Duration::MAX), Ok(SupervisorEnd::Stopped));
        assert_eq!(app.join_timeout(Duration::MAX), Ok(SupervisorEnd::Stopped));
        let alone = Child::define(Args { name: "b".into(), journal: journal.clone(), gate: None, fails: false });
        alone.spawn().unwrap().stop_timeout(Duration::MAX).unwrap();
        journal.close(Close::Now);
    });
}

#[test]
fn who_is_stopped_while_it_waits_to_be_started_is_not_started() {
    isolated_for_both(|| {
        let (journal, gate) = (journal(), Queue::bounded(1).unwrap());
        let args = Args { name: "a".into(), journal: journal.clone(), gate: Some(gate.clone()), fails: false };
        let minute = Duration::from_secs(60);
        let (restart, backoff) = (Restart::Transient, Backoff::new(minute, minute));
        let mut app = Supervisor::builder().intensity(often());
        let a = app.child(ChildSpec { restart, backoff, ..ChildSpec::new(Child::define(args)) }).unwrap();
        gate.send(()).unwrap();
        let app = app.start().unwrap();
        gate.close(Close::Now);
        a.kill().unwrap();
        let phase = || app.which_children().unwrap().remove(0).phase;
        until("it waits", || phase() == ChildPhase::Waiting);
        a.stop().unwrap();
        assert_eq!(phase(), ChildPhase::Ended);
        assert!(matches!(a.os_pid().wait(), Err(CallError::NoProc(_))));
        assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
        journal.close(Close::Now);
    });
}
