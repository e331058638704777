//! Conditions between processes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::sync::{Condition, ConditionError, ConditionOptions, CreateError, Event, LockError, Mutex};
use actor_tests::foreign;
use actor_tests::watch::{self, bound};
use futures::executor::block_on;
use rustix::process::Signal;

use super::{NOT_YET, SOON, TIMEOUT, out_of_time, signal, stop, until_asleep};
use crate::harness::{isolated, isolated_for_both};

/// A count under a mutex, and the condition that it has changed.
type Shared = (Mutex<u32>, Condition);

fn shared() -> Shared {
    (Mutex::new(0).unwrap(), Condition::new().unwrap())
}

fn close((mutex, condition): &Shared) {
    mutex.close();
    condition.close();
}

/// Waits in a process of its own until it is notified, and counts itself then.
fn waiter(shared: &Shared) -> Process<Option<String>> {
    let waits = |(mutex, condition): Shared| {
        let guard = mutex.lock().unwrap();
        condition.wait(guard).map(|mut count| *count += 1).err().map(|error| error.to_string())
    };
    Process::spawn(waits, shared.clone()).unwrap()
}

/// The same as a future.
fn async_waiter(shared: &Shared) -> Process<Option<String>> {
    let waits = |(mutex, condition): Shared| {
        let guard = mutex.lock().unwrap();
        block_on(condition.wait_async(guard)).map(|mut count| *count += 1).err().map(|error| error.to_string())
    };
    Process::spawn(waits, shared.clone()).unwrap()
}

fn until_waiting((_, condition): &Shared, count: usize) {
    watch::until("so many wait", || condition.waiting() == count);
}

fn until_count((mutex, _): &Shared, count: u32) {
    watch::until("so many were woken", || *mutex.lock().unwrap() == count);
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let shared = shared();
        let (mutex, condition) = &shared;
        assert_eq!((condition.notify_one(), condition.notify_all()), (0, 0), "nobody waits, and none is kept");
        let waiters = [waiter(&shared), async_waiter(&shared)];
        until_waiting(&shared, 2);
        assert_eq!((condition.notify_one(), condition.waiting()), (1, 1));
        until_count(&shared, 1);
        assert_eq!((condition.notify_all(), condition.waiting()), (1, 0));
        for waiter in &waiters {
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None));
        }
        assert_eq!(*mutex.lock().unwrap(), 2);
        close(&shared);
    });
}

#[test]
fn s_07_exactly_so_many_wake_as_are_notified() {
    isolated(|| {
        let shared = shared();
        let condition = &shared.1;
        let waiters: Vec<_> =
            [waiter, async_waiter, waiter, async_waiter, waiter, waiter].iter().map(|wait| wait(&shared)).collect();
        until_waiting(&shared, 6);
        assert_eq!(condition.notify(2), 2);
        until_count(&shared, 2);
        std::thread::park_timeout(NOT_YET);
        assert_eq!((*shared.0.lock().unwrap(), condition.waiting()), (2, 4));
        assert_eq!(condition.notify(3), 3);
        until_count(&shared, 5);
        assert_eq!((condition.notify(3), condition.notify(3)), (1, 0));
        for waiter in &waiters {
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None));
        }
        close(&shared);
    });
}

#[test]
fn who_has_waited_longest_is_the_first() {
    isolated(|| {
        let shared = shared();
        let waiters = [waiter, async_waiter, waiter].map(|wait| {
            let before = shared.1.waiting();
            let process = wait(&shared);
            until_waiting(&shared, before + 1);
            process
        });
        for waiter in &waiters {
            assert_eq!(shared.1.notify_one(), 1);
            assert_eq!(waiter.join_timeout(bound(SOON)), Ok(None));
        }
        close(&shared);
    });
}

