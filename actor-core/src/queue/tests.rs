//! The queue within one process; what needs processes is in the integration tests.

use std::future::Future;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::*;
use crate::id::Participant;
use crate::shm::hands::Held;
use crate::shm::payload::Meta;
use crate::shm::post::Wake;
use crate::shm::slots;
use crate::time::Deadline;
use crate::wire;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn smoke() {
    let queue = Queue::<(u32, String)>::bounded(4).unwrap();
    queue.send((1, "one".into())).unwrap();
    assert_eq!((queue.len(), queue.capacity(), queue.is_full()), (1, 4, false));
    assert_eq!(queue.recv(), Ok((1, "one".into())));
    assert_eq!(queue.try_recv(), Err(RecvError::Empty));
}

#[test]
fn exactly_the_capacity_fits_for_every_small_capacity() {
    for capacity in 1..=9 {
        let queue = Queue::<usize>::bounded(capacity).unwrap();
        for round in 0..3 * capacity {
            for item in 0..capacity {
                queue.try_send(round * item).unwrap();
            }
            assert!(queue.is_full());
            assert_eq!(queue.try_send(99).unwrap_err().into_item(), 99);
            for item in 0..capacity {
                assert_eq!(queue.try_recv(), Ok(round * item));
            }
        }
    }
}

#[test]
fn absurd_sizes_are_refused() {
    assert!(matches!(Queue::<u8>::bounded(0), Err(CreateError::OutOfBounds { capacity: 0, .. })));
    assert!(matches!(Queue::<u8>::bounded(usize::MAX), Err(CreateError::OutOfBounds { .. })));
    let absurd = Options { message_max: usize::MAX, ..Options::new(1) };
    assert!(matches!(absurd.create::<u8>(), Err(CreateError::OutOfBounds { .. })));
}

#[test]
fn a_task_goes_back_unless_it_is_done() {
    let queue = Queue::<u32>::bounded(2).unwrap();
    queue.send(7).unwrap();
    let task = queue.recv_task().unwrap();
    assert_eq!((*task, task.delivery_count()), (7, 1));
    // The task is in a hand: its slot is free for others.
    queue.try_send(8).unwrap();
    queue.try_send(9).unwrap();
    drop(task);
    assert_eq!(queue.len(), 3);
    let task = queue.recv_task().unwrap();
    assert_eq!((*task, task.delivery_count()), (7, 2), "what was returned comes first");
    assert!(!queue.join_timeout(Duration::ZERO));
    assert_eq!(task.done(), 7);
    assert_eq!((queue.recv(), queue.recv()), (Ok(8), Ok(9)));
    assert!(queue.join_timeout(Duration::ZERO));
}

#[test]
fn a_panic_gives_the_task_back() {
    let queue = Queue::<u32>::bounded(2).unwrap();
    queue.send(1).unwrap();
    let worker = queue.clone();
    let outcome = std::thread::spawn(move || {
        let _task = worker.recv_task().unwrap();
        std::panic::resume_unwind(Box::new("while working"));
    })
    .join();
    assert!(outcome.is_err());
    assert_eq!(queue.recv_task().unwrap().delivery_count(), 2);
}

