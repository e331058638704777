//! Room and items: counted exactly, waited for in time, and never missed in one's sleep.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue, RecvError, SendError};
use actor_tests::board::Board;
use actor_tests::watch::{self, bound};

use super::{AT_ONCE, isolated, small, timed, until_asleep};

fn receive_one(queue: Queue<u32>) -> u32 {
    queue.recv().expect("there is an item")
}

#[test]
fn q_03_exactly_the_capacity_fits() {
    isolated(|| {
        for capacity in [1, 2, 7, 64] {
            let queue = small(capacity);
            for item in 0..capacity as u32 {
                queue.try_send(item).unwrap();
            }
            let is_refused = |item| {
                let (result, took) = timed(|| queue.try_send(item));
                assert!(matches!(result, Err(SendError::Full(back)) if back == item), "{result:?}");
                assert!(took < bound(AT_ONCE), "{took:?}");
            };
            is_refused(100);
            let receiver = Process::spawn(receive_one, queue.clone()).unwrap();
            assert_eq!(receiver.join(), Ok(0));
            queue.try_send(101).unwrap();
            is_refused(102);
            let rest: Vec<u32> = std::iter::from_fn(|| queue.try_recv().ok()).collect();
            assert_eq!(rest, (1..capacity as u32).chain([101]).collect::<Vec<_>>());
            queue.close(Close::Drain);
        }
    });
}

const TIMEOUT: Duration = Duration::from_millis(100);
const TOO_LATE: Duration = Duration::from_millis(250);

/// Asserts that a wait ends at its timeout. Too early is wrong at once; too late is wrong if it is
/// so three times, because a machine that is busy with other things makes anybody late now and then.
fn assert_ends_in_time(mut wait: impl FnMut()) {
    let mut times = (0..3).map(|_| timed(&mut wait).1);
    let is_in_time = times.any(|took| {
        assert!(TIMEOUT <= took, "{took:?}");
        took < bound(TOO_LATE)
    });
    assert!(is_in_time, "three times later than {:?}", bound(TOO_LATE));
}

#[test]
fn q_04_a_sender_gives_up_in_time() {
    isolated(|| {
        let queue = small(2);
        queue.send(1).unwrap();
        queue.send(2).unwrap();
        let sender = Process::spawn(
            |queue: Queue<u32>| {
                assert_ends_in_time(|| {
                    let error = queue.send_timeout(3, TIMEOUT).unwrap_err();
                    assert!(matches!(error, SendError::Full(3)), "{error:?}");
                });
            },
            queue.clone(),
        );
        assert_eq!(sender.unwrap().join(), Ok(()));
        assert_eq!((queue.recv(), queue.recv()), (Ok(1), Ok(2)));
        assert_eq!(queue.try_recv(), Err(RecvError::Empty), "what was refused never appears");
        queue.close(Close::Drain);
    });
}

#[test]
fn q_05_a_receiver_gives_up_in_time() {
    isolated(|| {
        let queue = small(2);
        let receiver = Process::spawn(
            |queue: Queue<u32>| assert_ends_in_time(|| assert_eq!(queue.recv_timeout(TIMEOUT), Err(RecvError::Empty))),
            queue.clone(),
        );
        assert_eq!(receiver.unwrap().join(), Ok(()));
        queue.send(1).unwrap();
        assert_eq!(queue.recv(), Ok(1), "nobody waits for it any more");
        queue.close(Close::Drain);
    });
}

