//! One life after the other: what goes on from one to the next, and that they never overlap.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use actor_core::node::counters;
use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{Backoff, ChildSpec, Intensity, KilledBy, Supervisor, SupervisorEnd};
use actor_tests::watch::{Seen, until};
use serde::{Deserialize, Serialize};

use super::cost::Footprint;
use super::worker::{Act, Desk, Worker, all_dead_letters, finish, first, number_in};
use crate::harness::isolated;

/// Holds a lock as long as it lives, and looks for the one before it.
#[derive(Actor)]
struct Alone {
    _lock: File,
}

#[derive(Clone, Serialize, Deserialize)]
struct AloneArgs {
    /// Locked by the life that is on, and naming its process.
    place: PathBuf,
    /// What is wrong.
    findings: Queue<String>,
    /// The process of each life that has come up.
    lives: Queue<u32>,
}

#[handlers]
impl Alone {
    #[init]
    fn new(args: AloneArgs, context: &mut Context<Self>) -> io::Result<Alone> {
        let AloneArgs { place, findings, lives } = args;
        if context.actor_ref().incarnation() != Some(context.incarnation()) {
            findings.send("this life is not known".into()).expect("the queue is open");
        }
        let mut lock = File::options().read(true).append(true).open(place)?;
        if lock.try_lock().is_err() {
            findings.send("the one before lives".into()).expect("the queue is open");
        }
        let mut before = String::new();
        lock.read_to_string(&mut before)?;
        if let Some(seen) = before.parse().ok().and_then(Seen::of) {
            findings.send(format!("the one before is not reaped: {seen:?}")).expect("the queue is open");
        }
        lock.set_len(0)?;
        write!(lock, "{}", std::process::id())?;
        lives.send(std::process::id()).expect("the queue is open");
        Ok(Alone { _lock: lock })
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }
}

/// Lives that are ended.
const LIVES: usize = 200;

#[test]
fn t_19_k_08_lives_never_overlap_and_leave_nothing() {
    isolated(|| {
        let place = tempfile::NamedTempFile::new().unwrap();
        let (findings, lives) = (Queue::bounded(1000).unwrap(), Queue::bounded(1000).unwrap());
        let args = AloneArgs { place: place.path().to_owned(), findings: findings.clone(), lives: lives.clone() };
        let mut app = Supervisor::builder().intensity(Intensity { restarts: 10_000, period: Duration::from_secs(600) });
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(2));
        let alone = app.child(ChildSpec { backoff, ..ChildSpec::new(Alone::define(args)) }).unwrap();
        let app = app.start().unwrap();
        let mut early = None;
        for killed in 0..LIVES {
            // Some while they start, some at once when they are up, some later.
            match killed % 8 {
                0 => {}
                1 => drop(lives.recv().unwrap()),
                _ => drop(alone.os_pid().wait().unwrap()),
            }
            // What comes from now on is of the next life, or of one that is killed as it comes up.
            while lives.try_recv().is_ok() {}
            // Nobody is there to be killed while a failed start is tried again.
            until("one is killed", || alone.kill().is_ok());
            if killed == LIVES / 4 {
                alone.os_pid().wait().unwrap();
                early = Some(Footprint::here());
            }
        }
        alone.os_pid().wait().unwrap();
        Footprint::assert_no_more_than(&early.unwrap());
        assert_eq!(findings.try_recv().ok(), None);
        assert!(LIVES as u64 <= counters().unwrap().restarts);
        assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
        findings.close(Close::Now);
        lives.close(Close::Now);
    });
}

#[test]
fn t_18_a_reference_means_the_life_that_is_on() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let old = worker;
        let before = worker.incarnation().expect("it lives");
        worker.kill().unwrap();
        worker.ask(1, Act::Note).wait().unwrap();
        let after = old.incarnation().expect("it lives again");
        assert_eq!((before.life(), after.life()), (1, 2));
        assert_eq!((before.actor(), after.actor()), (old.id(), worker.id()));
        old.note(2, Act::Note).send().unwrap();
        assert_eq!(desk.entries(2), [first(1, 2), first(2, 2)]);
        assert_eq!(old.status().unwrap().incarnation, Some(after));
        assert_eq!(old.kill().unwrap().reason, ExitReason::Killed { by: KilledBy::User });
        assert_eq!(worker.ask(3, Act::Note).wait().unwrap(), 3);
        assert_eq!(worker.incarnation().map(|it| it.life()), Some(3));
        finish(&app, desk);
    });
}

