//! Mutexes: exact counts, and owners and waiters that die or stop at any moment.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::sync::{Lock, LockError, Mutex, MutexGuard, NotOwner};
use actor_tests::board::Board;
use actor_tests::chance::{Chance, effort};
use actor_tests::watch;
use futures::FutureExt;
use futures::executor::block_on;
use rustix::process::{Signal, pidfd_send_signal};

use super::{SOON, isolated, kill, timed, until_asleep};
use crate::harness::isolated_for_both;

/// Says so, and keeps the lock until it is killed.
fn hold((mutex, board): (Mutex<[u64; 2]>, Board)) {
    let mut guard = mutex.lock_timeout(SOON).unwrap();
    *guard = [7, 7];
    board[0].store(1, Release);
    loop {
        std::thread::park();
    }
}

/// As [`hold`], after one that has died with it.
fn take_over_and_hold((mutex, board): (Mutex<[u64; 2]>, Board)) {
    let Err(LockError::OwnerDied(died)) = mutex.lock_timeout(SOON) else { panic!("somebody has died with it") };
    let _guard = died.into_guard();
    board[0].store(1, Release);
    loop {
        std::thread::park();
    }
}

type Holder = fn((Mutex<[u64; 2]>, Board));

/// A process that holds the lock.
fn holder(mutex: &Mutex<[u64; 2]>, how: Holder) -> Process<()> {
    let board = Board::new(1);
    let holder = Process::spawn(how, (mutex.clone(), board.clone())).unwrap();
    watch::until("it holds the lock", || board[0].load(Acquire) != 0);
    holder
}

/// The lock, from one that has died with it.
fn inherit<'a>(mutex: &'a Mutex<[u64; 2]>, from: &Process<()>) -> MutexGuard<'a, [u64; 2]> {
    match mutex.lock_timeout(SOON) {
        Err(LockError::OwnerDied(died)) => {
            assert_eq!(died.owner(), from.id());
            assert_eq!(died.report().map(|report| report.pid), Some(from.pid()));
            died.into_guard()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let mutex = Mutex::new([1_u64, 2]).unwrap();
        let swap = |mutex: Mutex<[u64; 2]>| mutex.lock().unwrap().swap(0, 1);
        Process::spawn(swap, mutex.clone()).unwrap().join().unwrap();
        assert_eq!(*mutex.lock().unwrap(), [2, 1]);
        mutex.close();
    });
}

#[test]
fn s_01_increments_of_8_processes_are_all_there() {
    const EACH: u64 = 10_000;
    isolated(|| {
        let total = Mutex::new(0_u64).unwrap();
        let add = |total: Mutex<u64>| {
            for _ in 0..EACH {
                *total.lock().unwrap() += 1;
            }
        };
        let all: Vec<_> = (0..8).map(|_| Process::spawn(add, total.clone()).unwrap()).collect();
        all.iter().for_each(|process| process.join_timeout(watch::bound(Duration::from_secs(50))).unwrap());
        assert_eq!(*total.lock().unwrap(), 8 * EACH);
        total.close();
    });
}

#[test]
fn s_02_t_24_the_next_owner_is_told_who_has_died_and_has_the_data() {
    isolated_for_both(|| {
        let mutex = Mutex::new([1_u64, 1]).unwrap();
        let first = holder(&mutex, hold);
        assert!(matches!(mutex.try_lock(), Err(LockError::WouldBlock)));
        kill(&first);
        // Dropped, it is the next one's.
        match mutex.lock_timeout(SOON) {
            Err(LockError::OwnerDied(died)) => assert_eq!(died.owner(), first.id()),
            other => panic!("{other:?}"),
        }
        assert!(matches!(mutex.lock(), Err(LockError::OwnerDied(_))));
        // So it is when the repair ends by a panic.
        catch_unwind(AssertUnwindSafe(|| {
            let mut guard = inherit(&mutex, &first);
            *guard = [9, 9];
            panic!("no repair is known");
        }))
        .unwrap_err();
        let mut guard = inherit(&mutex, &first);
        assert_eq!(*guard, [1, 1]);
        guard[0] = 3;
        MutexGuard::unlock(guard);
        assert_eq!(*mutex.lock().unwrap(), [3, 1]);
        mutex.close();
    });
}

#[test]
fn s_02_who_dies_over_the_repair_is_the_one_that_has_died() {
    isolated(|| {
        let mutex = Mutex::new([1_u64, 1]).unwrap();
        let first = holder(&mutex, hold);
        kill(&first);
        let second = holder(&mutex, take_over_and_hold);
        kill(&second);
        assert_eq!(*inherit(&mutex, &second), [1, 1]);
        assert_eq!(*mutex.lock().unwrap(), [1, 1]);
        mutex.close();
    });
}

