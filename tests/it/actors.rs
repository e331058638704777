//! Actors in processes of their own: what users are promised of them, apart from the conformance
//! cases.

use std::time::{Duration, Instant};

use actor_core::KilledBy;
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

use crate::harness::isolated;

/// Counts words.
#[derive(Actor, Serialize, Deserialize)]
struct Counter {
    words: u64,
}

#[handlers]
impl Counter {
    #[call]
    fn add(&mut self, text: String) -> u64 {
        self.words += text.split_whitespace().count() as u64;
        self.words
    }

    #[cast]
    fn reset(&mut self) {
        self.words = 0;
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    #[call]
    fn panic(&self, text: String) {
        panic!("{text}")
    }

    #[call]
    fn spin(&self) {
        loop {
            std::hint::spin_loop();
        }
    }
}

/// Made from other arguments, in ways that may fail.
#[derive(Actor)]
struct Picky;

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Mood {
    Good,
    Fails,
    FailsForGood,
    Panics,
    Exits,
    Hangs,
}

#[handlers]
impl Picky {
    #[init]
    fn new(mood: Mood) -> Result<Self, Failure> {
        match mood {
            Mood::Good => Ok(Picky),
            Mood::Fails => Err(Failure::new("not today")),
            Mood::FailsForGood => Err(Failure::for_good("not ever")),
            Mood::Panics => panic!("in a bad mood"),
            Mood::Exits => std::process::exit(7),
            Mood::Hangs => loop {
                std::thread::park();
            },
        }
    }

    #[call]
    fn ask_other(&self, other: ActorRef<Counter>, text: String) -> Result<u64, String> {
        other.add(text).wait().map_err(|error| error.to_string())
    }

    #[call]
    async fn ask_other_async(&self, other: ActorRef<Counter>, text: String) -> Result<u64, String> {
        other.add(text).await.map_err(|error| error.to_string())
    }

    #[call]
    fn stop_yourself(&self, context: &mut Context<Self>) -> String {
        context.actor_ref().stop().unwrap_err().to_string()
    }

    #[cast]
    fn leave(&self, context: &mut Context<Self>) {
        context.stop();
    }
}

#[test]
fn smoke() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        assert_eq!(counter.add("two words".into()).wait().unwrap(), 2);
        counter.reset().send().unwrap();
        assert_eq!(counter.add("one".into()).wait().unwrap(), 1);
        counter.stop().unwrap();
    });
}

#[test]
fn an_actor_is_a_process() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        let pid = counter.os_pid().wait().unwrap();
        assert_ne!(pid, std::process::id());
        assert!(counter.is_alive());
        assert_eq!(counter.incarnation().map(|incarnation| incarnation.life()), Some(1));
        let report = counter.stop().unwrap();
        assert_eq!((report.pid, report.reason), (pid, ExitReason::Shutdown(None)));
        assert!(!counter.is_alive());
        assert!(matches!(counter.stop(), Err(StopError::NoProc { .. })));
        assert!(matches!(counter.os_pid().wait(), Err(CallError::NoProc(_))));
        assert!(matches!(counter.reset().send(), Err(SendError::NoProc(_))));
    });
}

#[test]
fn a_panic_is_an_error_value_for_the_caller() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        let Err(CallError::Died(report)) = counter.panic("out of words".into()).wait() else {
            panic!("the call ends with the report");
        };
        let ExitReason::Panicked { message, location } = &report.reason else { panic!("{report}") };
        assert_eq!(message, "out of words");
        assert!(location.contains("tests/it/actors.rs:"), "{location}");
        assert_eq!(report.in_hand.as_ref().map(|in_hand| (&*in_hand.handler, in_hand.deliveries)), Some(("panic", 1)));
        assert!(report.stderr.contains("out of words"), "{report:#}");
    });
}

#[test]
fn kill_after_ends_the_work_for_real() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        let begin = Instant::now();
        let Err(CallError::Died(report)) = counter.spin().kill_after(Duration::from_millis(50)).wait() else {
            panic!("the call ends with the report");
        };
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert!(!counter.is_alive());
    });
}

#[test]
fn kill_after_spares_an_actor_that_is_busy_with_something_else() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        let busy = counter;
        let spinning = std::thread::spawn(move || busy.spin().wait());
        while counter.status().unwrap().handling.is_none() {
            std::thread::yield_now();
        }
        let queued = counter.add("x".into()).kill_after(Duration::from_millis(20)).wait();
        assert!(matches!(queued, Err(CallError::Timeout(_))), "{queued:?}");
        assert!(counter.is_alive());
        assert_eq!(counter.status().unwrap().handling.map(|(handler, _)| handler), Some("spin"));
        let report = counter.kill().unwrap();
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::User });
        assert!(matches!(spinning.join().unwrap(), Err(CallError::Died(_))));
    });
}

#[test]
fn an_actor_that_cannot_begin_is_an_error_of_the_spawner() {
    isolated(|| {
        let spawn = |mood| Picky::define(mood).spawn().map(drop).unwrap_err();
        for (mood, text) in [(Mood::Fails, "not today"), (Mood::FailsForGood, "not ever")] {
            match spawn(mood) {
                SpawnError::Init { name, failure, error } => {
                    assert_eq!((&*name, &*failure.to_string()), ("Picky", text));
                    assert_eq!(error, Some(failure), "also whether a restart can help");
                }
                other => panic!("{other}"),
            }
        }
        match spawn(Mood::Panics) {
            SpawnError::Died { report, .. } => assert!(
                matches!(&report.reason, ExitReason::Panicked { message, .. } if message == "in a bad mood"),
                "{report}"
            ),
            other => panic!("{other}"),
        }
        match spawn(Mood::Exits) {
            SpawnError::Died { report, .. } => assert_eq!(report.reason, ExitReason::ExitCode(7)),
            other => panic!("{other}"),
        }
        let options = SpawnOptions { start_timeout: Duration::from_millis(50), ..SpawnOptions::default() };
        let hangs = Picky::define(Mood::Hangs).with(options).spawn().map(drop);
        assert!(matches!(hangs, Err(SpawnError::Timeout { .. })), "{hangs:?}");
    });
}

#[test]
fn references_work_in_other_processes() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        let picky = Picky::define(Mood::Good).spawn().unwrap();
        assert_eq!(picky.ask_other(counter, "a b c".into()).wait().unwrap(), 3);
        assert_eq!(picky.ask_other_async(counter, "d e".into()).wait().unwrap(), 5);
        counter.stop().unwrap();
        let Err(CallError::Handler(text)) = picky.ask_other(counter, "f".into()).wait() else { panic!() };
        assert!(
            text.starts_with("call `add` to `Counter` <") && text.ends_with("failed: the actor has ended"),
            "{text}"
        );
        picky.stop().unwrap();
    });
}

#[test]
fn an_actor_stops_through_its_context_only() {
    isolated(|| {
        let picky = Picky::define(Mood::Good).spawn().unwrap();
        let text = picky.stop_yourself().wait().unwrap();
        assert!(text.ends_with("waits for its own end: use `Context::stop`"), "{text}");
        picky.leave().send().unwrap();
        while picky.is_alive() {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_call_that_was_given_up_is_handled_all_the_same() {
    isolated(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        let _ = counter.add("a".into()).timeout(Duration::ZERO).wait();
        assert_eq!(counter.add("b".into()).wait().unwrap(), 2);
        counter.stop().unwrap();
    });
}