#[test]
fn q_06_no_timeout_is_too_short_or_too_long() {
    isolated(|| {
        let queue = small(1);
        let (_, took) = timed(|| {
            for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
                assert_eq!(queue.recv_timeout(timeout), Err(RecvError::Empty));
                queue.send_timeout(1, timeout).unwrap();
                assert!(queue.send_timeout(2, timeout).unwrap_err().is_full());
                assert_eq!(queue.recv_timeout(timeout), Ok(1));
            }
        });
        assert!(took < bound(AT_ONCE), "{took:?}");
        let (board, waits) = (Board::new(1), small(1));
        let waiter = Process::spawn(
            |(board, queue, waits): (Board, Queue<u32>, Queue<u32>)| {
                board[0].store(1, Release);
                assert_eq!(queue.recv_timeout(Duration::MAX), Ok(7));
                waits.send(8).unwrap();
                board[0].store(2, Release);
                waits.send_timeout(9, Duration::MAX).unwrap();
            },
            (board.clone(), queue.clone(), waits.clone()),
        );
        let waiter = waiter.unwrap();
        until_asleep(&waiter);
        queue.send(7).unwrap();
        watch::until("the waiter has filled its queue", || waits.is_full());
        until_asleep(&waiter);
        assert_eq!((waits.recv(), waits.recv()), (Ok(8), Ok(9)));
        assert_eq!(waiter.join(), Ok(()));
        queue.close(Close::Drain);
        waits.close(Close::Drain);
    });
}

#[test]
fn q_13_a_quiescent_queue_is_counted_exactly() {
    isolated(|| {
        let queue = small(8);
        let check = |len: usize| {
            let counted = (queue.len(), queue.is_empty(), queue.is_full(), queue.capacity());
            assert_eq!(counted, (len, len == 0, len == 8, 8));
        };
        // More than a lap, so that every slot has been first and last.
        for _ in 0..3 {
            for sent in 0..8 {
                check(sent);
                let sender = Process::spawn(|queue: Queue<u32>| queue.send(1).is_ok(), queue.clone()).unwrap();
                assert_eq!(sender.join(), Ok(true));
            }
            check(8);
            let task = queue.recv_task().unwrap();
            check(7);
            drop(task);
            // What was given back is not in the way of senders.
            assert_eq!((queue.len(), queue.is_full()), (8, false));
            for left in (3..8).rev() {
                let receiver = Process::spawn(receive_one, queue.clone()).unwrap();
                assert_eq!(receiver.join(), Ok(1));
                check(left);
            }
            for left in (0..3).rev() {
                queue.recv_task().unwrap().done();
                check(left);
            }
        }
        queue.close(Close::Drain);
    });
}

const WAITING_THREADS: usize = 8;
const WAITING_PROCESSES: usize = 8;
const WAITERS: usize = WAITING_THREADS * WAITING_PROCESSES;
const ROUNDS: u64 = 10_000;

/// How many rounds there are from one in which everybody sleeps at the beginning to the next.
const ASLEEP_EVERY: u64 = 100;

/// Receivers are asleep, or on their way to sleep; the items wake as many as are needed.
#[test]
fn q_18_no_wake_is_lost_among_64_receivers() {
    isolated(|| {
        let (queue, board) = (small(WAITERS), Board::new(WAITERS));
        let receive = |(queue, board, first): (Queue<u32>, Board, usize)| {
            std::thread::scope(|scope| {
                for received in &board[first..first + WAITING_THREADS] {
                    let queue = &queue;
                    scope.spawn(move || {
                        for item in queue {
                            received.fetch_add(u64::from(item), Relaxed);
                        }
                    });
                }
            });
        };
        let seats = (0..WAITING_PROCESSES).map(|process| process * WAITING_THREADS);
        let receivers: Vec<_> =
            seats.map(|first| Process::spawn(receive, (queue.clone(), board.clone(), first)).unwrap()).collect();
        let received = || board.iter().map(|word| word.load(Acquire)).sum::<u64>();
        for round in 0..ROUNDS {
            if round % ASLEEP_EVERY == 0 {
                receivers.iter().for_each(until_asleep);
            }
            for _ in 0..WAITERS {
                queue.send(1).unwrap();
            }
            assert!(queue.join_timeout(bound(Duration::from_secs(10))), "{} left in round {round}", queue.len());
        }
        queue.close(Close::Drain);
        for receiver in receivers {
            assert_eq!(receiver.join_timeout(bound(Duration::from_secs(10))), Ok(()));
        }
        assert_eq!(received(), ROUNDS * WAITERS as u64);
    });
}