#[test]
fn what_the_dead_held_is_returned_in_order() {
    let queue = Queue::<u32>::bounded(8).unwrap();
    for item in 0..5 {
        queue.send(item).unwrap();
    }
    let window = *queue.raw.window().unwrap();
    // Two tasks as another participant would hold them: one in a slot, one in a hand.
    let me = window.segment.me();
    let in_hand = window.move_to_hand(queue.raw.take(Deadline::Now).unwrap());
    let in_slot = queue.raw.take(Deadline::Now).unwrap();
    assert!(matches!((in_hand, in_slot), (Held::Hand { .. }, Held::Slot(_))));
    window.recover_held(Participant(99));
    assert_eq!(queue.len(), 3, "the death of somebody else returns nothing");
    window.recover_held(me);
    window.recover_held(me);
    assert_eq!(queue.len(), 5);
    let tasks: Vec<_> = (0..5).map(|_| queue.recv_task().unwrap()).collect();
    assert_eq!(tasks.iter().map(|task| **task).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(tasks.iter().map(Task::delivery_count).collect::<Vec<_>>(), [2, 2, 1, 1, 1]);
}

#[test]
fn closing_drains_or_discards() {
    for close in [Close::Drain, Close::Now] {
        let queue = Queue::<u32>::bounded(3).unwrap();
        queue.send(1).unwrap();
        queue.send(2).unwrap();
        let waiting = queue.clone();
        let sender = std::thread::spawn(move || {
            waiting.send(3).unwrap();
            waiting.send(4)
        });
        while queue.len() < 3 {
            std::thread::yield_now();
        }
        queue.close(close);
        assert_eq!(sender.join().unwrap().unwrap_err().into_item(), 4);
        assert!(matches!(queue.try_send(5), Err(SendError::Closed(5))));
        if close == Close::Drain {
            assert_eq!(queue.iter().collect::<Vec<_>>(), [1, 2, 3]);
        }
        assert_eq!(queue.recv(), Err(RecvError::Closed));
        assert!(queue.join_timeout(SOON));
    }
}

#[test]
fn a_waiting_receiver_is_woken_by_an_item_and_by_the_end() {
    let queue = Queue::<u32>::bounded(3).unwrap();
    let waiting = queue.clone();
    let receiver = std::thread::spawn(move || (waiting.recv(), waiting.recv()));
    queue.send(1).unwrap();
    assert!(queue.join_timeout(SOON));
    queue.close(Close::Drain);
    assert_eq!(receiver.join().unwrap(), (Ok(1), Err(RecvError::Closed)));
}

#[test]
fn timeouts_are_kept_and_extremes_do_not_overflow() {
    let queue = Queue::<u32>::bounded(1).unwrap();
    let start = Instant::now();
    assert_eq!(queue.recv_timeout(Duration::from_millis(50)), Err(RecvError::Empty));
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(queue.recv_timeout(Duration::from_nanos(1)), Err(RecvError::Empty));
    queue.send_timeout(1, Duration::MAX).unwrap();
    assert!(queue.send_timeout(2, Duration::from_millis(1)).unwrap_err().is_full());
    assert_eq!(queue.recv_timeout(Duration::MAX), Ok(1));
}

#[test]
fn batches_keep_order_and_give_back_the_rest() {
    let queue = Queue::<u32>::bounded(4).unwrap();
    let rest = queue.try_send_batch((0..6).collect()).unwrap_err();
    assert!(rest.is_full());
    assert_eq!(rest.into_item(), [4, 5]);
    assert_eq!(queue.recv_batch(3).unwrap(), [0, 1, 2]);
    assert_eq!(queue.recv_batch(3).unwrap(), [3]);
    assert_eq!(queue.try_recv_batch(3), Err(RecvError::Empty));
    queue.send_bytes_batch(&[b"a", b"b"]).unwrap();
    let mut seen = Vec::new();
    assert_eq!(queue.recv_bytes_batch(9, |bytes| seen.extend_from_slice(bytes)), Ok(2));
    assert_eq!(seen, b"ab");
}

#[test]
fn a_panic_within_a_batch_of_bytes_gives_back_the_one_in_hand() {
    let queue = Queue::<()>::bounded(2).unwrap();
    queue.send_bytes_batch(&[b"a", b"b"]).unwrap();
    let panics_at_b = |bytes: &[u8]| {
        if bytes == b"b" {
            std::panic::resume_unwind(Box::new("while receiving"));
        }
    };
    std::panic::catch_unwind(|| queue.recv_bytes_batch(9, panics_at_b)).unwrap_err();
    assert_eq!(queue.len(), 1, "the first was acknowledged, the second went back");
    assert!(!queue.join_timeout(Duration::ZERO));
    let held = queue.raw.take(Deadline::Now).unwrap();
    assert_eq!(held.count(), 1, "the panic counts as a delivery");
    queue.raw.window().unwrap().finish(held, Wake::Now);
    assert!(queue.join_timeout(Duration::ZERO));
}

#[test]
fn a_batch_of_bytes_comes_back_from_the_first_that_was_not_sent() {
    let queue: Queue<()> = Options { message_max: 200, ..Options::new(4) }.create().unwrap();
    let batch = [vec![1], vec![2; 201], vec![3]];
    let rest = queue.send_bytes_batch(&batch).unwrap_err();
    assert!(matches!(&rest, SendError::TooLarge { size: 201, max: 200, .. }));
    assert_eq!(rest.into_item(), &batch[1..]);
    assert_eq!(queue.len(), 1);
    queue.close(Close::Drain);
    assert!(matches!(queue.send_bytes_batch(&batch), Err(SendError::Closed(rest)) if rest == batch));
}

/// What is no message is said, and said once, however it is received.
#[test]
fn a_damaged_item_is_reported_by_the_call_that_comes_to_it_first() {
    let queue = Queue::<()>::bounded(4).unwrap();
    queue.send_bytes_batch(&[b"a", b"b", b"c"]).unwrap();
    let window = queue.raw.window().unwrap();
    Meta { length: u32::MAX, extent: None }.store(window.slot(1));
    let mut seen = Vec::new();
    let mut receive = || queue.recv_bytes_batch(9, |bytes| seen.extend_from_slice(bytes));
    let damaged = Err(RecvError::Decode(wire::DecodeError::Damaged));
    assert_eq!([receive(), receive(), receive()], [Ok(1), damaged, Ok(1)]);
    assert_eq!(seen, b"ac");
    assert!(queue.join_timeout(Duration::ZERO));
}

#[test]
fn bytes_of_every_size_arrive() {
    let queue: Queue<()> = Options { message_max: 100_000, ..Options::new(2) }.create().unwrap();
    let mut buffer = vec![0; 100_000];
    for size in [0, 1, 112, 113, 1024, 1025, 65_536, 100_000] {
        let sent: Vec<u8> = (0..size).map(|i| (i * 7) as u8).collect();
        queue.send_bytes(&sent).unwrap();
        assert_eq!(queue.recv_into(&mut buffer), Ok(size));
        assert_eq!(buffer[..size], sent);
    }
    assert!(matches!(
        queue.send_bytes(&vec![0; 100_001]),
        Err(SendError::TooLarge { size: 100_001, max: 100_000, .. })
    ));
    queue.send_bytes(b"four").unwrap();
    assert_eq!(queue.recv_into(&mut buffer[..3]), Err(RecvError::TooLarge { size: 4, max: 3 }));
    assert_eq!(queue.recv_into(&mut buffer), Ok(4), "it was not lost");
}

#[test]
fn async_ends_meet() {
    let queue = Queue::<u32>::bounded(1).unwrap();
    let other = queue.clone();
    let receiver = std::thread::spawn(move || {
        futures::executor::block_on(async {
            let mut sum = 0;
            for _ in 0..200 {
                sum += other.recv_async().await.unwrap();
            }
            sum
        })
    });
    futures::executor::block_on(async {
        for item in 0..200 {
            queue.send_async(item).await.unwrap();
        }
    });
    assert_eq!(receiver.join().unwrap(), 199 * 200 / 2);
}

#[test]
fn an_async_task_is_a_task_and_a_dropped_future_takes_none() {
    let queue = Queue::<u32>::bounded(2).unwrap();
    let waker = std::sync::Arc::new(Count::default());
    let mut dropped = queue.recv_task_async();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::Pin::new(&mut dropped).poll(&mut context).is_pending());
    let mut receiving = queue.recv_task_async();
    let waker_of_it = waker.clone().into();
    let mut poll = || std::pin::Pin::new(&mut receiving).poll(&mut std::task::Context::from_waker(&waker_of_it));
    assert!(poll().is_pending());
    drop(dropped);
    queue.send(7).unwrap();
    until_woken(&waker);
    let std::task::Poll::Ready(Ok(task)) = poll() else { panic!("there is one") };
    assert_eq!((*task, task.delivery_count()), (7, 1));
    drop(task);
    let task = futures::executor::block_on(queue.recv_task_async()).unwrap();
    assert_eq!((*task, task.delivery_count()), (7, 2));
    assert!(!queue.join_deadline(Instant::now()), "it is still held");
    task.done();
    assert!(queue.join_deadline(Instant::now()));
    queue.close(Close::Drain);
    assert!(matches!(futures::executor::block_on(queue.recv_task_async()), Err(RecvError::Closed)));
}