/// Stopped when it is chosen, and killed: the wake is the next one's.
#[test]
fn a_killed_waiter_swallows_no_wake() {
    isolated_for_both(|| {
        for wait in [waiter, async_waiter] {
            let shared = shared();
            let victim = wait(&shared);
            until_waiting(&shared, 1);
            let other = wait(&shared);
            until_waiting(&shared, 2);
            until_asleep(&victim);
            stop(&victim);
            assert_eq!(shared.1.notify_one(), 1);
            assert_eq!(shared.1.waiting(), 1, "the one that is stopped was chosen");
            signal(&victim, Signal::KILL);
            assert_eq!(other.join_timeout(bound(SOON)), Ok(None));
            victim.join().unwrap_err();
            assert_eq!(*shared.0.lock().unwrap(), 1);
            close(&shared);
        }
    });
}

/// One that dies while it waits takes no wake that comes later.
#[test]
fn one_that_was_killed_before_is_not_notified() {
    isolated(|| {
        let shared = shared();
        let (victim, other) = (waiter(&shared), waiter(&shared));
        until_waiting(&shared, 2);
        victim.kill().unwrap();
        victim.join().unwrap_err();
        until_waiting(&shared, 1);
        assert_eq!(shared.1.notify(2), 1);
        assert_eq!(other.join_timeout(bound(SOON)), Ok(None));
        close(&shared);
    });
}

/// Chosen, and dead before it has the mutex, which a third one holds.
#[test]
fn a_wake_is_used_when_the_mutex_is_held_again() {
    isolated(|| {
        let shared = shared();
        let victim = waiter(&shared);
        until_waiting(&shared, 1);
        let other = waiter(&shared);
        until_waiting(&shared, 2);
        let guard = shared.0.lock().unwrap();
        assert_eq!((shared.1.notify_one(), shared.1.waiting()), (1, 1));
        std::thread::park_timeout(NOT_YET);
        victim.kill().unwrap();
        victim.join().unwrap_err();
        assert_eq!(shared.1.waiting(), 0, "the other one was chosen for it");
        drop(guard);
        assert_eq!(other.join_timeout(bound(SOON)), Ok(None));
        close(&shared);
    });
}

#[test]
fn who_dies_with_the_mutex_is_told_to_who_wakes() {
    isolated(|| {
        let (shared, has_it) = (shared(), Event::new().unwrap());
        let waiter = waiter(&shared);
        until_waiting(&shared, 1);
        let holds = |(mutex, condition, has_it): (Mutex<u32>, Condition, Event)| {
            let guard = mutex.lock().unwrap();
            condition.notify_one();
            has_it.set();
            foreign::sleep_in_c(1000);
            drop(guard);
        };
        let holder = Process::spawn(holds, (shared.0.clone(), shared.1.clone(), has_it.clone())).unwrap();
        has_it.wait_timeout(SOON).unwrap();
        signal(&holder, Signal::KILL);
        let told = waiter.join_timeout(bound(SOON)).unwrap().unwrap();
        assert!(told.contains(&format!("process {} has died", holder.id())), "{told}");
        holder.join().unwrap_err();
        close(&shared);
        has_it.close();
    });
}

#[test]
fn s_11_a_wait_at_a_condition_ends_at_its_time() {
    isolated(|| {
        let shared = shared();
        let (mutex, condition) = &shared;
        let lock = || mutex.lock().unwrap();
        let (guard, is_notified) = out_of_time(|| condition.wait_timeout(lock(), TIMEOUT)).unwrap();
        assert!(!is_notified && mutex.is_locked());
        drop(guard);
        let deadline = Instant::now() + TIMEOUT;
        assert!(!out_of_time(|| condition.wait_deadline(lock(), deadline)).unwrap().1);
        assert!(!out_of_time(|| condition.wait_while_timeout(lock(), TIMEOUT, |_| true)).unwrap().1);
        assert!(condition.wait_while_timeout(lock(), Duration::ZERO, |_| false).unwrap().1);
        assert!(!condition.wait_timeout(lock(), Duration::ZERO).unwrap().1);
        assert_eq!(condition.waiting(), 0);
        let notifier = Process::spawn(
            |(mutex, condition): Shared| {
                *mutex.lock().unwrap() = 4;
                condition.notify_all()
            },
            shared.clone(),
        );
        let (guard, is_so) = condition.wait_while_timeout(lock(), SOON, |count| *count != 4).unwrap();
        assert_eq!((*guard, is_so), (4, true));
        drop(guard);
        notifier.unwrap().join().unwrap();
        close(&shared);
    });
}

