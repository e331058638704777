//! Locks whose owner dies at every instruction of taking and releasing them.

use std::sync::atomic::Ordering::{Acquire, Release};

use actor_core::process::Process;
use actor_core::sync::{LockError, Mutex, RLock, RwLock};
use actor_tests::board::Board;
use actor_tests::steps::{Stepped, stand_still};
use serde::{Deserialize, Serialize};

use super::{SOON, kill};
use crate::harness::{isolated_and_long, skip};

/// More than any of these has.
const STEPS_MAX: usize = 20_000;
/// After so many instructions, of which each is tried, come those that look at the slots of readers, one like
/// the other: one in so many of them.
const EACH_MAX: usize = 800;
const FAR: usize = 97;

#[derive(Clone, Serialize, Deserialize)]
struct Locks {
    mutex: Mutex<[u64; 3]>,
    rwlock: RwLock<[u64; 3]>,
    rlock: RLock,
    /// Not 0: the victim has come to the end.
    over: Board,
}

/// What a victim does, and what the next one does after its death: true if it was told of that.
struct Case {
    victim: fn(Locks),
    next: fn(&Locks) -> bool,
}

const CASES: [Case; 4] = [
    Case {
        victim: |locks| {
            led(&locks, || locks.mutex.lock().unwrap().iter_mut().for_each(|word| *word += 1));
        },
        next: |locks| {
            let (guard, is_told) = match locks.mutex.lock_timeout(SOON) {
                Ok(guard) => (guard, false),
                Err(LockError::OwnerDied(died)) => (died.into_guard(), true),
                Err(error) => panic!("{error}"),
            };
            assert!(guard.iter().all(|word| *word == guard[0]), "{guard:?}");
            is_told
        },
    },
    Case {
        victim: |locks| led(&locks, || locks.rwlock.write().unwrap().iter_mut().for_each(|word| *word += 1)),
        next: write,
    },
    Case { victim: |locks| led(&locks, || drop(locks.rwlock.read().unwrap())), next: write },
    Case {
        victim: |locks| led(&locks, || drop((locks.rlock.lock().unwrap(), locks.rlock.lock().unwrap()))),
        next: |locks| {
            let (guard, is_told) = match locks.rlock.lock_timeout(SOON) {
                Ok(guard) => (guard, false),
                Err(LockError::OwnerDied(died)) => (died.into_guard(), true),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(locks.rlock.count(), 1);
            drop(guard);
            assert!(!locks.rlock.is_locked());
            is_told
        },
    },
];

fn write(locks: &Locks) -> bool {
    let (guard, is_told) = match locks.rwlock.write_timeout(SOON) {
        Ok(guard) => (guard, false),
        Err(LockError::OwnerDied(died)) => (died.into_guard(), true),
        Err(error) => panic!("{error}"),
    };
    assert!(guard.iter().all(|word| *word == guard[0]), "{guard:?}");
    is_told
}

fn led(locks: &Locks, act: impl Fn()) {
    // What is done for the first time is not what is tried.
    act();
    stand_still();
    act();
    locks.over[0].store(1, Release);
    loop {
        stand_still();
    }
}

/// Lets a victim die after so many instructions. Whether the next one was told; `None`: it came to the end.
fn die_after(steps: usize, case: &Case, locks: &Locks) -> std::io::Result<Option<bool>> {
    locks.over[0].store(0, Release);
    let victim = Process::spawn(case.victim, locks.clone()).unwrap();
    let stepped = Stepped::take_over(victim.pid())?;
    for _ in 0..steps {
        stepped.step()?;
        if locks.over[0].load(Acquire) != 0 {
            break;
        }
    }
    let is_over = locks.over[0].load(Acquire) != 0;
    kill(&victim);
    let is_told = (case.next)(locks);
    victim.join_timeout(SOON).unwrap_err();
    assert!(!is_over || !is_told, "it had released it");
    Ok((!is_over).then_some(is_told))
}

#[test]
fn c_07_a_death_at_any_instruction_is_told_or_clean() {
    isolated_and_long(|| {
        let zeroes = [0; 3];
        let locks = Locks {
            mutex: Mutex::new(zeroes).unwrap(),
            rwlock: RwLock::new(zeroes).unwrap(),
            rlock: RLock::new().unwrap(),
            over: Board::new(1),
        };
        for (number, case) in CASES.iter().enumerate() {
            let (mut told, mut steps) = (0, 0);
            loop {
                match die_after(steps, case, &locks) {
                    Ok(Some(is_told)) => told += u32::from(is_told),
                    Ok(None) => break,
                    Err(error) => return skip(&format!("nobody can be led here: {error}")),
                }
                steps += if steps < EACH_MAX { 1 } else { FAR };
                assert!(steps < STEPS_MAX, "it does not come to the end");
            }
            println!("case {number}: {told} deaths in {steps} instructions were told of");
            // Whoever reads leaves nothing to be told of.
            assert_eq!(told == 0, number == 2, "case {number}: {told} of {steps}");
        }
        locks.mutex.close();
        locks.rwlock.close();
        locks.rlock.close();
    });
}
