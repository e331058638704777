//! Values and arrays.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::shared::{Shared, SharedArray, SharedCell, SharedSlice};
use actor_core::sync::LockError;
use actor_tests::board::Board;
use actor_tests::watch;
use rustix::process::{Signal, pidfd_send_signal};

use crate::harness::{isolated, isolated_for_both};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn smoke() {
    isolated_for_both(|| {
        let value = Shared::new(1.5_f64).unwrap();
        let (array, slice) = (SharedArray::from_slice(&[1_u8, 2, 3]).unwrap(), SharedSlice::<u16>::zeroed(3).unwrap());
        let cell = Shared::unlocked([1_u64, 2, 3]).unwrap();
        let change =
            |(value, array, slice, cell): (Shared<f64>, SharedArray<u8>, SharedSlice<u16>, SharedCell<[u64; 3]>)| {
                value.update(|value| *value *= 2.0).unwrap();
                array.lock().unwrap().for_each(|index, value| *value += index as u8);
                slice.write(1, &[7, 8]).unwrap();
                cell.set([4, 5, 6]).unwrap();
                (array.len(), slice.len())
            };
        let args = (value.clone(), array.clone(), slice.clone(), cell.clone());
        assert_eq!(Process::spawn(change, args).unwrap().join(), Ok((3, 3)));
        assert_eq!((value.get().unwrap(), cell.get()), (3.0, Ok([4, 5, 6])));
        assert_eq!((array.read(0..3).unwrap(), slice.read(0..3)), (vec![1, 3, 5], Ok(vec![0, 7, 8])));
        assert_eq!((array.get(2).unwrap(), slice.get(1)), (5, Ok(7)));
        value.close();
        array.close();
        slice.close();
        cell.close();
    });
}

#[test]
fn changes_of_a_shared_value_are_all_there() {
    const EACH: u64 = 10_000;
    isolated(|| {
        let (total, hits) = (Shared::new(0_u64).unwrap(), SharedCell::new(0_i32).unwrap());
        let add = |(total, hits): (Shared<u64>, SharedCell<i32>)| {
            for _ in 0..EACH {
                total.update(|total| *total += 1).unwrap();
                hits.as_atomic().unwrap().fetch_add(1, Relaxed);
            }
        };
        let all = [(); 4].map(|()| Process::spawn(add, (total.clone(), hits.clone())).unwrap());
        all.iter().for_each(|process| process.join_timeout(watch::bound(Duration::from_secs(50))).unwrap());
        assert_eq!((total.get().unwrap(), hits.get()), (4 * EACH, Ok(4 * EACH as i32)));
        total.close();
        hits.close();
    });
}

/// What is written under the lock is there at once, and the next one can repair it.
#[test]
fn s_02_an_array_of_the_dead_is_repaired_by_the_next_one() {
    isolated(|| {
        let (array, board) = (SharedArray::from_slice(&[1_u64; 1000]).unwrap(), Board::new(1));
        let half = |(array, board): (SharedArray<u64>, Board)| -> () {
            let mut guard = array.lock().unwrap();
            guard.write(0, &[2; 500]);
            board[0].store(1, Release);
            loop {
                std::thread::park();
            }
        };
        let victim: Process<()> = Process::spawn(half, (array.clone(), board.clone())).unwrap();
        watch::until("it has written", || board[0].load(Acquire) != 0);
        assert!(matches!(array.try_lock(), Err(LockError::WouldBlock)));
        pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL).unwrap();
        match array.lock_timeout(SOON) {
            Err(LockError::OwnerDied(died)) => {
                assert_eq!(died.owner(), victim.id());
                let mut guard = died.into_guard();
                assert_eq!((guard.get(499), guard.get(500)), (2, 1));
                guard.for_each(|_, value| *value = 3);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(array.read(0..1000).unwrap(), [3; 1000]);
        array.close();
    });
}

#[test]
fn arrays_travel_in_messages_and_are_gone_with_the_last_handle() {
    isolated(|| {
        let queue = Queue::<(SharedArray<u32>, SharedSlice<u32>)>::bounded(1).unwrap();
        let (array, slice) = (SharedArray::from_slice(&[1, 2]).unwrap(), SharedSlice::from_slice(&[3, 4]).unwrap());
        queue.send((array.clone(), slice.clone())).unwrap();
        let sum = |queue: Queue<(SharedArray<u32>, SharedSlice<u32>)>| {
            let (array, slice) = queue.recv().unwrap();
            array.read(0..2).unwrap().into_iter().chain(slice.read(0..2).unwrap()).sum::<u32>()
        };
        assert_eq!(Process::spawn(sum, queue.clone()).unwrap().join(), Ok(10));
        queue.send((array.clone(), slice.clone())).unwrap();
        array.close();
        slice.close();
        drop((array, slice));
        let late = || {
            let (array, slice) = queue.recv().unwrap();
            let is_gone = matches!(array.lock(), Err(LockError::Gone)) && slice.get(0).is_err() && slice.is_empty();
            queue.send((array, slice)).unwrap();
            is_gone
        };
        watch::until("they are gone", late);
        queue.close(Close::Now);
    });
}

#[test]
#[should_panic(expected = "1 times 4 bytes at 8 of 8 bytes")]
fn what_is_out_of_range_is_refused() {
    let _ = SharedSlice::from_slice(&[1_u32, 2]).unwrap().get(2);
}
