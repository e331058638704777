//! Many messages between many processes: all arrive, once, whole and in order.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_tests::board::Board;
use actor_tests::chance::Chance;
use actor_tests::message::Message;
use actor_tests::watch::{self, bound};

use super::{isolated, small};

const MESSAGES: u32 = 100_000;
/// Not the size of any class.
const MESSAGE_MAX: usize = 12_000;

/// Sizes as random as the messages: every other one lies beside its slot.
fn lengths() -> impl Iterator<Item = usize> {
    let mut chance = Chance::new(101);
    let longest = Message::longest(MESSAGE_MAX);
    std::iter::repeat_with(move || {
        // The extremes come for sure, and all between them.
        match chance.below(1000) {
            0 => longest,
            1 => 0,
            n if n % 2 == 0 => chance.below(longest as u64 + 1) as usize,
            _ => chance.below(121) as usize,
        }
    })
}

#[test]
fn q_01_order_and_bytes() {
    isolated(|| {
        let queue: Queue<Message> = Options { message_max: MESSAGE_MAX, ..Options::new(128) }.create().unwrap();
        let send = |queue: Queue<Message>| {
            for (number, length) in (0..MESSAGES).zip(lengths()) {
                queue.send(Message::new(1, number, length)).unwrap();
            }
            queue.close(Close::Drain);
        };
        let receive = |queue: Queue<Message>| {
            let mut lengths = lengths();
            for (number, message) in (0..).zip(&queue) {
                assert!(message.is_whole(), "{message:?}");
                let expected = (1, number, lengths.next().unwrap());
                assert_eq!((message.from(), message.number(), message.length()), expected);
                if number + 1 == MESSAGES {
                    return number + 1;
                }
            }
            0
        };
        let receiver = Process::spawn(receive, queue.clone()).unwrap();
        let sender = Process::spawn(send, queue.clone()).unwrap();
        assert_eq!(sender.join(), Ok(()));
        assert_eq!(receiver.join(), Ok(MESSAGES));
    });
}

const SENDERS: u8 = 4;
const PER_SENDER: u32 = 250_000;

/// The number of a sender, and of its item.
type Item = (u8, u32);
type Receiver = fn(&Queue<Item>, &mut dyn FnMut(Item));

/// Every way to receive.
const RECEIVERS: [Receiver; 4] = [
    |queue, receive| queue.iter().for_each(receive),
    |queue, receive| {
        while let Ok(batch) = queue.recv_batch(64) {
            batch.into_iter().for_each(&mut *receive);
        }
    },
    |queue, receive| {
        while let Ok(task) = queue.recv_task() {
            receive(task.done());
        }
    },
    |queue, receive| {
        futures::executor::block_on(async {
            while let Ok(item) = queue.recv_async().await {
                receive(item);
            }
        });
    },
];

/// Receives all that it can get and says which it was: a bit for each item of each sender.
fn receive_all((queue, way): (Queue<Item>, usize)) -> Vec<u64> {
    let words_each = PER_SENDER.div_ceil(64);
    let mut seen = vec![0_u64; usize::from(SENDERS) * words_each as usize];
    let mut last = [None; SENDERS as usize];
    RECEIVERS[way](&queue, &mut |(sender, number)| {
        let last = &mut last[usize::from(sender)];
        assert!(*last < Some(number), "{number} of {sender} after {last:?}");
        *last = Some(number);
        seen[(u32::from(sender) * words_each + number / 64) as usize] |= 1 << (number % 64);
    });
    seen
}

#[test]
fn q_02_a_million_messages_among_eight() {
    isolated(|| {
        let queue: Queue<Item> = Queue::bounded(256).unwrap();
        let receivers: Vec<_> =
            (0..RECEIVERS.len()).map(|way| Process::spawn(receive_all, (queue.clone(), way)).unwrap()).collect();
        let send = |(queue, sender): (Queue<Item>, u8)| {
            (0..PER_SENDER).for_each(|number| queue.send((sender, number)).unwrap());
        };
        let senders: Vec<_> =
            (0..SENDERS).map(|sender| Process::spawn(send, (queue.clone(), sender)).unwrap()).collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        queue.close(Close::Drain);
        let mut all = Vec::new();
        for receiver in receivers {
            let seen = receiver.join().unwrap();
            all.resize(seen.len(), 0);
            for (all, seen) in all.iter_mut().zip(seen) {
                assert_eq!(*all & seen, 0, "received twice");
                *all |= seen;
            }
        }
        let count: u32 = all.iter().map(|word| word.count_ones()).sum();
        assert_eq!(count, u32::from(SENDERS) * PER_SENDER);
    });
}

