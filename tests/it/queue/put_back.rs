//! Consumers of one queue who each take their own and put back what is not.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, PriorityQueue, Queue, RecvError};
use actor_tests::board::Board;
use actor_tests::watch::{self, bound};

use super::{isolated, small, until_asleep};

const SOON: Duration = Duration::from_secs(10);
const NUMBERS: u32 = 2_000;
/// Of the board: how often each number was looked at; then how many consumers are to be.
const READY: usize = NUMBERS as usize;

/// Takes what has its remainder, in whatever order, and puts back the rest.
fn consume((queue, board, rest, of): (Queue<u32>, Board, u32, u32)) -> u32 {
    board[READY].fetch_add(1, Release);
    let mut taken = 0;
    while let Ok(task) = queue.recv_task() {
        assert_eq!(task.delivery_count(), 1, "what is put back counts as never handed out");
        board[*task as usize].fetch_add(1, Relaxed);
        if *task % of == rest {
            task.done();
            taken += 1;
        } else {
            task.put_back();
        }
    }
    taken
}

#[test]
fn odd_and_even_get_their_own_and_look_at_nothing_twice() {
    isolated(|| {
        for of in [2, 3] {
            let (queue, board) = (small(16), Board::new(READY + 1));
            let spawn = |rest| Process::spawn(consume, (queue.clone(), board.clone(), rest, of)).unwrap();
            let consumers: Vec<_> = (0..of).map(spawn).collect();
            for number in 0..NUMBERS {
                queue.send_timeout(number, bound(SOON)).expect("nobody is kept from anything");
            }
            assert!(queue.join_timeout(bound(SOON)), "all are done");
            queue.close(Close::Drain);
            let taken: u32 = consumers.into_iter().map(|it| it.join_timeout(bound(SOON)).unwrap()).sum();
            assert_eq!(taken, NUMBERS);
            let most = board[..READY].iter().map(|looks| looks.load(Relaxed)).max();
            assert!(most <= Some(u64::from(of)), "{most:?} looks at one of {of} consumers");
        }
    });
}

#[test]
fn who_has_put_back_all_that_is_there_sleeps_and_is_woken_by_its_own() {
    isolated(|| {
        let (queue, board) = (small(8), Board::new(READY + 1));
        let odd = Process::spawn(consume, (queue.clone(), board.clone(), 1, 2)).unwrap();
        (0..8).for_each(|at| queue.send(2 * at).unwrap());
        watch::until("it has looked at all", || (0..8).all(|at| board[2 * at].load(Acquire) == 1));
        until_asleep(&odd);
        assert_eq!((queue.len(), queue.recv()), (8, Ok(0)));
        queue.send(77).unwrap();
        watch::until("its own has come", || board[77].load(Acquire) == 1);
        until_asleep(&odd);
        assert!((1..8).all(|at| board[2 * at].load(Acquire) == 1), "no second look");
        // For another handle they are there, and in their order; and for one of them nothing else is.
        assert!(queue.iter().take(6).eq((1..7).map(|at| 2 * at)));
        queue.close(Close::Drain);
        assert_eq!(odd.join_timeout(bound(SOON)), Ok(1), "it does not wait for what is not for it");
        assert_eq!((queue.recv(), queue.recv()), (Ok(14), Err(RecvError::Closed)));
    });
}

#[test]
fn what_was_put_back_by_one_who_died_is_there_for_the_others() {
    isolated(|| {
        let (queue, board) = (PriorityQueue::<u32>::bounded(8).unwrap(), Board::new(1));
        let refuse = |(queue, board): (PriorityQueue<u32>, Board)| {
            while let Ok(task) = queue.recv_task() {
                task.put_back();
                board[0].fetch_add(1, Release);
            }
        };
        let refuser = Process::spawn(refuse, (queue.clone(), board.clone())).unwrap();
        [3, 1, 2].into_iter().for_each(|number| queue.send(number).unwrap());
        watch::until("it has refused all", || board[0].load(Acquire) == 3);
        until_asleep(&refuser);
        let second = Process::spawn(refuse, (queue.clone(), board.clone())).unwrap();
        watch::until("so has another", || board[0].load(Acquire) == 6);
        refuser.kill().unwrap();
        refuser.join().unwrap_err();
        until_asleep(&second);
        assert_eq!(board[0].load(Acquire), 6, "each has looked at each once");
        assert!(queue.iter().take(3).eq([1, 2, 3]));
        queue.close(Close::Drain);
        assert_eq!(second.join_timeout(bound(SOON)), Ok(()));
    });
}
