//! Too much: what comes faster than it is heard is dropped, counted and told of, and keeps nobody.

use std::time::{Duration, Instant};

use actor_core::node::counters;
use actor_core::prelude::*;
use actor_tests::watch::{bound, wait_for};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::listener::Listener;
use super::talker::{PATIENCE, TALKER};
use crate::harness::isolated;

/// More than there is room for.
const MANY: u64 = 20_000;

#[test]
fn smoke() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        let deaf = listener.deafen();
        talker.count(MANY).wait().unwrap();
        drop(deaf);
        let told =
            |heard: &[super::listener::Heard]| heard.iter().find(|heard| !heard.field("dropped").is_empty()).cloned();
        let told = listener.wait_until(told).expect("it is told of");
        assert_eq!((told.level, told.target.as_str(), told.field("actor")), (Level::WARN, "actor_core", "talker"));
        let dropped: u64 = told.field("dropped").trim_end_matches("u64").parse().unwrap();
        let heard = listener.heard().iter().filter(|heard| heard.message() == "counting").count() as u64;
        assert_eq!(heard + dropped, MANY);
        assert!(1000 < heard, "{heard} were heard");
        let counters = counters().unwrap();
        assert_eq!((counters.log_events, counters.log_events_dropped), (heard, dropped));
        // The room is there again.
        talker.say("afterwards".into()).wait().unwrap();
        listener.wait("afterwards");
        talker.stop().unwrap();
    });
}

#[test]
fn a_million_events_take_less_than_a_second_while_the_node_is_stopped() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        let (own, micros) = talker.count_alone(1_000_000).timeout(PATIENCE).wait().unwrap();
        println!("a million events: {own} µs of the processor, {micros} µs");
        // Others may be at work on the machine, and have their part of the time.
        assert!(Duration::from_micros(own) < bound(Duration::from_secs(1)), "{own} µs");
        assert!(Duration::from_micros(micros) < bound(10 * Duration::from_secs(1)), "{micros} µs");
        let count = || {
            let counters = counters().unwrap();
            (counters.log_events + counters.log_events_dropped == 1_000_000).then_some(counters.log_events_dropped)
        };
        let dropped = wait_for(PATIENCE, count).expect("each was heard or counted");
        assert!(900_000 < dropped, "{dropped} were dropped");
        listener
            .wait_until(|heard| heard.iter().any(|heard| !heard.field("dropped").is_empty()).then_some(()))
            .unwrap();
        talker.stop().unwrap();
    });
}

/// The subscriber hangs, and the node does not.
#[test]
fn a_subscriber_that_hangs_keeps_nobody() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        let deaf = listener.deafen();
        for _ in 0..300 {
            let other = TALKER.spawn().unwrap();
            other.say("into the void".into()).wait().unwrap();
            let begin = Instant::now();
            other.stop().unwrap();
            assert!(begin.elapsed() < bound(Duration::from_secs(2)), "{:?}", begin.elapsed());
        }
        talker.count(MANY).wait().unwrap();
        drop(deaf);
        talker.say("heard".into()).wait().unwrap();
        let all = || {
            let counters = counters().unwrap();
            (counters.log_events + counters.log_events_dropped == MANY + 301).then_some(())
        };
        wait_for(PATIENCE, all).unwrap_or_else(|| panic!("{:?}", counters().unwrap()));
        talker.stop().unwrap();
    });
}
