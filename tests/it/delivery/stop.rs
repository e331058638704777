//! Actors that are asked to stop, are full, or have ended.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actor_core::KilledBy;
use actor_core::node::counters;
use actor_core::prelude::*;
use actor_core::{ChildSpec, Shutdown, Supervisor, SupervisorEnd};
use actor_tests::watch::{bound, until};

use super::worker::{Act, Desk, End, Worker, all_dead_letters, finish, first, number_in};
use crate::harness::isolated;

fn numbers(desk: &Desk) -> Vec<u32> {
    desk.rest().into_iter().map(|entry| entry.number).collect()
}

#[test]
fn d_03_a_stop_handles_what_is_queued() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        worker.note(0, Act::Wait).send().unwrap();
        (1..=100).for_each(|number| worker.note(number, Act::Note).send().unwrap());
        let stopping = thread::spawn(move || worker.stop());
        until("it is asked to stop", || worker.status().unwrap().is_stopping);
        assert!(matches!(worker.note(101, Act::Note).send(), Err(SendError::Closed(_))));
        assert!(matches!(worker.ask(102, Act::Note).wait(), Err(CallError::Closed(_))));
        desk.open_gate(1);
        assert_eq!(stopping.join().unwrap().unwrap().reason, ExitReason::Shutdown(None));
        assert_eq!(numbers(&desk), (0..=100).collect::<Vec<_>>());
        assert!(all_dead_letters().is_empty());
        desk.clear();
    });
}

#[test]
fn d_03_a_stop_at_once_keeps_what_is_queued() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        worker.note(0, Act::Wait).send().unwrap();
        desk.entry();
        (1..=100).for_each(|number| worker.note(number, Act::Note).send().unwrap());
        let asking = thread::spawn(move || worker.ask(101, Act::Note).timeout(Duration::MAX).wait());
        until("the call is queued", || worker.status().unwrap().queued == 101);
        let stopping = thread::spawn(move || worker.stop_now());
        until("it is asked to stop", || worker.status().unwrap().is_stopping);
        desk.open_gate(1);
        assert_eq!(stopping.join().unwrap().unwrap().reason, ExitReason::Shutdown(None));
        assert!(numbers(&desk).is_empty());
        let letters = all_dead_letters();
        assert_eq!(letters.iter().map(number_in).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
        let is_untouched = |letter: &actor_core::node::DeadLetter| letter.deliveries == 0 && letter.deaths.is_empty();
        assert!(letters.iter().all(is_untouched), "{letters:?}");
        assert!(letters[0].reason.starts_with("the actor has ended: stopped as asked"), "{}", letters[0].reason);
        assert!(matches!(asking.join().unwrap(), Err(CallError::Closed(_))));
        desk.clear();
    });
}

/// What was sent is handled or a dead letter, whenever the stop comes.
#[test]
fn d_03_no_message_is_lost_between_senders_and_a_stop() {
    isolated(|| {
        for after_all in [true, false] {
            let desk = Desk::new();
            let worker = desk.worker();
            let before = counters().unwrap().dead_letters;
            let sent = AtomicU32::new(0);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        while worker.note(sent.load(Ordering::Relaxed), Act::Note).send().is_ok() {
                            sent.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                until("many are sent", || 500 < sent.load(Ordering::Relaxed));
                let report = if after_all { worker.stop() } else { worker.stop_now() };
                assert_eq!(report.unwrap().reason, ExitReason::Shutdown(None));
            });
            until("the mailbox is settled", || worker.status().is_err());
            let (handled, dead) = (numbers(&desk).len() as u32, counters().unwrap().dead_letters - before);
            assert_eq!(handled + dead as u32, sent.into_inner(), "{handled} handled, {dead} dead letters");
            assert!(!after_all || dead == 0, "{dead} were queued and not handled");
            desk.clear();
        }
    });
}

#[test]
fn d_12_who_has_ended_for_good_takes_nothing() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker_with_room(4);
        worker.note(0, Act::Wait).send().unwrap();
        desk.entry();
        (1..4).for_each(|number| worker.note(number, Act::Note).send().unwrap());
        // Three wait for room when it is killed.
        let send = |number| thread::spawn(move || worker.note(number, Act::Note).timeout(Duration::MAX).send());
        let senders = [(4, send(4)), (5, send(5))];
        let asking = thread::spawn(move || worker.ask(6, Act::Note).timeout(Duration::MAX).wait());
        let begin = Instant::now();
        worker.kill().unwrap();
        // There is room when it is dead and before it is known that nobody will live here again.
        let mut sent = vec![0, 1, 2, 3];
        for (number, sender) in senders {
            match sender.join().unwrap() {
                Ok(()) => sent.push(number),
                Err(refused) => {
                    assert!(matches!(refused, SendError::Closed(_) | SendError::NoProc(_)), "{refused:?}");
                    assert_eq!(refused.into_cast().into_message(), (number, Act::Note));
                }
            }
        }
        asking.join().unwrap().unwrap_err();
        let took = begin.elapsed();
        assert!(took < bound(Duration::from_secs(1)), "{took:?}");
        until("the mailbox is settled", || counters().unwrap().dead_letters == sent.len() as u64);
        let mut dead: Vec<u32> = all_dead_letters().iter().map(number_in).collect();
        assert_eq!(dead[..4], [0, 1, 2, 3]);
        dead[4..].sort_unstable();
        assert_eq!(dead, sent, "what was sent is a dead letter");
        // And from now on.
        let begin = Instant::now();
        for _ in 0..100 {
            assert!(matches!(worker.note(9, Act::Note).send(), Err(SendError::NoProc(_))));
            assert!(matches!(worker.ask(9, Act::Note).wait(), Err(CallError::NoProc(_))));
            assert!(matches!(worker.stop(), Err(StopError::NoProc { .. })));
            assert!(matches!(worker.kill(), Err(StopError::NoProc { .. })));
            assert!(matches!(worker.status(), Err(StopError::NoProc { .. })));
            assert!(!worker.is_alive());
        }
        let took = begin.elapsed();
        assert!(took < bound(Duration::from_secs(1)), "{took:?}");
        desk.clear();
    });
}

