//! Locks that many read and one writes: who keeps whom out, and what deaths leave.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::sync::{LockError, RwLock};
use actor_tests::board::Board;
use actor_tests::chance::{Chance, effort};
use actor_tests::watch;
use futures::FutureExt;
use futures::executor::block_on;
use rustix::process::{Signal, pidfd_send_signal};

use super::{SOON, isolated, kill, timed, until_asleep};
use crate::harness::isolated_for_both;

type Pair = RwLock<[u64; 2]>;

fn read((lock, board): (Pair, Board)) {
    let _guards = (lock.read().unwrap(), lock.read().unwrap());
    board[0].store(1, Release);
    loop {
        std::thread::park();
    }
}

fn write((lock, board): (Pair, Board)) {
    let mut guard = lock.write_timeout(SOON).unwrap();
    *guard = [7, 8];
    board[0].store(1, Release);
    loop {
        std::thread::park();
    }
}

/// A process that does so.
fn started(lock: &Pair, what: fn((Pair, Board))) -> Process<()> {
    let board = Board::new(1);
    let process = Process::spawn(what, (lock.clone(), board.clone())).unwrap();
    watch::until("it has the lock", || board[0].load(Acquire) != 0);
    process
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let lock = RwLock::new([1_u64, 2]).unwrap();
        let reader = started(&lock, read);
        assert_eq!(*lock.try_read().unwrap(), [1, 2]);
        assert!(matches!(lock.try_write(), Err(LockError::WouldBlock)));
        // Whoever waits to write keeps new readers out, and a dead reader is just gone.
        let set = |lock: Pair| *lock.write_timeout(SOON).unwrap() = [3, 4];
        let writer = Process::spawn(set, lock.clone()).unwrap();
        until_asleep(&writer);
        watch::until("it has claimed the lock", || matches!(lock.try_read(), Err(LockError::WouldBlock)));
        kill(&reader);
        assert_eq!(writer.join_timeout(SOON), Ok(()));
        assert_eq!(*lock.read().unwrap(), [3, 4]);
        lock.close();
    });
}

