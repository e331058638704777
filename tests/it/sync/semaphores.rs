//! Semaphores between processes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::sync::{AcquireError, BoundedSemaphore, CreateError, Event, ReleaseError, Semaphore, SemaphoreOptions};
use actor_core::wait::{try_wait, wait_timeout};
use actor_tests::foreign;
use actor_tests::watch::bound;
use futures::executor::block_on;
use rustix::process::Signal;

use super::{SOON, TIMEOUT, out_of_time, signal, stop, until_asleep};
use crate::harness::{isolated, isolated_for_both};

fn would_block(semaphore: &Semaphore) -> bool {
    semaphore.try_acquire().err() == Some(AcquireError::WouldBlock)
}

/// Takes so many permits, says so, and sleeps for good with them.
fn hold((semaphore, permits, has_them): (Semaphore, usize, Event)) {
    let held: Vec<_> = (0..permits).map(|_| semaphore.acquire().unwrap()).collect();
    has_them.set();
    foreign::sleep_in_c(1000);
    drop(held);
}

fn holder(semaphore: &Semaphore, permits: usize) -> Process<()> {
    let has_them = Event::new().unwrap();
    let holder = Process::spawn(hold, (semaphore.clone(), permits, has_them.clone())).unwrap();
    has_them.wait_timeout(SOON).unwrap();
    has_them.close();
    holder
}

/// Waits for a permit and gives it back.
fn acquirer(semaphore: &Semaphore) -> Process<Option<String>> {
    let acquires = |semaphore: Semaphore| semaphore.acquire().err().map(|error| error.to_string());
    Process::spawn(acquires, semaphore.clone()).unwrap()
}

/// The same as a future.
fn async_acquirer(semaphore: &Semaphore) -> Process<Option<String>> {
    let acquires = |semaphore: Semaphore| block_on(semaphore.acquire_async()).err().map(|error| error.to_string());
    Process::spawn(acquires, semaphore.clone()).unwrap()
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let semaphore = Semaphore::new(2).unwrap();
        let first = semaphore.acquire().unwrap();
        let second = semaphore.try_acquire().unwrap();
        assert!(would_block(&semaphore) && semaphore.available() == 0);
        let waiter = acquirer(&semaphore);
        until_asleep(&waiter);
        drop(second);
        assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None));
        assert_eq!(semaphore.available(), 1);
        drop(first);
        assert_eq!(semaphore.available(), 2);
        semaphore.release().unwrap();
        assert_eq!(semaphore.available(), 3, "one more than it began with");
        semaphore.close();
    });
}

#[test]
fn s_04_a_bounded_semaphore_has_no_permit_too_many() {
    isolated(|| {
        let semaphore = BoundedSemaphore::new(2).unwrap();
        assert_eq!(semaphore.release(), Err(ReleaseError::Overflow { max: 2 }));
        let permit = semaphore.acquire().unwrap();
        assert_eq!(semaphore.release(), Err(ReleaseError::Overflow { max: 2 }), "it is held, not gone");
        permit.forget();
        let releases = |semaphore: BoundedSemaphore| (semaphore.release().is_ok(), semaphore.release().is_ok());
        let elsewhere = Process::spawn(releases, semaphore.clone()).unwrap();
        assert_eq!(elsewhere.join(), Ok((true, false)));
        assert_eq!(semaphore.available(), 2);
        semaphore.close();
        let least = SemaphoreOptions { permits: 0, permits_max: 1 }.create().unwrap();
        assert_eq!((least.release(), least.release()), (Ok(()), Err(ReleaseError::Overflow { max: 1 })));
        for (permits, permits_max) in [(2, 1), (0, 0), (0, 65_537)] {
            let refused = SemaphoreOptions { permits, permits_max }.create();
            assert!(matches!(refused, Err(CreateError::OutOfBounds { .. })), "{permits} of {permits_max}");
        }
    });
}

/// Who has a permit of the one always finds one of the other, so there are never more than three.
#[test]
fn there_are_never_more_at_once_than_permits() {
    isolated_for_both(|| {
        let (semaphore, inside) = (Semaphore::new(3).unwrap(), BoundedSemaphore::new(3).unwrap());
        let worker = |(semaphore, inside): (Semaphore, BoundedSemaphore)| {
            for _ in 0..2000 {
                let _permit = semaphore.acquire().unwrap();
                let _inside = inside.try_acquire().expect("no more than three are here");
            }
        };
        let workers: Vec<_> =
            (0..6).map(|_| Process::spawn(worker, (semaphore.clone(), inside.clone())).unwrap()).collect();
        workers.iter().for_each(|worker| worker.join_timeout(bound(SOON)).unwrap());
        assert_eq!((semaphore.available(), inside.available()), (3, 3));
        semaphore.close();
        inside.close();
    });
}