#[test]
fn whoever_sleeps_is_woken_by_the_death_of_the_owner() {
    isolated(|| {
        let mutex = Mutex::new([1_u64, 1]).unwrap();
        let first = holder(&mutex, hold);
        let waiter = Process::spawn(
            |mutex: Mutex<[u64; 2]>| matches!(mutex.lock_timeout(SOON), Err(LockError::OwnerDied(_))),
            mutex.clone(),
        )
        .unwrap();
        until_asleep(&waiter);
        kill(&first);
        assert_eq!(waiter.join_timeout(SOON), Ok(true));
        assert!(matches!(mutex.lock(), Err(LockError::OwnerDied(_))));
        mutex.close();
    });
}

/// However often the one that is chosen is killed just then.
#[test]
fn a_killed_waiter_swallows_no_wake() {
    isolated(|| {
        let mutex = Mutex::new(0_u64).unwrap();
        let mut chance = Chance::announced();
        for round in 0..60 * effort() {
            let guard = mutex.lock().unwrap();
            let wait = |mutex: Mutex<u64>| match mutex.lock_timeout(SOON) {
                Ok(mut guard) => *guard += 1,
                Err(LockError::OwnerDied(died)) => *died.into_guard() += 1,
                Err(error) => panic!("{error}"),
            };
            let victim = Process::spawn(wait, mutex.clone()).unwrap();
            until_asleep(&victim);
            let waiter = Process::spawn(wait, mutex.clone()).unwrap();
            until_asleep(&waiter);
            drop(guard);
            chance.pause(Duration::from_micros(60));
            kill(&victim);
            assert_eq!(waiter.join_timeout(SOON), Ok(()), "round {round}");
            let _ = victim.join_timeout(SOON);
            if let Err(LockError::OwnerDied(died)) = mutex.lock() {
                drop(died.into_guard());
            }
        }
        mutex.close();
    });
}

#[test]
fn s_14_who_is_stopped_with_it_is_not_dead() {
    isolated(|| {
        let mutex = Mutex::new([1_u64, 1]).unwrap();
        let owner = holder(&mutex, hold);
        pidfd_send_signal(owner.sentinel().unwrap(), Signal::STOP).unwrap();
        watch::until("it stands", || watch::has_state(owner.pid(), owner.pid(), 'T'));
        let limit = Duration::from_millis(100);
        let (result, took) = timed(|| mutex.lock_timeout(limit).map(drop));
        assert!(matches!(result, Err(LockError::Timeout)) && limit <= took, "{result:?} after {took:?}");
        kill(&owner);
        assert_eq!(*inherit(&mutex, &owner), [1, 1]);
        mutex.close();
    });
}

#[test]
fn s_15_a_process_that_is_given_a_lock_has_not_got_it() {
    isolated_for_both(|| {
        let lock = Lock::new().unwrap();
        lock.acquire().unwrap();
        let try_all = |lock: Lock| {
            let would_block = matches!(lock.try_lock().map(drop), Err(LockError::WouldBlock))
                && matches!(lock.try_acquire(), Err(LockError::WouldBlock));
            (would_block, lock.release() == Err(NotOwner))
        };
        assert_eq!(Process::spawn(try_all, lock.clone()).unwrap().join(), Ok((true, true)));
        assert_eq!(lock.release(), Ok(()));
        let acquire = |lock: Lock| lock.try_acquire().is_ok() && lock.release().is_ok();
        assert_eq!(Process::spawn(acquire, lock.clone()).unwrap().join(), Ok(true));
        lock.close();
    });
}

#[test]
fn s_02_a_lock_that_was_acquired_is_left_to_the_next_one() {
    isolated(|| {
        let lock = Lock::new().unwrap();
        let victim = Process::spawn(|lock: Lock| lock.acquire().unwrap(), lock.clone()).unwrap();
        assert_eq!(victim.join(), Ok(()), "it has ended in order, and not released it");
        for _ in 0..2 {
            assert!(matches!(lock.acquire_timeout(SOON), Err(LockError::OwnerDied(_))));
        }
        match lock.acquire() {
            Err(LockError::OwnerDied(died)) => died.acquire(),
            other => panic!("{other:?}"),
        }
        assert!(lock.is_locked());
        assert_eq!((lock.release(), lock.release()), (Ok(()), Err(NotOwner)));
        lock.close();
    });
}

#[test]
fn s_11_time_limits_are_kept() {
    isolated(|| {
        let (mutex, limit) = (Mutex::new(0_u8).unwrap(), Duration::from_millis(100));
        let guard = mutex.lock().unwrap();
        let soon = std::time::Instant::now() + limit;
        for (result, took) in
            [timed(|| mutex.lock_timeout(limit).map(drop)), timed(|| mutex.lock_timeout(limit).map(drop))]
        {
            assert!(matches!(result, Err(LockError::Timeout)) && limit <= took, "{result:?} after {took:?}");
        }
        assert!(matches!(mutex.lock_deadline(soon), Err(LockError::Timeout)), "that has passed");
        drop(guard);
        assert!(mutex.lock_timeout(Duration::ZERO).is_ok() && mutex.lock_timeout(Duration::MAX).is_ok());
    });
}

