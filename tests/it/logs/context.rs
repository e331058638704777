//! Trace context: a handler's span is a child of the span that the message came from.

use std::time::Duration;

use actor_core::prelude::*;
use actor_tests::watch::wait_for;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, info_span};

use super::listener::Listener;
use super::talker::{PATIENCE, TALKER, Talker};
use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated_for_both(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        info_span!("request", id = 7).in_scope(|| talker.say("called".into()).wait().unwrap());
        let heard = listener.wait("called");
        assert_eq!(heard.path(), "request:say");
        assert_eq!(heard.spans[0].1["id"], "7i64");
        talker.say("called from nowhere".into()).wait().unwrap();
        assert_eq!(listener.wait("called from nowhere").path(), "say");
        talker.stop().unwrap();
    });
}

#[test]
fn a_cast_is_in_the_span_that_it_was_sent_in() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        for number in 0..50 {
            info_span!("request").in_scope(|| talker.mutter(format!("cast {number}")).send().unwrap());
        }
        for number in 0..50 {
            assert_eq!(listener.wait(&format!("cast {number}")).path(), "request:mutter");
        }
        // The spans are let go of when their casts were handled.
        let closed = || listener.closed().iter().filter(|name| *name == "request").count();
        wait_for(PATIENCE, || (closed() == 50).then_some(())).unwrap_or_else(|| panic!("{} are closed", closed()));
        talker.stop().unwrap();
    });
}

#[test]
fn what_is_awaited_is_in_the_span_of_its_future() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        let call = async { talker.say("awaited call".into()).await.unwrap() };
        let cast = async { talker.mutter("awaited cast".into()).await.unwrap() };
        let both = futures::future::join(call.instrument(info_span!("call")), cast.instrument(info_span!("cast")));
        futures::executor::block_on(both);
        assert_eq!(listener.wait("awaited call").path(), "call:say");
        assert_eq!(listener.wait("awaited cast").path(), "cast:mutter");
        talker.stop().unwrap();
    });
}

#[test]
fn the_context_goes_on_from_actor_to_actor() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let last = TALKER.spawn().unwrap();
        let middle = Talker { next: Some(last) }.spawn().unwrap();
        info_span!("request").in_scope(|| {
            middle.pass("passed".into()).wait().unwrap();
            middle.pass_as_cast("passed as a cast".into()).wait().unwrap();
        });
        assert_eq!(listener.wait("passed").path(), "request:pass:say");
        assert_eq!(listener.wait("passed as a cast").path(), "request:pass_as_cast:mutter");
        // Where nobody is in a span, the handlers are.
        middle.pass("passed on".into()).wait().unwrap();
        assert_eq!(listener.wait("passed on").path(), "pass:say");
        last.stop().unwrap();
        middle.stop().unwrap();
    });
}

/// The span is the caller's: it ends with the caller's last use of it, whoever has logged in it.
#[test]
fn a_span_that_calls_were_made_in_is_let_go_of() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        let begin = std::time::Instant::now();
        for number in 0..300 {
            let span = info_span!("request");
            span.in_scope(|| match number % 3 {
                0 => drop(talker.say("in a span".into()).wait().unwrap()),
                1 => drop(talker.formatted().wait().unwrap()),
                _ => drop(talker.formatted().timeout(Duration::ZERO).wait()),
            });
        }
        let closed = || listener.closed().iter().filter(|name| *name == "request").count();
        wait_for(PATIENCE, || (closed() == 300).then_some(())).unwrap_or_else(|| panic!("{} are closed", closed()));
        assert!(begin.elapsed() < PATIENCE);
        assert!(listener.heard().iter().all(|heard| heard.path() == "request:say"), "{:#?}", listener.heard());
        talker.stop().unwrap();
    });
}

/// A subscriber of one thread hears what comes of its calls, and the others hear nothing of it.
#[test]
fn a_scoped_subscriber_hears_what_its_calls_cause() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let text = super::ends::Text::default();
        let scoped = tracing_subscriber::fmt().with_ansi(false).with_writer(text.clone()).finish();
        let talker = TALKER.spawn().unwrap();
        tracing::subscriber::with_default(scoped, || {
            info_span!("scoped").in_scope(|| talker.say("for one only".into()).wait().unwrap());
        });
        let is_there = || text.text().contains("for one only").then_some(());
        wait_for(PATIENCE, is_there).unwrap_or_else(|| panic!("{}", text.text()));
        assert!(
            text.text().contains("scoped:say: it::logs::talker: for one only actor=\"talker\" pid="),
            "{}",
            text.text()
        );
        assert!(listener.heard().is_empty());
        talker.stop().unwrap();
    });
}