/// There is an extent for it, but no slot: room must be waited for at both.
#[test]
fn a_large_async_item_waits_for_a_slot() {
    let queue = Queue::<Vec<u8>>::bounded(1).unwrap();
    queue.send(vec![1]).unwrap();
    let waker = std::sync::Arc::new(Count::default());
    let mut sending = queue.send_async(vec![2; 1000]);
    let mut poll = || std::pin::Pin::new(&mut sending).poll(&mut std::task::Context::from_waker(&waker.clone().into()));
    assert!(poll().is_pending());
    assert_eq!(queue.recv(), Ok(vec![1]));
    until_woken(&waker);
    assert!(matches!(poll(), std::task::Poll::Ready(Ok(()))));
    assert!(poll().is_pending(), "it is sent once");
    assert_eq!(queue.recv(), Ok(vec![2; 1000]));
}

fn until_woken(waker: &Count) {
    let start = Instant::now();
    while waker.0.load(Relaxed) == 0 {
        assert!(start.elapsed() < SOON, "never woken");
        std::thread::yield_now();
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn handles_are_plain_data_and_stale_ones_are_closed() {
    let queue = Queue::<u32>::bounded(1).unwrap();
    let mut bytes = Vec::new();
    wire::encode_into(&mut bytes, &queue).unwrap();
    let other: Queue<u32> = wire::decode(&bytes).unwrap();
    assert_eq!(other, queue);
    other.send(5).unwrap();
    assert_eq!(queue.recv(), Ok(5));
    let window = *queue.raw.window().unwrap();
    assert!(crate::shm::table::take_down(&window));
    assert!(matches!(other.try_send(6), Err(SendError::Closed(6))));
    assert_eq!(queue.recv(), Err(RecvError::Closed));
    let late: Queue<u32> = wire::decode(&bytes).unwrap();
    assert_eq!(late.recv(), Err(RecvError::Closed));
}

#[test]
fn many_threads_lose_and_double_nothing() {
    const ITEMS: u64 = 20_000;
    let queue = Queue::<u64>::bounded(7).unwrap();
    std::thread::scope(|scope| {
        let receivers: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.iter().sum::<u64>())).collect();
        let send_all = || (1..=ITEMS).for_each(|item| queue.send(item).unwrap());
        let senders: Vec<_> = (0..3).map(|_| scope.spawn(send_all)).collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        queue.close(Close::Drain);
        let sum: u64 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!(sum, 3 * ITEMS * (ITEMS + 1) / 2);
    });
}