#[test]
fn s_02_a_dead_writer_is_told_of_until_a_writer_accepts_it() {
    isolated(|| {
        let lock = RwLock::new([1_u64, 2]).unwrap();
        let writer = started(&lock, write);
        assert!(matches!(lock.try_read(), Err(LockError::WouldBlock)));
        let waiter =
            Process::spawn(|lock: Pair| matches!(lock.read_timeout(SOON), Err(LockError::OwnerDied(_))), lock.clone());
        let waiter = waiter.unwrap();
        until_asleep(&waiter);
        kill(&writer);
        assert_eq!(waiter.join_timeout(SOON), Ok(true));
        for _ in 0..2 {
            match lock.read_timeout(SOON) {
                Err(LockError::OwnerDied(died)) => {
                    assert_eq!(died.owner(), writer.id());
                    assert_eq!(died.report().map(|report| report.pid), Some(writer.pid()));
                    assert_eq!(*died.into_guard(), [1, 2]);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(lock.write(), Err(LockError::OwnerDied(_))), "and this one does not accept it");
        match lock.write() {
            Err(LockError::OwnerDied(died)) => died.into_guard()[0] = 5,
            other => panic!("{other:?}"),
        }
        assert_eq!(*lock.read().unwrap(), [5, 2]);
        lock.close();
    });
}

#[test]
fn a_writer_that_is_killed_while_it_waits_has_changed_nothing() {
    isolated(|| {
        let lock = RwLock::new([1_u64, 2]).unwrap();
        let guard = lock.read().unwrap();
        let writer = Process::spawn(|lock: Pair| drop(lock.write()), lock.clone()).unwrap();
        watch::until("it has claimed the lock", || matches!(lock.try_read(), Err(LockError::WouldBlock)));
        let reader = Process::spawn(|lock: Pair| lock.read_timeout(SOON).is_ok(), lock.clone()).unwrap();
        until_asleep(&reader);
        kill(&writer);
        assert_eq!(reader.join_timeout(SOON), Ok(true));
        drop(guard);
        assert!(lock.try_write().is_ok());
        lock.close();
    });
}

#[test]
fn s_14_s_11_who_is_stopped_is_waited_for_until_the_time_is_up() {
    isolated(|| {
        let (lock, limit) = (RwLock::new([1_u64, 2]).unwrap(), Duration::from_millis(100));
        let reader = started(&lock, read);
        pidfd_send_signal(reader.sentinel().unwrap(), Signal::STOP).unwrap();
        let (result, took) = timed(|| lock.write_timeout(limit).map(drop));
        assert!(matches!(result, Err(LockError::Timeout)) && limit <= took, "{result:?} after {took:?}");
        assert!(lock.read().is_ok(), "who has given up keeps nobody out");
        kill(&reader);
        drop(lock.write_timeout(SOON).unwrap());
        let writer = started(&lock, write);
        pidfd_send_signal(writer.sentinel().unwrap(), Signal::STOP).unwrap();
        let (result, took) = timed(|| lock.read_timeout(limit).map(drop));
        assert!(matches!(result, Err(LockError::Timeout)) && limit <= took, "{result:?} after {took:?}");
        kill(&writer);
        assert!(matches!(lock.write_timeout(SOON), Err(LockError::OwnerDied(_))));
        lock.close();
    });
}

#[test]
fn futures_write_after_the_readers_and_hide_nobody_when_dropped() {
    isolated(|| {
        let lock = RwLock::new([1_u64, 2]).unwrap();
        let guard = block_on(lock.read_async()).unwrap();
        let mut dropped = lock.write_async();
        assert!((&mut dropped).now_or_never().is_none());
        assert!(matches!(lock.try_read(), Err(LockError::WouldBlock)), "it has claimed the lock");
        let reader = Process::spawn(|lock: Pair| block_on(lock.read_async()).is_ok(), lock.clone()).unwrap();
        until_asleep(&reader);
        drop(dropped);
        assert_eq!(reader.join_timeout(SOON), Ok(true));
        let writer =
            Process::spawn(|lock: Pair| block_on(async { *lock.write_async().await.unwrap() = [3, 4] }), lock.clone());
        let writer = writer.unwrap();
        watch::until("it has claimed the lock", || matches!(lock.try_read(), Err(LockError::WouldBlock)));
        drop(guard);
        assert_eq!(writer.join_timeout(SOON), Ok(()));
        assert_eq!(*lock.read().unwrap(), [3, 4]);
        lock.close();
    });
}

/// Both halves are always the same, or a death was told of.
fn play((lock, board, seed): (Pair, Board, u64)) {
    let mut chance = Chance::new(seed);
    loop {
        if chance.once_in(4) {
            let mut guard = match lock.write() {
                Ok(guard) => guard,
                Err(LockError::OwnerDied(died)) => died.into_guard(),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(guard[0], guard[1]);
            guard.iter_mut().for_each(|word| *word += 1);
        } else {
            let guard = match lock.read() {
                Ok(guard) => guard,
                Err(LockError::OwnerDied(died)) => died.into_guard(),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(guard[0], guard[1]);
        }
        board[0].fetch_add(1, Release);
    }
}

#[test]
fn deaths_at_any_moment_keep_nobody_out() {
    isolated(|| {
        let (lock, board) = (RwLock::new([0_u64; 2]).unwrap(), Board::new(1));
        let mut chance = Chance::announced();
        let steady = [1, 2].map(|seed| Process::spawn(play, (lock.clone(), board.clone(), seed)).unwrap());
        for _ in 0..100 * effort() {
            let victim = Process::spawn(play, (lock.clone(), board.clone(), chance.any())).unwrap();
            chance.pause(Duration::from_millis(4));
            kill(&victim);
            victim.join_timeout(SOON).unwrap_err();
        }
        let before = board[0].load(Acquire);
        watch::until("the others go on", || before + 100 < board[0].load(Acquire));
        for process in &steady {
            assert!(process.is_alive(), "{:?}", process.try_join());
            kill(process);
            process.join_timeout(SOON).unwrap_err();
        }
        lock.close();
    });
}
