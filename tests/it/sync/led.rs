//! Death between two instructions: of one who acquires, gives back, notifies or waits, wherever it is by then.
//!
//! A victim is led through the operation once, to count its instructions. Then others are killed after so many
//! of them, at places left to chance.

use std::thread;
use std::time::Duration;

use actor_core::process::Process;
use actor_core::sync::{Condition, LockError, Mutex, Semaphore};
use actor_tests::chance::{Chance, effort};
use actor_tests::steps::{Step, Stepped, stand_still};
use actor_tests::watch;

use super::SOON;
use crate::harness::{isolated_and_long, skip};

/// Victims of each operation.
const VICTIMS: u32 = 60;

/// Leads a victim over at most so many instructions; how many they were.
fn lead(stepped: &Stepped, steps: u64) -> std::io::Result<u64> {
    for made in 0..steps {
        let mut step = stepped.step()?;
        while step == Step::Asleep {
            step = stepped.come_back()?;
        }
        if step == Step::Elsewhere {
            return Ok(made);
        }
    }
    Ok(steps)
}

/// Kills victims at one place after the other of what they do between two moments at which they stand still.
/// `meanwhile` is done when one stands there; what it gives is asserted on after the repair.
fn at_all_places<M>(start: impl Fn() -> Process<()>, meanwhile: impl Fn() -> M, check: impl Fn(M)) {
    let Some(length) = length_of(start()) else { return };
    let mut chance = Chance::announced();
    for _ in 0..VICTIMS * effort() {
        let victim = start();
        let stepped = Stepped::take_over(victim.pid()).expect("it stands still");
        lead(&stepped, chance.below(length + 1)).expect("it lives");
        let before = meanwhile();
        end(victim);
        check(before);
    }
}

/// How many instructions a victim makes. `None`: it is said that nobody can be led here.
fn length_of(victim: Process<()>) -> Option<u64> {
    let stepped = Stepped::take_over(victim.pid()).map_err(|error| skip(&format!("nobody can be led here: {error}")));
    // From here on it can be led, and does not end.
    let length = stepped.ok().map(|stepped| lead(&stepped, u64::MAX).expect("it stands still at the end"));
    end(victim);
    length
}

fn end(victim: Process<()>) {
    victim.kill().expect("it lives");
    // It returns when the repair is done.
    let _ = victim.join();
}

#[test]
fn who_dies_while_it_acquires_or_gives_back_leaves_as_many_permits() {
    isolated_and_long(|| {
        let semaphore = Semaphore::new(1).unwrap();
        let victim = |semaphore: Semaphore| {
            // What is done for the first time is not what is tried.
            drop(semaphore.acquire());
            stand_still();
            drop(semaphore.acquire());
            stand_still();
        };
        let start = || Process::spawn(victim, semaphore.clone()).unwrap();
        at_all_places(start, || {}, |()| assert_eq!(semaphore.available(), 1));
        semaphore.close();
    });
}

#[test]
fn who_dies_while_it_gives_back_leaves_nobody_asleep() {
    isolated_and_long(|| {
        let (semaphore, has_it) = (Semaphore::new(1).unwrap(), Semaphore::new(0).unwrap());
        let victim = |(semaphore, has_it): (Semaphore, Semaphore)| {
            let permit = semaphore.acquire().unwrap();
            has_it.release().unwrap();
            stand_still();
            drop(permit);
            stand_still();
        };
        let start = || {
            let victim = Process::spawn(victim, (semaphore.clone(), has_it.clone())).unwrap();
            has_it.acquire_timeout(SOON).unwrap().forget();
            victim
        };
        // One who waits comes when the permit may be on its way back, and may be asleep by then or not.
        let waits = || {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.acquire_timeout(SOON).is_ok())
        };
        at_all_places(start, waits, |waiter| assert!(waiter.join().unwrap()));
        assert_eq!(semaphore.available(), 1);
        semaphore.close();
        has_it.close();
    });
}

#[test]
fn who_dies_while_it_notifies_leaves_nobody_asleep() {
    isolated_and_long(|| {
        let (mutex, condition) = (Mutex::new(()).unwrap(), Condition::new().unwrap());
        let victim = |condition: Condition| {
            condition.notify_one();
            stand_still();
            condition.notify_one();
            stand_still();
        };
        let waiter = || {
            let waiter = waits(&mutex, &condition);
            watch::until("it waits", || condition.waiting() == 1);
            waiter
        };
        let start = || Process::spawn(victim, condition.clone()).unwrap();
        let Some(length) = length_of(start()) else { return condition.close() };
        let mut chance = Chance::announced();
        for _ in 0..VICTIMS * effort() {
            let victim = start();
            // It stands in front of the second one.
            let stepped = Stepped::take_over(victim.pid()).expect("it stands still");
            let waiter = waiter();
            lead(&stepped, chance.below(length + 1)).expect("it lives");
            end(victim);
            if condition.waiting() == 1 {
                assert_eq!(condition.notify_one(), 1);
            }
            assert!(waiter.join().unwrap(), "it was notified by one of the two");
        }
        assert_eq!(condition.waiting(), 0);
        mutex.close();
        condition.close();
    });
}

/// Another one comes to wait when the victim stands somewhere, and is notified by the wake of the victim if that
/// has had it.
#[test]
fn who_dies_while_it_waits_leaves_its_wake_to_another() {
    isolated_and_long(|| {
        let (mutex, other, condition) = (Mutex::new(()).unwrap(), Mutex::new(()).unwrap(), Condition::new().unwrap());
        let victim = |(mutex, condition): (Mutex<()>, Condition)| {
            let wait = || {
                let guard = match mutex.lock() {
                    Ok(guard) => guard,
                    Err(LockError::OwnerDied(died)) => died.into_guard(),
                    Err(error) => panic!("{error}"),
                };
                let _ = condition.wait_timeout(guard, Duration::ZERO);
            };
            wait();
            stand_still();
            wait();
            stand_still();
        };
        let start = || Process::spawn(victim, (mutex.clone(), condition.clone())).unwrap();
        let notified = || {
            let before = condition.waiting();
            let waiter = waits(&other, &condition);
            watch::until("it waits", || condition.waiting() == before + 1);
            assert_eq!(condition.notify_one(), 1, "the victim, or who has come after it");
            waiter
        };
        at_all_places(start, notified, |waiter| assert!(waiter.join().unwrap(), "it has the wake"));
        assert_eq!(condition.waiting(), 0);
        mutex.close();
        condition.close();
    });
}

/// A thread that waits; whether it was notified.
fn waits(mutex: &Mutex<()>, condition: &Condition) -> thread::JoinHandle<bool> {
    let (mutex, condition) = (mutex.clone(), condition.clone());
    thread::spawn(move || {
        let guard = mutex.lock().unwrap();
        condition.wait_timeout(guard, SOON).unwrap().1
    })
}