/// A ring in which consumers hold every slot has no place to end at, until one of them lets go.
#[test]
fn the_end_is_seen_when_all_slots_were_held() {
    type Release = fn(&Queue<u32>, Held);
    let now: Release = |queue, held| queue.raw.window().unwrap().finish(held, Wake::Now);
    let later: Release = |queue, held| {
        queue.raw.window().unwrap().finish(held, Wake::Later);
        raw::wake_producer(queue.raw.window().unwrap());
    };
    let to_hand: Release = |queue, held| {
        let window = queue.raw.window().unwrap();
        assert!(matches!(window.move_to_hand(held), Held::Hand { .. }));
    };
    for release in [now, later, to_hand] {
        let queue = Queue::<u32>::bounded(1).unwrap();
        queue.send(1).unwrap();
        let held = queue.raw.take(Deadline::Now).unwrap();
        queue.close(Close::Drain);
        let begin = Instant::now();
        let other = std::thread::spawn({
            let queue = queue.clone();
            move || queue.recv_timeout(2 * SOON)
        });
        let items = &queue.raw.window().unwrap().header().items.word;
        while items.load(Relaxed) & 1 == 0 {
            assert!(begin.elapsed() < SOON, "the other does not wait");
            std::thread::yield_now();
        }
        release(&queue, held);
        assert_eq!(other.join().unwrap(), Err(RecvError::Closed));
        assert!(begin.elapsed() < SOON, "it was not woken");
    }
}