#[test]
fn d_16_a_stop_is_bounded_whatever_is_queued() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        (0..100).for_each(|number| worker.note(number, Act::Wait).send().unwrap());
        // Ten of them are let through; the rest is too much for the time.
        desk.open_gate(10);
        desk.entries(11);
        let (begin, limit) = (Instant::now(), Duration::from_millis(100));
        let report = worker.stop_deadline(begin + limit).unwrap();
        let took = begin.elapsed();
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::ShutdownTimeout });
        assert!(limit <= took && took < bound(Duration::from_secs(1)), "{took:?}");
        let letters = all_dead_letters();
        assert_eq!(letters.iter().map(number_in).collect::<Vec<_>>(), (10..100).collect::<Vec<_>>());
        assert_eq!((letters[0].deliveries, letters[1].deliveries), (1, 0));
        desk.clear();
    });
}

#[test]
fn t_20_a_full_mailbox_is_in_nobodys_way() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker_with_room(4);
        worker.note(0, Act::UntilStopping).send().unwrap();
        desk.entry();
        (1..4).for_each(|number| worker.note(number, Act::Note).send().unwrap());
        let Err(SendError::Full(cast)) = worker.note(4, Act::Note).try_send() else { panic!("it is full") };
        let refused = cast.timeout(Duration::from_millis(20)).send();
        assert!(matches!(refused, Err(SendError::Full(_))), "{refused:?}");
        let timed_out = worker.ask(5, Act::Note).timeout(Duration::from_millis(20)).wait();
        assert!(matches!(timed_out, Err(CallError::Timeout(_))), "{timed_out:?}");
        let status = worker.status().unwrap();
        assert_eq!((status.handling.map(|(handler, _)| handler), status.handled, status.queued), (Some("note"), 0, 3));
        assert!(worker.is_alive() && !status.is_stopping);
        // The stop is seen by the handler, and by nobody who waits in the queue before it.
        let begin = Instant::now();
        assert_eq!(worker.stop_now().unwrap().reason, ExitReason::Shutdown(None));
        let took = begin.elapsed();
        assert!(took < bound(Duration::from_secs(1)), "{took:?}");
        assert!(numbers(&desk).is_empty());
        assert_eq!(all_dead_letters().iter().map(number_in).collect::<Vec<_>>(), [1, 2, 3]);
        desk.clear();
    });
}

#[test]
fn t_20_who_is_full_and_hangs_is_killed() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        worker.note(0, Act::Wait).send().unwrap();
        desk.entry();
        while worker.note(1, Act::Note).try_send().is_ok() {}
        let queued = worker.status().unwrap().queued;
        assert_eq!(queued, 255, "the one in hand has the last place");
        let begin = Instant::now();
        assert_eq!(worker.kill().unwrap().reason, ExitReason::Killed { by: KilledBy::User });
        let took = begin.elapsed();
        assert!(took < bound(Duration::from_secs(1)), "{took:?}");
        assert_eq!(desk.entries(255), vec![first(1, 2); 255]);
        finish(&app, desk);
    });
}

/// In which order its siblings are stopped stands with the supervisors' tests.
#[test]
fn t_14_the_caller_of_one_who_does_not_stop_learns_why_it_was_killed() {
    isolated(|| {
        let desk = Desk::new();
        let limit = Duration::from_millis(200);
        let mut app = Supervisor::builder();
        let shutdown = Shutdown::After(limit);
        let worker = app.child(ChildSpec { shutdown, ..ChildSpec::new(Worker::define(desk.clone())) }).unwrap();
        let app = app.start().unwrap();
        let asking = thread::spawn(move || worker.ask(1, Act::Wait).timeout(Duration::MAX).wait());
        desk.entry();
        let begin = Instant::now();
        assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
        let took = begin.elapsed();
        let Err(CallError::Died(report)) = asking.join().unwrap() else { panic!("it was killed") };
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::ShutdownTimeout });
        assert!(limit <= took && took < bound(5 * limit), "{took:?}");
        desk.clear();
    });
}

/// A failure that an actor declares itself is as much an end as a crash, but an orderly one.
#[test]
fn who_gives_up_in_words_is_started_again() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        worker.fail("no paper".into()).send().unwrap();
        worker.note(1, Act::Note).send().unwrap();
        assert_eq!(desk.entry(), first(1, 2));
        assert!(all_dead_letters().is_empty(), "the message was handled");
        worker.note(2, Act::End(End::ExitNow(1))).send().unwrap();
        worker.note(3, Act::Note).send().unwrap();
        assert_eq!(desk.entries(2), [first(2, 2), first(3, 3)]);
        finish(&app, desk);
    });
}
