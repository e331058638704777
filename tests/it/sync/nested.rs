//! Locks that their owner may take again: whose they are, and what a death leaves.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::sync::{LockError, NotOwner, RLock};
use actor_tests::board::Board;
use actor_tests::watch;
use futures::FutureExt;
use futures::executor::block_on;

use super::{SOON, isolated, kill, timed};
use crate::harness::isolated_for_both;

#[test]
fn s_03_a_nested_lock_counts_and_is_its_threads_alone() {
    isolated_for_both(|| {
        let lock = RLock::new().unwrap();
        lock.acquire().unwrap();
        let (outer, inner) = (lock.lock().unwrap(), lock.try_lock().unwrap());
        assert_eq!(lock.count(), 3);
        let elsewhere = |lock: RLock| {
            let is_free = !matches!(lock.try_lock().map(drop), Err(LockError::WouldBlock));
            (is_free, lock.release() == Err(NotOwner), lock.count())
        };
        assert_eq!(Process::spawn(elsewhere, lock.clone()).unwrap().join(), Ok((false, true, 0)));
        assert_eq!(std::thread::scope(|s| s.spawn(|| elsewhere(lock.clone())).join().unwrap()), (false, true, 0));
        drop(outer);
        assert_eq!((lock.release(), lock.count(), lock.is_locked()), (Ok(()), 1, true));
        drop(inner);
        assert_eq!((lock.release(), lock.count(), lock.is_locked()), (Err(NotOwner), 0, false));
        assert_eq!(Process::spawn(elsewhere, lock.clone()).unwrap().join(), Ok((true, true, 0)));
        lock.close();
    });
}

fn tell_and_hold((lock, board): (RLock, Board)) {
    let guard = lock.lock().unwrap();
    board[0].store(1, Release);
    watch::until("it is waited for", || board[1].load(Acquire) != 0);
    drop(guard);
    block_on(async {
        let outer = lock.lock_async().await.unwrap();
        let inner = lock.lock_async().await.unwrap();
        assert_eq!(lock.count(), 2);
        drop((outer, inner));
    });
}

#[test]
fn a_nested_lock_is_waited_for_by_futures_of_its_thread() {
    isolated_for_both(|| {
        let (lock, board) = (RLock::new().unwrap(), Board::new(2));
        let other = Process::spawn(tell_and_hold, (lock.clone(), board.clone())).unwrap();
        watch::until("the other one has it", || board[0].load(Acquire) != 0);
        let mut dropped = lock.lock_async();
        assert!((&mut dropped).now_or_never().is_none());
        let mut waiting = lock.lock_async();
        assert!((&mut waiting).now_or_never().is_none());
        board[1].store(1, Release);
        drop(dropped);
        drop(block_on(waiting).unwrap());
        assert_eq!(other.join_timeout(SOON), Ok(()));
        board[0].store(0, Release);
        let victim = Process::spawn(take_twice, (lock.clone(), board.clone())).unwrap();
        watch::until("it has the lock", || board[0].load(Acquire) != 0);
        kill(&victim);
        match block_on(lock.lock_async()) {
            Err(LockError::OwnerDied(died)) => assert_eq!(died.owner(), victim.id()),
            other => panic!("{other:?}"),
        }
        lock.close();
    });
}

fn take_twice((lock, board): (RLock, Board)) {
    let _guards = (lock.lock().unwrap(), lock.lock().unwrap());
    board[0].store(1, Release);
    loop {
        std::thread::park();
    }
}

/// A thread of the successor may have the number of the one that has died.
#[test]
fn s_02_a_nested_lock_of_the_dead_is_the_next_ones_once() {
    isolated_for_both(|| {
        let (lock, board) = (RLock::new().unwrap(), Board::new(1));
        let victim = Process::spawn(take_twice, (lock.clone(), board.clone())).unwrap();
        watch::until("it has the lock", || board[0].load(Acquire) != 0);
        let limit = Duration::from_millis(100);
        let (result, took) = timed(|| lock.lock_timeout(limit).map(drop));
        assert!(matches!(result, Err(LockError::Timeout)) && limit <= took, "{result:?} after {took:?}");
        kill(&victim);
        match lock.lock_timeout(SOON) {
            Err(LockError::OwnerDied(died)) => assert_eq!(died.owner(), victim.id()),
            other => panic!("{other:?}"),
        }
        let successor = |lock: RLock| match lock.lock_timeout(SOON) {
            Err(LockError::OwnerDied(died)) => {
                let guard = died.into_guard();
                let count = lock.count();
                drop(guard);
                (count, lock.count())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(Process::spawn(successor, lock.clone()).unwrap().join(), Ok((1, 0)));
        assert!(lock.try_lock().is_ok());
        lock.close();
    });
}

#[test]
fn threads_and_processes_nest_at_the_same_time() {
    const EACH: u64 = 1000;
    isolated(|| {
        let (lock, board) = (RLock::new().unwrap(), Board::new(1));
        let add = |(lock, board): (RLock, Board)| {
            let work = || {
                for _ in 0..EACH {
                    let _outer = lock.lock().unwrap();
                    let before = board[0].load(Acquire);
                    let _inner = lock.lock().unwrap();
                    assert_eq!(lock.count(), 2);
                    board[0].store(before + 1, Release);
                }
            };
            std::thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(work)));
        };
        let all = [(); 3].map(|()| Process::spawn(add, (lock.clone(), board.clone())).unwrap());
        all.iter().for_each(|process| process.join_timeout(watch::bound(Duration::from_secs(50))).unwrap());
        assert_eq!(board[0].load(Acquire), 6 * EACH);
        lock.close();
    });
}
