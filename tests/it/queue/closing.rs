//! Closing: the end is the same for all, wherever they are when it comes.

use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, Queue, RecvError, SendError};
use actor_tests::watch::bound;

use super::{isolated, small, until_asleep};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn q_14_a_closed_queue_is_drained() {
    isolated(|| {
        let queue = small(8);
        (0..5).for_each(|item| queue.send(item).unwrap());
        queue.close(Close::Drain);
        let sender = Process::spawn(
            |queue: Queue<u32>| matches!(queue.send(9), Err(SendError::Closed(9))) && queue.is_closed(),
            queue.clone(),
        );
        assert_eq!(sender.unwrap().join(), Ok(true));
        assert!(matches!(queue.try_send(9), Err(SendError::Closed(9))));
        let receive = |queue: Queue<u32>| (0..3).map(|_| queue.recv().unwrap()).collect::<Vec<_>>();
        let receiver = Process::spawn(receive, queue.clone()).unwrap();
        assert_eq!(receiver.join(), Ok(vec![0, 1, 2]));
        assert_eq!((queue.recv(), queue.recv()), (Ok(3), Ok(4)));
        assert_eq!(queue.recv(), Err(RecvError::Closed));
        assert_eq!(queue.try_recv(), Err(RecvError::Closed));
        assert!(matches!(queue.recv_task(), Err(RecvError::Closed)));
    });
}

type Sender = fn(Queue<Vec<u8>>) -> usize;
type Receiver = fn(Queue<Vec<u8>>) -> bool;

/// A sender that waits for a slot, one that waits for an extent, and one that has no thread to
/// sleep in. Each says what it got back.
const SENDERS: [Sender; 3] = [
    |queue| refused(queue.send(vec![1; 10])),
    |queue| refused(queue.send(vec![1; 5000])),
    |queue| refused(futures::executor::block_on(queue.send_async(vec![1; 5000]))),
];

fn refused(result: Result<(), SendError<Vec<u8>>>) -> usize {
    match result {
        Err(SendError::Closed(item)) => item.len(),
        other => panic!("{other:?}"),
    }
}

const RECEIVERS: [Receiver; 3] = [
    |queue| queue.recv() == Err(RecvError::Closed),
    |queue| matches!(queue.recv_task(), Err(RecvError::Closed)),
    |queue| futures::executor::block_on(queue.recv_async()) == Err(RecvError::Closed),
];

#[test]
fn t_22_closing_ends_the_wait_of_senders() {
    isolated(|| {
        for close in [Close::Drain, Close::Now] {
            let queue = Queue::bounded(4).unwrap();
            (0..4).for_each(|item| queue.send(vec![item; 3000]).unwrap());
            let senders: Vec<_> = SENDERS.map(|send| Process::spawn(send, queue.clone()).unwrap()).into();
            senders.iter().for_each(until_asleep);
            assert!(queue.is_full());
            queue.close(close);
            let given_back: Vec<_> = senders.iter().map(|sender| sender.join_timeout(bound(SOON)).unwrap()).collect();
            assert_eq!(given_back, [10, 5000, 5000]);
            let left: Vec<u8> = queue.iter().map(|item| item[0]).collect();
            match close {
                Close::Drain => assert_eq!(left, [0, 1, 2, 3]),
                Close::Now => assert!(left.is_empty()),
            }
            assert!(queue.join_timeout(Duration::ZERO), "nothing is left to be done");
        }
    });
}

#[test]
fn t_22_closing_ends_the_wait_of_receivers() {
    isolated(|| {
        for close in [Close::Drain, Close::Now] {
            let queue = Queue::bounded(4).unwrap();
            let receivers: Vec<_> = RECEIVERS.map(|receive| Process::spawn(receive, queue.clone()).unwrap()).into();
            receivers.iter().for_each(until_asleep);
            queue.close(close);
            for receiver in receivers {
                assert_eq!(receiver.join_timeout(bound(SOON)), Ok(true));
            }
            assert!(matches!(queue.send(vec![1]), Err(SendError::Closed(_))));
            queue.close(Close::Now);
        }
    });
}

/// Takes a task, says so, and holds it until it is killed, or the end of `until`.
fn hold((queue, holds, until): (Queue<Vec<u8>>, Queue<u32>, Queue<u32>)) {
    let task = queue.recv_task().unwrap();
    holds.send(1).unwrap();
    assert_eq!(until.recv(), Err(RecvError::Closed));
    drop(task);
}

/// Who holds a task when the queue is closed may finish it. If he does not, it is handed out again
/// or is gone, as the other items are.
#[test]
fn t_22_a_task_outlives_the_queue() {
    isolated(|| {
        for (close, is_killed) in
            [Close::Drain, Close::Now].into_iter().flat_map(|close| [(close, false), (close, true)])
        {
            let (queue, holds, until) = (Queue::bounded(4).unwrap(), small(1), small(1));
            (1..4).for_each(|item| queue.send(vec![item; 2000]).unwrap());
            let mine = queue.recv_task().unwrap();
            let holder = Process::spawn(hold, (queue.clone(), holds.clone(), until.clone())).unwrap();
            assert_eq!(holds.recv(), Ok(1));
            queue.close(close);
            assert_eq!(mine.done()[0], 1);
            if is_killed {
                holder.kill().unwrap();
                holder.join().unwrap_err();
            }
            until.close(Close::Now);
            assert_eq!(holder.join().is_ok(), !is_killed);
            let left: Vec<_> = std::iter::from_fn(|| queue.recv_task().ok())
                .map(|task| (task.delivery_count(), task.done()[0]))
                .collect();
            match close {
                Close::Drain => assert_eq!(left, [(2, 2), (1, 3)]),
                Close::Now => assert!(left.is_empty(), "{left:?}"),
            }
            assert!(queue.join_timeout(bound(SOON)), "nothing is left to be done");
            holds.close(Close::Now);
        }
    });
}