/// Closing waits for nobody. What is held then and given back later is received by who asks then.
#[test]
fn what_is_given_back_after_the_end_is_received() {
    let queue = Queue::<u32>::bounded(2).unwrap();
    queue.send(1).unwrap();
    let task = queue.recv_task().unwrap();
    queue.close(Close::Drain);
    assert_eq!(queue.recv(), Err(RecvError::Closed));
    assert!(!queue.join_timeout(Duration::ZERO), "the task is not done");
    drop(task);
    assert!(!queue.join_timeout(Duration::ZERO));
    assert_eq!((queue.recv(), queue.recv()), (Ok(1), Err(RecvError::Closed)));
    queue.join();
}

/// Every form that has a deadline, while nothing can be received or sent.
fn assert_deadlines_hold(queue: &Queue<u32>) {
    let moment = Duration::from_millis(10);
    assert_eq!(queue.try_recv(), Err(RecvError::Empty));
    assert_eq!(queue.recv_timeout(moment), Err(RecvError::Empty));
    assert_eq!(queue.recv_deadline(Instant::now() + moment), Err(RecvError::Empty));
    assert_eq!(queue.recv_task_timeout(moment).err(), Some(RecvError::Empty));
    assert_eq!(queue.recv_batch_timeout(2, moment), Err(RecvError::Empty));
    assert_eq!(queue.recv_into_timeout(&mut [0; 8], moment), Err(RecvError::Empty));
    assert!(matches!(queue.try_send(9), Err(SendError::Full(9))));
    assert!(matches!(queue.send_timeout(9, moment), Err(SendError::Full(9))));
    assert!(matches!(queue.send_deadline(9, Instant::now() + moment), Err(SendError::Full(9))));
    assert!(matches!(queue.send_batch_timeout(vec![9], moment), Err(SendError::Full(_))));
    assert!(matches!(queue.send_bytes_timeout(&[9], moment), Err(SendError::Full(()))));
    assert!(!queue.join_timeout(moment));
}

/// A process that is stopped while it holds a slot is neither dead nor at work.
#[test]
fn deadlines_hold_behind_one_who_is_stopped() {
    let stopped = Participant(777);
    let queue = Queue::<u32>::bounded(2).unwrap();
    let window = *queue.raw.window().unwrap();
    slots::claim_write(&window, stopped).unwrap();
    queue.send(2).unwrap();
    assert_deadlines_hold(&queue);
    window.recover_held(stopped);
    assert_eq!(queue.recv(), Ok(2), "what it was writing never was");

    (3..5).for_each(|item| queue.send(item).unwrap());
    (3..5).for_each(|_| assert!(slots::claim_new(&window, stopped).is_ok()));
    assert_deadlines_hold(&queue);
    window.recover_held(stopped);
    assert_eq!((queue.recv(), queue.recv()), (Ok(3), Ok(4)), "what it had is handed out again");
    queue.join();
}