/// Somebody takes the mutex while another waits, and stands still with it.
#[test]
fn s_14_an_owner_that_is_stopped_leaves_who_wakes_out_of_time() {
    isolated(|| {
        let (shared, has_it) = (shared(), Event::new().unwrap());
        let (mutex, condition) = &shared;
        let holds = |(mutex, condition, has_it): (Mutex<u32>, Condition, Event)| {
            while condition.waiting() == 0 {
                std::thread::yield_now();
            }
            let guard = mutex.lock().unwrap();
            has_it.set();
            foreign::sleep_in_c(1000);
            drop(guard);
        };
        let holder = Process::spawn(holds, (mutex.clone(), condition.clone(), has_it.clone())).unwrap();
        let guard = mutex.lock().unwrap();
        let stopping = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| condition.wait_timeout(guard, TIMEOUT).map(|_| ()).err());
            has_it.wait_timeout(SOON).unwrap();
            stop(&holder);
            waiting.join().unwrap()
        });
        assert!(matches!(stopping, Some(ConditionError::Lock(LockError::Timeout))), "{stopping:?}");
        assert_eq!(condition.waiting(), 0);
        holder.kill().unwrap();
        close(&shared);
        has_it.close();
    });
}

#[test]
fn a_dropped_future_leaves_its_wake_to_another() {
    isolated(|| {
        let shared = shared();
        let (mutex, condition) = &shared;
        let mut context = Context::from_waker(Waker::noop());
        for round in 0..100 {
            let mut kept = pin!(condition.wait_async(mutex.lock().unwrap()));
            // It is chosen, and dropped in every other round.
            let dropped = condition.wait_async(mutex.lock().unwrap());
            let mut other = pin!(condition.wait_async(mutex.lock().unwrap()));
            assert!(kept.as_mut().poll(&mut context).is_pending() && other.as_mut().poll(&mut context).is_pending());
            assert_eq!(condition.notify(2), 2);
            if round % 2 == 0 {
                drop(dropped);
            } else {
                drop(block_on(dropped).unwrap());
                assert_eq!(condition.notify_one(), 1);
            }
            drop(block_on(kept).unwrap());
            drop(block_on(other).unwrap());
        }
        assert_eq!(condition.waiting(), 0);
    });
}

#[test]
fn what_is_full_or_gone_gives_the_guard_back() {
    isolated(|| {
        let mutex = Mutex::new(0_u32).unwrap();
        let narrow = ConditionOptions { waiters: 1 }.create().unwrap();
        let waiter = waiter(&(mutex.clone(), narrow.clone()));
        watch::until("one waits", || narrow.waiting() == 1);
        let refused = narrow.wait(mutex.lock().unwrap());
        assert!(matches!(refused, Err(ConditionError::Full(_))) && mutex.is_locked());
        drop(refused);
        narrow.close();
        assert_eq!(waiter.join_timeout(bound(SOON)), Ok(Some("the condition is gone".to_owned())));
        assert!(matches!(narrow.wait(mutex.lock().unwrap()), Err(ConditionError::Gone(_))));
        assert!(!mutex.is_locked() && narrow.notify_all() == 0);
        mutex.close();
        for waiters in [0, 4097] {
            assert!(matches!(ConditionOptions { waiters }.create(), Err(CreateError::OutOfBounds { .. })));
        }
    });
}
