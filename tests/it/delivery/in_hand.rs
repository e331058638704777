//! The message in hand when an actor dies, the one after it, and whoever waits for an answer.

use std::future::IntoFuture;
use std::thread;
use std::time::{Duration, Instant};

use actor_core::KilledBy;
use actor_core::node::counters;
use actor_core::prelude::*;
use actor_tests::watch::{bound, until};
use futures::executor::block_on;
use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::worker::{Act, Desk, End, Worker, again, all_dead_letters, finish, first, number_in};
use crate::harness::isolated;

const KILLED: ExitReason = ExitReason::Killed { by: KilledBy::User };

fn is_panic(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Panicked { message, .. } if message == "out of order")
}

#[test]
fn d_01_the_next_life_begins_with_the_message_in_hand() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        worker.retry(1, Act::Note).send().unwrap();
        worker.retry(2, Act::WaitOnce).send().unwrap();
        worker.retry(3, Act::Note).send().unwrap();
        worker.note(4, Act::Note).send().unwrap();
        assert_eq!(desk.entries(2), [first(1, 1), first(2, 1)]);
        let report = worker.kill().unwrap();
        assert_eq!(report.reason, KILLED);
        let in_hand = report.in_hand.expect("it had a message in hand");
        assert_eq!((&*in_hand.handler, in_hand.deliveries), ("retry", 1));
        assert_eq!(desk.entries(3), [again(2, 2, 2), first(3, 2), first(4, 2)]);
        let counted = counters().unwrap();
        assert_eq!((counted.died_at_work, counted.redelivered, counted.restarts), (1, 1, 1));
        assert!(all_dead_letters().is_empty());
        finish(&app, desk);
    });
}

#[test]
fn d_02_a_panic_is_settled_as_the_message_says() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let panic = Act::EndTimes(1, End::Panic);
        // Nothing said of a cast: it is kept and not handled again.
        worker.note(1, panic.clone()).send().unwrap();
        worker.retry(2, panic.clone()).send().unwrap();
        assert_eq!(desk.entries(3), [first(1, 1), first(2, 2), again(2, 3, 2)]);
        let letters = all_dead_letters();
        assert_eq!(letters.iter().map(number_in).collect::<Vec<_>>(), [1]);
        // Nothing said of a call: its caller has the report.
        let Err(CallError::Died(report)) = worker.ask(3, panic.clone()).wait() else { panic!("it has died") };
        assert!(is_panic(&report.reason), "{report}");
        assert_eq!(worker.ask_again(4, panic.clone()).wait().unwrap(), 4);
        let Err(CallError::Died(report)) = worker.ask_kept(5, panic).wait() else { panic!("it has died") };
        assert!(is_panic(&report.reason), "{report}");
        assert_eq!(desk.entries(4), [first(3, 3), first(4, 4), again(4, 5, 2), first(5, 5)]);
        let letters = all_dead_letters();
        assert_eq!(letters.iter().map(|letter| (number_in(letter), letter.is_call)).collect::<Vec<_>>(), [(5, true)]);
        finish(&app, desk);
    });
}

#[test]
fn d_04_a_call_ends_when_its_actor_dies() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let ask = |number, act: Act| thread::spawn(move || worker.ask(number, act).timeout(Duration::MAX).wait());
        let ask_again = |number, act: Act| thread::spawn(move || worker.ask_again(number, act).wait());
        // In hand.
        let asking = ask(1, Act::Wait);
        assert_eq!(desk.entry(), first(1, 1));
        worker.kill().unwrap();
        let Err(CallError::Died(report)) = asking.join().unwrap() else { panic!("it has died") };
        assert_eq!(report.reason, KILLED);
        // In hand, and handed out again within the caller's time.
        let asking = ask_again(2, Act::WaitOnce);
        assert_eq!(desk.entry(), first(2, 2));
        worker.kill().unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), 2);
        assert_eq!(desk.entry(), again(2, 3, 2));
        // Queued: the next life answers.
        let asking = ask(3, Act::Wait);
        assert_eq!(desk.entry(), first(3, 3));
        let queued = ask(4, Act::Note);
        until("it is queued", || worker.status().unwrap().queued == 1);
        worker.kill().unwrap();
        assert!(matches!(asking.join().unwrap(), Err(CallError::Died(_))));
        assert_eq!(queued.join().unwrap().unwrap(), 4);
        finish(&app, desk);
    });
}

#[test]
fn with_all_calls_under_way_an_actor_can_be_killed() {
    /// As many as a process can have.
    const CALLS: u32 = 256;
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        let ask = move |number| worker.ask(number, Act::Wait).timeout(Duration::MAX).into_future();
        let asking = thread::spawn(move || block_on(join_all((0..CALLS).map(ask))));
        until("all are under way", || worker.status().unwrap().queued == u64::from(CALLS) - 1);
        counters().unwrap();
        assert_eq!(worker.kill().unwrap().reason, KILLED);
        let answers = asking.join().unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Err(CallError::Died(_)))));
        desk.clear();
    });
}