/// Each permit is an item that there is: as many are taken as were made, by several on either side.
#[test]
fn permits_count_from_one_process_to_another() {
    const EACH: usize = 1000;
    isolated(|| {
        let items = Semaphore::new(0).unwrap();
        let makes = |items: Semaphore| {
            let mut made = 0;
            while made < EACH {
                match items.release() {
                    Ok(()) => made += 1,
                    Err(ReleaseError::Overflow { .. }) => std::thread::yield_now(),
                    Err(ReleaseError::Gone) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            made
        };
        let takes = |items: Semaphore| (0..EACH).map(|_| items.acquire().unwrap().forget()).count();
        let makers = [0, 1].map(|_| Process::spawn(makes, items.clone()).unwrap());
        let takers = [0, 1].map(|_| Process::spawn(takes, items.clone()).unwrap());
        for process in makers.iter().chain(&takers) {
            assert_eq!(process.join_timeout(bound(SOON)), Ok(EACH));
        }
        assert!(would_block(&items));
        items.close();
    });
}

#[test]
fn what_the_dead_have_held_is_free_again() {
    isolated_for_both(|| {
        let semaphore = Semaphore::new(3).unwrap();
        let holder = holder(&semaphore, 3);
        assert!(would_block(&semaphore));
        let waiters = [acquirer, async_acquirer].map(|acquire| acquire(&semaphore));
        waiters.iter().for_each(until_asleep);
        signal(&holder, Signal::KILL);
        for waiter in &waiters {
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None));
        }
        holder.join().unwrap_err();
        assert_eq!(semaphore.available(), 3);
        semaphore.close();
    });
}

/// Who was killed while it waited may have been the one that was woken.
#[test]
fn a_killed_waiter_swallows_no_permit() {
    isolated(|| {
        let semaphore = Semaphore::new(1).unwrap();
        for round in 0..20 {
            let permit = semaphore.acquire().unwrap();
            let (victim, waiter) = match round % 2 {
                0 => (acquirer(&semaphore), acquirer(&semaphore)),
                _ => (async_acquirer(&semaphore), async_acquirer(&semaphore)),
            };
            until_asleep(&victim);
            until_asleep(&waiter);
            if round % 3 == 0 {
                // The wake has somebody to choose who cannot do anything about it.
                stop(&victim);
            }
            drop(permit);
            // It may have been faster, and have ended.
            victim.kill().unwrap();
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None), "round {round}");
            let _ = victim.join();
            assert_eq!(semaphore.available(), 1, "round {round}");
        }
        semaphore.close();
    });
}

#[test]
fn s_14_what_one_has_that_is_stopped_stays_its_own() {
    isolated(|| {
        let semaphore = Semaphore::new(1).unwrap();
        let holder = holder(&semaphore, 1);
        stop(&holder);
        assert_eq!(out_of_time(|| semaphore.acquire_timeout(TIMEOUT)).err(), Some(AcquireError::Timeout));
        assert!(would_block(&semaphore));
        signal(&holder, Signal::KILL);
        drop(semaphore.acquire_timeout(SOON).unwrap());
        holder.join().unwrap_err();
        semaphore.close();
    });
}

#[test]
fn s_11_a_wait_for_a_permit_ends_at_its_time() {
    isolated(|| {
        let semaphore = Semaphore::new(0).unwrap();
        let deadline = || Instant::now() + TIMEOUT;
        assert_eq!(out_of_time(|| semaphore.acquire_timeout(TIMEOUT)).err(), Some(AcquireError::Timeout));
        assert_eq!(out_of_time(|| semaphore.acquire_deadline(deadline())).err(), Some(AcquireError::Timeout));
        assert_eq!(semaphore.acquire_timeout(Duration::ZERO).err(), Some(AcquireError::Timeout));
        semaphore.release().unwrap();
        drop(semaphore.acquire_timeout(Duration::ZERO).unwrap());
    });
}

/// A future that was woken and is dropped leaves its permit to another.
#[test]
fn a_dropped_future_has_taken_nothing() {
    isolated(|| {
        let semaphore = Semaphore::new(1).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        for round in 0..10_000 {
            let permit = semaphore.try_acquire().unwrap();
            let mut kept = pin!(semaphore.acquire_async());
            {
                let mut dropped = pin!(semaphore.acquire_async());
                assert!(dropped.as_mut().poll(&mut context).is_pending(), "round {round}");
                assert!(kept.as_mut().poll(&mut context).is_pending(), "round {round}");
                drop(permit);
            }
            assert!(matches!(kept.as_mut().poll(&mut context), Poll::Ready(Ok(_))), "round {round}");
        }
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_semaphore_is_one_of_many_things_to_wait_for() {
    isolated(|| {
        let (semaphore, queue) = (Semaphore::new(0).unwrap(), Queue::<u32>::bounded(1).unwrap());
        assert!(try_wait(&[&semaphore, &queue]).unwrap().is_empty());
        let process = Process::spawn(|it: Semaphore| it.release().is_ok(), semaphore.clone()).unwrap();
        assert_eq!(wait_timeout(&[&queue, &semaphore], SOON).unwrap(), [1]);
        assert_eq!(process.join(), Ok(true));
        semaphore.try_acquire().unwrap().forget();
        assert!(try_wait(&[&semaphore]).unwrap().is_empty());
        semaphore.close();
        assert_eq!(semaphore.acquire().err(), Some(AcquireError::Gone));
        assert_eq!(semaphore.release(), Err(ReleaseError::Gone));
        queue.close(Close::Drain);
    });
}

#[test]
fn who_waits_for_what_is_closed_is_told() {
    isolated(|| {
        let semaphore = Semaphore::new(1).unwrap();
        let permit = semaphore.acquire().unwrap();
        let waiters = [acquirer, async_acquirer].map(|acquire| acquire(&semaphore));
        waiters.iter().for_each(until_asleep);
        semaphore.close();
        for waiter in &waiters {
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(Some(AcquireError::Gone.to_string())));
        }
        drop(permit);
        assert_eq!(semaphore.try_acquire().err(), Some(AcquireError::Gone));
    });
}