const SATURATED_FOR: Duration = Duration::from_secs(10);

#[test]
fn q_20_no_sender_starves() {
    isolated(|| {
        let (queue, board) = (small(64), Board::new(3));
        let send = |(queue, board, me): (Queue<u32>, Board, usize)| {
            while queue.send(me as u32).is_ok() {
                board[me].fetch_add(1, Relaxed);
            }
        };
        let receiver =
            Process::spawn(|queue: Queue<u32>| queue.iter().fold(0_u64, |count, _| count + 1), queue.clone());
        let senders = [0, 1].map(|me| Process::spawn(send, (queue.clone(), board.clone(), me)).unwrap());
        let end = Instant::now() + SATURATED_FOR;
        watch::wait_for(2 * SATURATED_FOR, || (end <= Instant::now()).then_some(()));
        let shares = [0, 1].map(|me| board[me].load(Acquire));
        queue.close(Close::Drain);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let sent: u64 = [0, 1].map(|me| board[me].load(Acquire)).iter().sum();
        assert_eq!(receiver.unwrap().join(), Ok(sent));
        let all: u64 = shares.iter().sum();
        assert!(shares.iter().all(|share| all <= 10 * share), "{shares:?}");
    });
}

const EACH: u64 = 20_000;

/// Sends and receives its share, one after the other so that nobody waits for himself; the sum of
/// what it got.
fn trade(queue: &Queue<u64>, first: u64) -> u64 {
    let mut sum = 0;
    for number in first..first + EACH {
        queue.send(number).unwrap();
        sum += queue.recv().unwrap();
    }
    sum
}

#[test]
fn q_22_a_child_of_the_zygote_shares_a_queue() {
    isolated(|| {
        let queue = Queue::<u64>::bounded(8).unwrap();
        let share = |queue: Queue<u64>| (trade(&queue, EACH), std::os::unix::process::parent_id());
        let child = Process::spawn(share, queue.clone()).unwrap();
        let zygote = watch::zygote_of(std::process::id()).expect("there is one");
        let sum = trade(&queue, 0);
        let (childs_sum, parent) = child.join().unwrap();
        assert!(parent == std::process::id() && child.pid() != zygote.pid, "made by the zygote, but ours");
        assert_eq!(sum + childs_sum, (0..2 * EACH).sum::<u64>());
        assert!(queue.is_empty());
        queue.close(Close::Drain);
    });
}

const UNREAD: u32 = 1_000_000;

#[test]
fn t_08_a_sender_leaves_what_nobody_has_read() {
    isolated(|| {
        let (queue, board) = (small(UNREAD as usize), Board::new(1));
        let send = |(queue, board): (Queue<u32>, Board)| {
            (0..UNREAD).for_each(|item| queue.try_send(item).unwrap());
            board[0].store(1, Release);
        };
        let sender = Process::spawn(send, (queue.clone(), board.clone())).unwrap();
        watch::until("all is sent", || board[0].load(Acquire) == 1);
        assert_eq!(sender.join_timeout(bound(Duration::from_millis(500))), Ok(()), "it waits for nothing");
        assert_eq!(queue.len(), UNREAD as usize);
        let receive = |queue: Queue<u32>| {
            let mut next = 0;
            while let Ok(batch) = queue.try_recv_batch(1000) {
                for item in batch {
                    assert_eq!(item, next);
                    next += 1;
                }
            }
            next
        };
        let receiver = Process::spawn(receive, queue.clone()).unwrap();
        assert_eq!(receiver.join(), Ok(UNREAD));
        queue.close(Close::Drain);
    });
}