#[test]
fn a_call_that_was_given_up_is_handed_out_again_all_the_same() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let given_up = worker.ask_again(1, Act::WaitOnce).timeout(Duration::from_millis(200)).wait();
        assert!(matches!(given_up, Err(CallError::Timeout(_))), "{given_up:?}");
        assert_eq!(desk.entry(), first(1, 1));
        worker.kill().unwrap();
        assert_eq!(desk.entry(), again(1, 2, 2));
        // And one that somebody set store by is kept.
        let given_up = worker.ask_kept(2, Act::Wait).timeout(Duration::from_millis(200)).wait();
        assert!(matches!(given_up, Err(CallError::Timeout(_))), "{given_up:?}");
        assert_eq!(desk.entry(), first(2, 2));
        worker.kill().unwrap();
        assert_eq!(all_dead_letters().iter().map(number_in).collect::<Vec<_>>(), [2]);
        finish(&app, desk);
    });
}

#[test]
fn a_call_that_no_life_survives_ends_with_the_last_report() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let Err(CallError::Died(report)) = worker.ask_again(1, Act::End(End::Sigkill)).wait() else {
            panic!("it has died");
        };
        let in_hand = report.in_hand.expect("it had the call in hand");
        assert_eq!((&*in_hand.handler, in_hand.deliveries), ("ask_again", 3));
        assert_eq!(desk.entries(3), [first(1, 1), again(1, 2, 2), again(1, 3, 3)]);
        assert_eq!(all_dead_letters().iter().map(number_in).collect::<Vec<_>>(), [1]);
        finish(&app, desk);
    });
}

#[test]
fn d_06_a_poison_message_is_set_apart() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        let poison = Act::End(End::Segfault);
        worker.retry(1, poison.clone()).send().unwrap();
        worker.retry(2, Act::Note).send().unwrap();
        let entries = desk.entries(6);
        assert_eq!(entries[0], first(1, 1));
        assert_eq!(entries[1..5], [2, 3, 4, 5].map(|delivery| again(1, delivery, delivery)));
        assert_eq!(entries[5], first(2, 6));
        let letter = all_dead_letters().pop().expect("it is a dead letter");
        assert_eq!((&*letter.actor, &*letter.handler, letter.is_call), ("Worker", "retry", false));
        assert_eq!((letter.deliveries, letter.on_crash), (5, OnCrash::Redeliver(5)));
        assert_eq!(letter.arguments(), Ok((1u32, poison)));
        let is_segfault = |death: &ExitReason| matches!(death, ExitReason::Signaled { signal: 11, .. });
        assert!(letter.deaths.len() == 5 && letter.deaths.iter().all(is_segfault), "{letter:?}");
        assert!(letter.reason.contains("SIGSEGV"), "{}", letter.reason);
        assert!(all_dead_letters().is_empty());
        finish(&app, desk);
    });
}

/// Each death of a poison message can be another one.
#[test]
fn every_death_of_a_poison_message_is_told() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        worker.retry(1, Act::Wait).send().unwrap();
        for life in 1..=5 {
            let entry = desk.entry();
            assert_eq!((entry.number, entry.life, entry.deliveries), (1, life, life));
            match life % 2 {
                0 => drop(worker.stop_timeout(Duration::ZERO)),
                _ => drop(worker.kill()),
            }
        }
        until("it is a dead letter", || counters().unwrap().dead_letters == 1);
        let letter = all_dead_letters().pop().expect("it is a dead letter");
        let by = [KilledBy::User, KilledBy::ShutdownTimeout, KilledBy::User, KilledBy::ShutdownTimeout, KilledBy::User];
        assert_eq!(letter.deaths, by.map(|by| ExitReason::Killed { by }));
        // Another message has deaths of its own.
        worker.note(2, Act::End(End::Exit(3))).send().unwrap();
        assert_eq!(desk.entry(), first(2, 6));
        until("it is a dead letter", || counters().unwrap().dead_letters == 2);
        assert_eq!(all_dead_letters()[0].deaths, [ExitReason::ExitCode(3)]);
        finish(&app, desk);
    });
}