#[test]
fn t_18_an_incarnation_means_one_life() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let before = worker.incarnation().expect("it lives");
        assert!(before.is_alive());
        assert_eq!(worker.in_life(before).ask(1, Act::Note).wait().unwrap(), 1);
        // Sent to a life that ends before it comes to them.
        worker.note(2, Act::Wait).send().unwrap();
        assert_eq!(desk.entries(2), [first(1, 1), first(2, 1)]);
        worker.in_life(before).retry(3, Act::Note).send().unwrap();
        let asking = thread::spawn(move || worker.in_life(before).ask_again(4, Act::Note).wait());
        worker.note(5, Act::Note).send().unwrap();
        until("all are queued", || worker.status().unwrap().queued == 3);
        assert_eq!(before.kill().unwrap().reason, ExitReason::Killed { by: KilledBy::User });
        let refused = asking.join().unwrap();
        assert!(matches!(refused, Err(CallError::NoProc(_))), "{refused:?}");
        assert_eq!(desk.entry(), first(5, 2));
        assert_eq!(all_dead_letters().iter().map(number_in).collect::<Vec<_>>(), [2, 3]);
        // Nothing that is meant for the one who is dead happens to the one who lives.
        let after = worker.incarnation().expect("it lives again");
        assert!(after.is_alive() && !before.is_alive());
        assert!(matches!(before.kill(), Err(StopError::NoProc { .. })));
        assert!(matches!(before.stop(), Err(StopError::NoProc { .. })));
        assert!(matches!(before.stop_now(), Err(StopError::NoProc { .. })));
        assert!(matches!(before.stop_deadline(Instant::now()), Err(StopError::NoProc { .. })));
        let refused = worker.in_life(before).note(6, Act::Note).send();
        assert!(matches!(refused, Err(SendError::NoProc(_))), "{refused:?}");
        let refused = worker.in_life(before).ask(7, Act::Note).wait();
        assert!(matches!(refused, Err(CallError::NoProc(_))), "{refused:?}");
        assert_eq!(worker.incarnation(), Some(after));
        // In hand at the end of its life, it is handed to nobody else.
        worker.in_life(after).retry(8, Act::WaitOnce).send().unwrap();
        assert_eq!(desk.entry(), first(8, 2));
        after.kill().unwrap();
        assert_eq!(worker.ask(9, Act::Note).wait().unwrap(), 9);
        assert_eq!(desk.entry(), first(9, 3));
        assert_eq!(all_dead_letters().iter().map(number_in).collect::<Vec<_>>(), [8]);
        let last = worker.incarnation().expect("it lives again");
        assert_eq!(last.stop_now().unwrap().reason, ExitReason::Shutdown(None));
        finish(&app, desk);
    });
}

/// Whoever gets the memory of an actor that has ended, an old reference never means him.
#[test]
fn t_18_a_reference_to_one_who_has_ended_never_means_another() {
    isolated(|| {
        let desk = Desk::new();
        let mut old = Vec::new();
        for number in 0..20 {
            let worker = desk.worker();
            assert_eq!(worker.ask(number, Act::Note).wait().unwrap(), number);
            let is_stale = |old: &ActorRef<Worker>| {
                matches!(old.ask(99, Act::Note).wait(), Err(CallError::NoProc(_)))
                    && matches!(old.note(99, Act::Note).send(), Err(SendError::NoProc(_)))
                    && matches!(old.stop(), Err(StopError::NoProc { .. }))
                    && matches!(old.kill(), Err(StopError::NoProc { .. }))
                    && old.status().is_err()
                    && old.incarnation().is_none()
            };
            assert!(old.iter().all(is_stale));
            assert!(worker.is_alive());
            worker.stop().unwrap();
            old.push(worker);
        }
        assert!(desk.rest().iter().all(|entry| entry.number != 99));
        desk.clear();
    });
}

#[test]
fn what_is_sent_between_two_lives_waits_for_the_next() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        const COUNT: u32 = 3000;
        let sending = thread::spawn(move || {
            (0..COUNT).for_each(|number| worker.note(number, Act::Note).timeout(Duration::MAX).send().unwrap());
        });
        let (mut killed, mut handled) = (0, Vec::new());
        // Each life handles something, or it would not be long until nobody is started any more.
        while !sending.is_finished() {
            handled.extend(desk.journal.recv_timeout(Duration::from_millis(100)).ok());
            killed += u32::from(worker.kill().is_ok());
        }
        sending.join().unwrap();
        // What was in hand is a dead letter, all else is handled once, and all in the order of sending.
        worker.ask(u32::MAX, Act::Note).wait().unwrap();
        handled.extend(desk.rest());
        let handled: Vec<u32> = handled.iter().map(|entry| entry.number).collect();
        assert!(handled.is_sorted_by(|a, b| a < b), "{handled:?}");
        let mut seen: Vec<u32> = all_dead_letters().iter().map(number_in).collect();
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        assert!(seen.len() as u32 <= killed, "{} dead letters of {killed} deaths", seen.len());
        seen.extend(handled.iter().filter(|number| **number != u32::MAX));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..COUNT).collect::<Vec<_>>());
        finish(&app, desk);
    });
}