#[test]
fn futures_that_are_dropped_take_nothing_and_hide_nobody() {
    isolated(|| {
        let mutex = Mutex::new(0_u64).unwrap();
        let mut guard = mutex.lock().unwrap();
        let mut dropped = mutex.lock_async();
        assert!((&mut dropped).now_or_never().is_none());
        let waiter = Process::spawn(
            |mutex: Mutex<u64>| block_on(async { *mutex.lock_async().await.unwrap() += 1 }),
            mutex.clone(),
        );
        let waiter = waiter.unwrap();
        until_asleep(&waiter);
        *guard = 1;
        drop(guard);
        drop(dropped);
        assert_eq!(waiter.join_timeout(SOON), Ok(()));
        assert_eq!(*block_on(mutex.lock_async()).unwrap(), 2);
        mutex.close();
    });
}

#[test]
fn a_panic_leaves_the_data_as_they_were() {
    isolated(|| {
        let mutex = Mutex::new([1_u8; 100]).unwrap();
        catch_unwind(AssertUnwindSafe(|| {
            let mut guard = mutex.lock().unwrap();
            *guard = [2; 100];
            panic!("on purpose");
        }))
        .unwrap_err();
        assert_eq!(*mutex.try_lock().unwrap(), [1; 100]);
    });
}

#[test]
fn locks_travel_in_messages_and_are_gone_with_the_last_handle() {
    isolated(|| {
        let (queue, back) = (Queue::<Mutex<u64>>::bounded(1).unwrap(), Queue::<Mutex<u64>>::bounded(1).unwrap());
        let pass_on = |(queue, back): (Queue<Mutex<u64>>, Queue<Mutex<u64>>)| {
            let mutex = queue.recv().unwrap();
            *mutex.lock().unwrap() += 1;
            back.send(mutex).unwrap();
        };
        let process = Process::spawn(pass_on, (queue.clone(), back.clone())).unwrap();
        let mutex = Mutex::new(1_u64).unwrap();
        queue.send(mutex.clone()).unwrap();
        process.join().unwrap();
        let same = back.recv().unwrap();
        assert_eq!((*same.lock().unwrap(), &same), (2, &mutex));
        // One that nobody has any more when it arrives.
        queue.send(same).unwrap();
        mutex.close();
        drop(mutex);
        let late = || {
            let late = queue.recv().unwrap();
            let is_gone = matches!(late.try_lock(), Err(LockError::Gone));
            queue.send(late).unwrap();
            is_gone
        };
        watch::until("it is gone", late);
        queue.close(Close::Now);
        back.close(Close::Now);
    });
}

/// Of the board: what the victim has begun, and what it has ended.
fn count((mutex, board, at): (Mutex<[u64; 40]>, Board, usize)) {
    loop {
        let mut guard = match mutex.lock() {
            Ok(guard) => guard,
            Err(LockError::OwnerDied(died)) => died.into_guard(),
            Err(error) => panic!("{error}"),
        };
        assert!(guard.iter().all(|word| *word == guard[0]), "{guard:?}");
        guard.iter_mut().for_each(|word| *word += 1);
        board[at].fetch_add(1, Release);
        drop(guard);
        board[at + 1].fetch_add(1, Release);
    }
}

#[test]
fn deaths_at_any_moment_leave_all_of_a_change_or_nothing() {
    isolated(|| {
        let (mutex, mut chance) = (Mutex::new([0_u64; 40]).unwrap(), Chance::announced());
        let rounds = 100 * effort() as usize;
        let board = Board::new(2 * (rounds + 1));
        let steady = Process::spawn(count, (mutex.clone(), board.clone(), 2 * rounds)).unwrap();
        for round in 0..rounds {
            let victim = Process::spawn(count, (mutex.clone(), board.clone(), 2 * round)).unwrap();
            chance.pause(Duration::from_millis(4));
            kill(&victim);
            victim.join_timeout(SOON).unwrap_err();
        }
        let before = board[2 * rounds].load(Acquire);
        watch::until("the steady one goes on", || before + 10 < board[2 * rounds].load(Acquire));
        kill(&steady);
        steady.join_timeout(SOON).unwrap_err();
        let data = match mutex.lock() {
            Ok(guard) => *guard,
            Err(LockError::OwnerDied(died)) => *died.into_guard(),
            Err(error) => panic!("{error}"),
        };
        assert!(data.iter().all(|word| *word == data[0]), "{data:?}");
        let sum = |first: usize| (0..=rounds).map(|at| board[2 * at + first].load(Acquire)).sum::<u64>();
        assert!((sum(1)..=sum(0)).contains(&data[0]), "{} of {} to {}", data[0], sum(1), sum(0));
        mutex.close();
    });
}
