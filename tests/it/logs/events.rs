//! Events: who, where, what, in which order, and who wants them.

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_tests::watch::wait_for;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::listener::Listener;
use super::talker::{PATIENCE, TALKER};
use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated_for_both(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        let pid = talker.say("hello".into()).wait().unwrap();
        let heard = listener.wait("hello");
        assert_eq!((heard.level, heard.target.as_str()), (Level::INFO, "it::logs::talker"));
        assert!(heard.file.as_deref().is_some_and(|file| file.ends_with("talker.rs")), "{heard:?}");
        assert_eq!((heard.field("actor"), heard.field("pid")), ("talker", &*format!("{pid}u64")));
        assert_eq!(heard.path(), "say");
        talker.stop().unwrap();
    });
}

#[test]
fn fields_keep_their_types() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        talker.tell().wait().unwrap();
        let heard = listener.wait("all");
        assert_eq!(heard.target, "elsewhere");
        let fields = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| heard.field(name));
        assert_eq!(fields, ["-1i64", "2u64", "0.5f64", "truebool", "text", "Some(\"x\")", "y", "the cause"]);
        talker.stop().unwrap();
    });
}

#[test]
fn events_are_in_the_spans_that_they_were_in() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        talker.say_in_spans("inside".into()).wait().unwrap();
        let heard = listener.wait("inside");
        assert_eq!(heard.path(), "say_in_spans:outer:inner");
        let fields: Vec<_> = heard.spans[1].1.iter().collect();
        assert_eq!(format!("{fields:?}"), r#"[("late", "recorded"), ("n", "1i64")]"#);
        assert_eq!(listener.wait("inside again").path(), "say_in_spans:outer");
        // They are closed here as well when they are closed there.
        let are_closed = || (listener.closed() == ["inner", "outer", "say_in_spans"]).then_some(());
        wait_for(PATIENCE, are_closed).unwrap_or_else(|| panic!("{:?}", listener.closed()));
        talker.stop().unwrap();
    });
}

#[test]
fn each_actor_is_heard_in_its_order() {
    isolated(|| {
        const TO: u64 = 2000;
        let listener = Listener::install(LevelFilter::INFO);
        let talkers = [TALKER.spawn().unwrap(), TALKER.spawn().unwrap()];
        std::thread::scope(|scope| {
            for talker in talkers {
                scope.spawn(move || talker.count(TO).wait().unwrap());
            }
        });
        let all = listener.wait_until(|heard| (heard.len() as u64 == 2 * TO).then(|| heard.to_vec())).unwrap();
        let pids: std::collections::BTreeSet<_> = all.iter().map(|heard| heard.field("pid")).collect();
        assert_eq!(pids.len(), 2);
        for pid in pids {
            let numbers = all.iter().filter(|heard| heard.field("pid") == pid).map(|heard| heard.field("number"));
            assert!(numbers.eq((0..TO).map(|number| format!("{number}u64"))), "{pid}");
        }
        talkers.into_iter().for_each(|talker| drop(talker.stop().unwrap()));
    });
}

#[test]
fn what_nobody_wants_is_not_even_formatted() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        assert_eq!(talker.formatted().wait().unwrap(), 0);
        talker.insist("quietly".into()).wait().unwrap();
        listener.wait("quietly 3");
        // What comes later is heard later: nothing is missing in between.
        talker.say("at last".into()).wait().unwrap();
        listener.wait("at last");
        let messages: Vec<_> = listener.heard().iter().map(|heard| heard.message().to_owned()).collect();
        assert_eq!(messages, ["quietly 1", "quietly 2", "quietly 3", "at last"]);
        talker.stop().unwrap();
    });
}

/// Told by the filter of the subscriber, in both directions, while the actor lives.
#[test]
fn an_actor_learns_what_is_wanted_by_now() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::WARN);
        let talker = TALKER.spawn().unwrap();
        assert_eq!(talker.formatted().wait().unwrap(), 0);
        listener.set_level(LevelFilter::TRACE);
        let formats = |times| move || (talker.formatted().wait().unwrap() == times).then_some(());
        wait_for(PATIENCE, formats(1)).expect("it hears of what is wanted");
        talker.insist("loudly".into()).wait().unwrap();
        listener.wait("loudly 5");
        listener.set_level(LevelFilter::ERROR);
        wait_for(PATIENCE, formats(0)).expect("it hears of what is not wanted any more");
        talker.stop().unwrap();
    });
}

#[test]
fn where_nobody_listens_there_is_nothing() {
    isolated(|| {
        let talker = TALKER.spawn().unwrap();
        talker.say("to nobody".into()).wait().unwrap();
        assert!(!talker.is_heard().wait().unwrap());
        let counters = actor_core::node::counters().unwrap();
        assert_eq!((counters.log_events, counters.log_events_dropped), (0, 0));
        talker.stop().unwrap();
    });
}

#[test]
fn a_plain_process_is_heard_under_its_name() {
    isolated_for_both(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let options = actor_core::process::Options { name: Some("plain".into()), ..Default::default() };
        let process = options
            .spawn(|text: String| tracing::info_span!("there").in_scope(|| tracing::info!("{text}")), "plainly".into());
        process.unwrap().join().unwrap();
        let heard = listener.wait("plainly");
        assert_eq!((heard.field("process"), heard.field("actor"), heard.path().as_str()), ("plain", "", "there"));
        let counters = actor_core::node::counters().unwrap();
        assert_eq!((counters.log_events, counters.log_events_dropped), (1, 0));
    });
}

/// Threads of an actor are heard like its handlers, outside of these.
#[test]
fn a_thread_is_heard_outside_of_handlers() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talk = |()| {
            std::thread::scope(|scope| {
                for number in 0..4 {
                    scope.spawn(move || (0..100).for_each(|_| tracing::info!(number, "from a thread")));
                }
            });
        };
        Process::spawn(talk, ()).unwrap().join().unwrap();
        let all = listener.wait_until(|heard| (heard.len() == 400).then(|| heard.to_vec())).unwrap();
        assert!(all.iter().all(|heard| heard.path().is_empty() && heard.message() == "from a thread"));
    });
}