#[test]
fn d_10_a_crash_does_not_change_the_order_of_the_others() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        const COUNT: u32 = 200;
        // The mailbox has room for all of them, and what comes while nobody lives goes behind.
        for number in 0..COUNT {
            let act = if number % 20 == 10 { Act::End(End::Sigkill) } else { Act::Note };
            worker.note(number, act).send().unwrap();
        }
        let entries = desk.entries(COUNT as usize);
        assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), (0..COUNT).collect::<Vec<_>>());
        assert!(entries.iter().all(|entry| entry.deliveries == 1), "{entries:?}");
        let lives: Vec<u32> = entries.iter().map(|entry| entry.life).collect();
        assert!(lives.is_sorted() && lives.last() == Some(&(1 + COUNT / 20)), "{lives:?}");
        let dead: Vec<u32> = all_dead_letters().iter().map(number_in).collect();
        assert_eq!(dead, (0..COUNT).filter(|number| number % 20 == 10).collect::<Vec<_>>());
        finish(&app, desk);
    });
}

/// How long the exit report of a killed actor may take to its caller.
const AT_ONCE: Duration = Duration::from_millis(50);

#[test]
fn t_03_the_end_of_the_callee_is_the_end_of_the_call() {
    isolated(|| {
        let mut times: Vec<Duration> = (0..5).map(|_| from_death_to_report()).collect();
        // A machine that is busy with something else takes its time now and then.
        times.sort_unstable();
        assert!(times[2] < bound(AT_ONCE), "{times:?}");
    });
}

/// How long it takes until callers without a limit know that their actor was killed.
fn from_death_to_report() -> Duration {
    let desk = Desk::new();
    let worker = desk.worker();
    let pid = Pid::from_raw(worker.os_pid().wait().unwrap() as i32).unwrap();
    let asking = thread::spawn(move || worker.ask(1, Act::Wait).timeout(Duration::MAX).wait());
    desk.entry();
    // And one in another process, behind the first.
    let relay = Relay { to: worker }.spawn().unwrap();
    let relayed = thread::spawn(move || relay.ask_on(2).timeout(Duration::MAX).wait().unwrap());
    until("the second one is queued", || worker.status().unwrap().queued == 1);
    let begin = Instant::now();
    // Not through the node: it learns of it from the kernel.
    kill_process(pid, Signal::KILL).unwrap();
    let Err(CallError::Died(report)) = asking.join().unwrap() else { panic!("it has died") };
    let told = relayed.join().unwrap();
    let took = begin.elapsed();
    assert_eq!(report.reason, ExitReason::Signaled { signal: 9, core: false });
    assert!(told.contains("died of signal 9 (SIGKILL)"), "{told}");
    relay.stop().unwrap();
    desk.clear();
    took
}

/// Calls a worker from a process of its own.
#[derive(Actor, Serialize, Deserialize)]
struct Relay {
    to: ActorRef<Worker>,
}

#[handlers]
impl Relay {
    #[call]
    fn ask_on(&self, number: u32) -> String {
        match self.to.ask(number, Act::Note).timeout(Duration::MAX).wait() {
            Ok(answer) => answer.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn a_killed_caller_leaves_nothing_undone() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        let relay = Relay { to: worker }.spawn().unwrap();
        worker.note(1, Act::Wait).send().unwrap();
        assert_eq!(desk.entry(), first(1, 1));
        let relayed = thread::spawn(move || relay.ask_on(2).wait().map_err(|error| error.to_string()));
        until("the call is queued", || worker.status().unwrap().queued == 1);
        relay.kill().unwrap();
        assert!(relayed.join().unwrap().is_err());
        desk.open_gate(1);
        assert_eq!(desk.entry(), first(2, 1), "it is handled all the same, and the answer is dropped");
        assert_eq!(worker.ask(3, Act::Note).wait().unwrap(), 3);
        worker.stop().unwrap();
        desk.clear();
    });
}

/// For an actor that is up to begin with a call, and not for one that waits for ever.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

#[test]
fn who_is_killed_after_too_long_is_started_again() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        for life in 1..=3 {
            worker.os_pid().wait().unwrap();
            let overran = worker.ask(life, Act::Wait).kill_after(LONG_ENOUGH).wait();
            let Err(CallError::Died(report)) = overran else { panic!("it has died: {overran:?}") };
            assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
            assert_eq!(report.in_hand.as_ref().map(|in_hand| &*in_hand.handler), Some("ask"));
            assert_eq!(desk.entry(), first(life, life));
        }
        assert_eq!(worker.ask(4, Act::Note).kill_after(Duration::from_secs(60)).wait().unwrap(), 4);
        finish(&app, desk);
    });
}

#[test]
fn the_supervisor_learns_that_a_call_took_too_long() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised_as(actor_core::Restart::Permanent, 0);
        let overran = worker.ask(1, Act::Wait).kill_after(LONG_ENOUGH).wait();
        let Err(CallError::Died(told)) = overran else { panic!("it has died: {overran:?}") };
        let actor_core::SupervisorEnd::GaveUp { report, .. } = app.join().unwrap() else { panic!("it gives up") };
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
        assert_eq!((report.pid, &report.in_hand), (told.pid, &told.in_hand));
        desk.clear();
    });
}
