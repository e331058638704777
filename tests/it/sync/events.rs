//! Events between processes.

use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::sync::{Event, WaitError};
use actor_core::wait::{ready, try_wait, wait_timeout};
use actor_tests::watch::bound;
use futures::executor::block_on;
use rustix::process::Signal;

use super::{NOT_YET, SOON, TIMEOUT, out_of_time, signal, stop, until_asleep};
use crate::harness::{isolated, isolated_for_both};

/// Waits in a process of its own, and says what came of it.
fn waiter(event: &Event) -> Process<Option<String>> {
    let waits = |event: Event| event.wait().err().map(|error| error.to_string());
    Process::spawn(waits, event.clone()).unwrap()
}

/// The same as a future.
fn async_waiter(event: &Event) -> Process<Option<String>> {
    let waits = |event: Event| block_on(event.wait_async()).err().map(|error| error.to_string());
    Process::spawn(waits, event.clone()).unwrap()
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let (there, back) = (Event::new().unwrap(), Event::new().unwrap());
        let answering = |(there, back): (Event, Event)| {
            there.wait().unwrap();
            there.clear();
            back.set();
        };
        let process = Process::spawn(answering, (there.clone(), back.clone())).unwrap();
        assert_eq!(back.wait_timeout(NOT_YET), Err(WaitError::Timeout));
        there.set();
        assert_eq!(back.wait_timeout(SOON), Ok(()));
        assert!(!there.is_set() && back.is_set());
        process.join().unwrap();
        [there, back].iter().for_each(Event::close);
    });
}

#[test]
fn s_06_an_event_is_the_same_for_all() {
    isolated_for_both(|| {
        let event = Event::new().unwrap();
        assert!(!event.is_set() && event == event.clone());
        assert!(format!("{event:?}").ends_with("not set)"));
        let looks = |event: Event| (event.is_set(), event.wait_timeout(Duration::ZERO).is_ok());
        let look = || Process::spawn(looks, event.clone()).unwrap().join().unwrap();
        assert_eq!(look(), (false, false));
        event.set();
        event.set();
        assert_eq!(look(), (true, true));
        assert_eq!((event.wait(), event.wait_deadline(Instant::now())), (Ok(()), Ok(())));
        event.clear();
        event.clear();
        assert_eq!(look(), (false, false));
        Process::spawn(|event: Event| event.set(), event.clone()).unwrap().join().unwrap();
        assert!(event.is_set(), "it stays so when who has set it is gone");
        event.close();
    });
}

/// All who wait by then are let go, though it is cleared before any of them has run.
#[test]
fn s_06_nobody_is_missed_between_a_set_and_a_clear() {
    isolated(|| {
        let event = Event::new().unwrap();
        let waiters = [waiter, waiter, async_waiter, async_waiter].map(|wait| wait(&event));
        waiters.iter().for_each(until_asleep);
        waiters[..2].iter().for_each(stop);
        event.set();
        event.clear();
        waiters[..2].iter().for_each(|waiter| signal(waiter, Signal::CONT));
        for waiter in &waiters {
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None));
        }
        assert!(!event.is_set());
        event.close();
    });
}

#[test]
fn s_11_a_wait_for_an_event_ends_at_its_time() {
    isolated(|| {
        let event = Event::new().unwrap();
        assert_eq!(out_of_time(|| event.wait_timeout(TIMEOUT)), Err(WaitError::Timeout));
        assert_eq!(out_of_time(|| event.wait_deadline(Instant::now() + TIMEOUT)), Err(WaitError::Timeout));
        assert_eq!(event.wait_timeout(Duration::ZERO), Err(WaitError::Timeout));
    });
}

/// One who was killed while it waited, and one who is stopped, keep nobody from being let go.
#[test]
fn who_dies_or_is_stopped_while_it_waits_swallows_no_wake() {
    isolated(|| {
        let event = Event::new().unwrap();
        let waiters = [waiter, waiter, waiter, async_waiter].map(|wait| wait(&event));
        waiters.iter().for_each(until_asleep);
        stop(&waiters[0]);
        waiters[1].kill().unwrap();
        event.set();
        assert_eq!(waiters[2].join_timeout(bound(SOON)), Ok(None));
        assert_eq!(waiters[3].join_timeout(bound(SOON)), Ok(None));
        signal(&waiters[0], Signal::CONT);
        assert_eq!(waiters[0].join_timeout(bound(SOON)), Ok(None));
        event.close();
    });
}

#[test]
fn an_event_is_one_of_many_things_to_wait_for() {
    isolated(|| {
        let (event, queue) = (Event::new().unwrap(), Queue::<u32>::bounded(1).unwrap());
        assert!(try_wait(&[&event, &queue]).unwrap().is_empty());
        let process = Process::spawn(|event: Event| event.set(), event.clone()).unwrap();
        assert_eq!(wait_timeout(&[&queue, &event], SOON).unwrap(), [1]);
        process.join().unwrap();
        block_on(ready(&event)).unwrap();
        event.clear();
        assert!(try_wait(&[&event]).unwrap().is_empty());
        event.close();
        assert_eq!(try_wait(&[&queue, &event]).unwrap(), [1], "nobody will set it any more");
        queue.close(Close::Drain);
    });
}

#[test]
fn what_is_closed_is_gone_for_all() {
    isolated(|| {
        let event = Event::new().unwrap();
        let waiters = [waiter, async_waiter].map(|wait| wait(&event));
        waiters.iter().for_each(until_asleep);
        event.close();
        for waiter in &waiters {
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(Some(WaitError::Gone.to_string())));
        }
        event.set();
        assert_eq!((event.is_set(), event.wait()), (false, Err(WaitError::Gone)));
        assert_eq!(waiter(&event).join(), Ok(Some(WaitError::Gone.to_string())));
    });
}
