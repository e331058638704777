//! Queues with an order of their own, between processes: what holds for all queues, whoever dies.
//!
//! The books are kept on a board, beside the queue. `TEST_EFFORT` makes more rounds, `TEST_SEED` the same ones
//! again.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, LifoQueue, Options, PriorityQueue, Queue, RecvError, Task, TooManyDone};
use actor_tests::board::Board;
use actor_tests::chance::{Chance, effort};
use actor_tests::watch::{self, bound};
use rustix::process::{Signal, getpid, kill_process, pidfd_send_signal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AT_ONCE, isolated, timed, until_asleep};

const SOON: Duration = Duration::from_secs(10);

/// What comes first by the first number; who has sent it, and as what; and bytes of some length.
type Item = (u32, u32, u32, Vec<u8>);

fn item(from: u32, number: u32, length: usize) -> Item {
    (number * 7 % 5, from, number, vec![number as u8; length])
}

/// What the tests do with any queue.
trait Tried: Clone + Serialize + DeserializeOwned + Send + 'static {
    fn make(capacity: usize) -> Self;
    fn put(&self, item: Item);
    fn get(&self) -> Result<Item, RecvError>;
    fn get_task(&self) -> Result<Task<Item>, RecvError>;
    fn end(&self, close: Close);
    fn is_joined(&self, timeout: Duration) -> bool;
    fn call_done(&self) -> Result<(), TooManyDone>;
}

macro_rules! tried {
    ($queue:ty, $make:ident) => {
        impl Tried for $queue {
            fn make(capacity: usize) -> Self {
                Options { message_max: 100_000, bytes: 1 << 20, ..Options::new(capacity) }.$make().unwrap()
            }
            fn put(&self, item: Item) {
                self.send(item).unwrap();
            }
            fn get(&self) -> Result<Item, RecvError> {
                self.recv()
            }
            fn get_task(&self) -> Result<Task<Item>, RecvError> {
                self.recv_task()
            }
            fn end(&self, close: Close) {
                self.close(close);
            }
            fn is_joined(&self, timeout: Duration) -> bool {
                self.join_timeout(timeout)
            }
            fn call_done(&self) -> Result<(), TooManyDone> {
                self.task_done()
            }
        }
    };
}

tried!(Queue<Item>, create);
tried!(PriorityQueue<Item>, priority);
tried!(LifoQueue<Item>, lifo);

#[test]
fn smoke() {
    isolated(|| {
        let (first, last) = (PriorityQueue::<u32>::bounded(8).unwrap(), LifoQueue::<u32>::bounded(8).unwrap());
        let sender = |(first, last): (PriorityQueue<u32>, LifoQueue<u32>)| {
            for number in [3, 1, 2] {
                first.send(number).unwrap();
                last.send(number).unwrap();
            }
        };
        Process::spawn(sender, (first.clone(), last.clone())).unwrap().join().unwrap();
        assert_eq!((first.recv(), first.recv(), first.recv()), (Ok(1), Ok(2), Ok(3)));
        assert_eq!((last.recv(), last.recv(), last.recv()), (Ok(2), Ok(1), Ok(3)));
        first.close(Close::Drain);
        last.close(Close::Drain);
    });
}

const SIDES: u32 = 4;

/// Four processes send, and four receive.
fn four_by_four<Q: Tried>() {
    const EACH: u32 = 1500;
    let (queue, board) = (Q::make(32), Board::new((SIDES * EACH) as usize));
    let send = |(queue, me): (Q, u32)| (0..EACH).for_each(|number| queue.put(item(me, number, number as usize % 300)));
    let receive = |(queue, board): (Q, Board)| {
        while let Ok((_, from, number, bytes)) = queue.get() {
            assert!(bytes.len() == number as usize % 300 && bytes.iter().all(|byte| *byte == number as u8));
            board[(from * EACH + number) as usize].fetch_add(1, Relaxed);
        }
    };
    let receivers: Vec<_> =
        (0..SIDES).map(|_| Process::spawn(receive, (queue.clone(), board.clone())).unwrap()).collect();
    let senders: Vec<_> = (0..SIDES).map(|me| Process::spawn(send, (queue.clone(), me)).unwrap()).collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    queue.end(Close::Drain);
    receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    assert!(board.iter().all(|times| times.load(Relaxed) == 1), "each once");
    assert!(queue.is_joined(Duration::ZERO));
}

#[test]
fn q_02_many_send_and_many_receive_each_item_once() {
    isolated(|| {
        four_by_four::<PriorityQueue<Item>>();
        four_by_four::<LifoQueue<Item>>();
    });
}

fn join_and_done<Q: Tried>() {
    let queue = Q::make(8);
    assert_eq!(queue.call_done(), Err(TooManyDone));
    (0..6).for_each(|number| queue.put(item(0, number, 10)));
    let worker = |queue: Q| {
        let kept: Vec<Item> = (0..3).map(|_| queue.get_task().unwrap().keep()).collect();
        assert_eq!((queue.call_done(), queue.call_done(), queue.call_done()), (Ok(()), Ok(()), Ok(())));
        assert_eq!(queue.call_done(), Err(TooManyDone), "what others have taken, or nobody, is not done by this one");
        kept.len()
    };
    assert_eq!(Process::spawn(worker, queue.clone()).unwrap().join(), Ok(3));
    assert_eq!(queue.call_done(), Err(TooManyDone));
    assert!(!queue.is_joined(Duration::ZERO), "three are left");
    // The death of one who has kept some and finished one gives back the others.
    let killed = |(queue, board): (Q, Board)| {
        (0..3).for_each(|_| drop(queue.get_task().unwrap().keep()));
        queue.call_done().unwrap();
        board[0].store(1, Release);
        loop {
            std::thread::park();
        }
    };
    let board = Board::new(1);
    let killed: Process<()> = Process::spawn(killed, (queue.clone(), board.clone())).unwrap();
    watch::until("one of three is done", || board[0].load(Acquire) == 1);
    assert!(!queue.is_joined(Duration::ZERO));
    killed.kill().unwrap();
    killed.join().unwrap_err();
    for _ in 0..2 {
        let task = queue.get_task().unwrap();
        assert_eq!(task.delivery_count(), 2);
        task.done();
    }
    assert!(queue.is_joined(SOON));
    queue.end(Close::Drain);
    assert!(matches!(queue.get(), Err(RecvError::Closed)));
}

#[test]
fn q_07_q_08_all_is_done_when_all_was_called_done_and_too_many_is_an_error() {
    isolated(|| {
        join_and_done::<Queue<Item>>();
        join_and_done::<PriorityQueue<Item>>();
        join_and_done::<LifoQueue<Item>>();
    });
}

/// Two take tasks; the one that holds the first of all is killed.
fn one_of_two_dies<Q: Tried>() {
    let (queue, board) = (Q::make(4), Board::new(1));
    let holds = |(queue, board): (Q, Board)| {
        let task = queue.get_task().unwrap();
        board[0].store(u64::from(task.2) + 1, Release);
        loop {
            std::thread::park();
        }
    };
    let works = |queue: Q| queue.get_task().map(|task| (task.delivery_count(), task.done().2)).unwrap();
    let victim: Process<()> = Process::spawn(holds, (queue.clone(), board.clone())).unwrap();
    queue.put(item(0, 7, 2_000));
    watch::until("one holds the item", || board[0].load(Acquire) == 8);
    let other = Process::spawn(works, queue.clone()).unwrap();
    until_asleep(&other);
    victim.kill().unwrap();
    victim.join().unwrap_err();
    assert_eq!(other.join_timeout(bound(SOON)), Ok((2, 7)));
    assert!(queue.is_joined(Duration::ZERO));
    queue.end(Close::Drain);
}

#[test]
fn d_15_what_a_killed_consumer_has_in_hand_goes_to_the_other() {
    isolated(|| {
        one_of_two_dies::<Queue<Item>>();
        one_of_two_dies::<PriorityQueue<Item>>();
        one_of_two_dies::<LifoQueue<Item>>();
    });
}

const ITEMS: u32 = 6_000;
/// How long a victim lives at most.
const LIFE: Duration = Duration::from_millis(4);

/// Takes each item as a task, and writes down what happens to it before and after.
fn work<Q: Tried>((queue, board): (Q, Board)) {
    while let Ok(task) = queue.get_task() {
        let number = task.2 as usize;
        assert!(task.3.iter().all(|byte| *byte == number as u8), "{number} is torn");
        let before = board[number].fetch_add(1, Release);
        assert!(before < u64::from(task.delivery_count()), "{number} was received {before} times");
        assert_eq!(board[ITEMS as usize + number].load(Acquire), 0, "{number} is done");
        task.done();
        board[ITEMS as usize + number].store(1, Release);
    }
}

/// Sends until it is told to stop, and writes down what it has sent.
fn send_on<Q: Tried>((queue, board, me): (Q, Board, u32)) {
    let mut chance = Chance::new(u64::from(me));
    for number in 0.. {
        if board[0].load(Relaxed) != 0 {
            return;
        }
        let length = *chance.one_of(&[20, 80, 3_000, 30_000]);
        queue.put(item(me, number, length));
        board[me as usize].store(u64::from(number) + 1, Release);
    }
}

fn killed_receivers<Q: Tried>() {
    let (queue, board, mut chance) = (Q::make(64), Board::new(2 * ITEMS as usize), Chance::announced());
    let send = |queue: Q| {
        let mut chance = Chance::new(7);
        (0..ITEMS).for_each(|number| queue.put(item(0, number, *chance.one_of(&[20, 60, 2_000]))));
        queue.end(Close::Drain);
    };
    let sender = Process::spawn(send, queue.clone()).unwrap();
    let steady = Process::spawn(work::<Q>, (queue.clone(), board.clone())).unwrap();
    let mut deaths = 0;
    while sender.is_alive() {
        let victim = Process::spawn(work::<Q>, (queue.clone(), board.clone())).unwrap();
        chance.pause(LIFE);
        let _ = pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL);
        deaths += u64::from(victim.join_timeout(bound(SOON)).is_err());
    }
    assert_eq!((sender.join(), steady.join_timeout(bound(SOON))), (Ok(()), Ok(())));
    // What the last victim has left when everybody else had gone.
    work((queue.clone(), board.clone()));
    assert!(queue.is_joined(Duration::ZERO), "all is done");
    let received: Vec<u64> = board[..ITEMS as usize].iter().map(|word| word.load(Acquire)).collect();
    assert!(received.iter().all(|times| 1 <= *times), "none is lost");
    let again: u64 = received.iter().map(|times| times - 1).sum();
    assert!(again <= deaths, "{again} again after {deaths} deaths");
}

#[test]
fn t_02_no_item_is_lost_with_a_killed_receiver() {
    isolated(|| {
        killed_receivers::<PriorityQueue<Item>>();
        killed_receivers::<LifoQueue<Item>>();
    });
}

fn killed_senders<Q: Tried>(rounds: u32) {
    let (mut chance, senders) = (Chance::announced(), rounds as usize + 2);
    let (queue, board) = (Q::make(16), Board::new(2 * senders));
    let receive = |(queue, board, senders): (Q, Board, usize)| {
        while let Ok((_, from, number, bytes)) = queue.get() {
            assert!(bytes.iter().all(|byte| *byte == number as u8), "torn");
            board[senders + from as usize].fetch_add(1, Release);
        }
    };
    let receiver = Process::spawn(receive, (queue.clone(), board.clone(), senders)).unwrap();
    let steady = Process::spawn(send_on::<Q>, (queue.clone(), board.clone(), 1)).unwrap();
    for victim in 2..2 + rounds {
        let victim = Process::spawn(send_on::<Q>, (queue.clone(), board.clone(), victim)).unwrap();
        chance.pause(LIFE);
        let _ = pidfd_send_signal(victim.sentinel().unwrap(), Signal::KILL);
        victim.join_timeout(bound(SOON)).unwrap_err();
    }
    let sent = board[1].load(Acquire);
    watch::until("the steady sender goes on", || sent + 20 < board[1].load(Acquire));
    board[0].store(1, Release);
    assert_eq!(steady.join_timeout(bound(SOON)), Ok(()));
    queue.end(Close::Drain);
    assert_eq!(receiver.join_timeout(bound(SOON)), Ok(()));
    assert_eq!(board[1].load(Acquire), board[senders + 1].load(Acquire));
    for victim in 2..senders {
        let (sent, received) = (board[victim].load(Acquire), board[senders + victim].load(Acquire));
        assert!(received == sent || received == sent + 1, "sent {sent}, received {received} of {victim}");
    }
    assert!(queue.is_joined(Duration::ZERO));
}

#[test]
fn t_01_a_killed_sender_loses_at_most_what_it_was_sending() {
    isolated(|| {
        killed_senders::<PriorityQueue<Item>>(40 * effort());
        killed_senders::<LifoQueue<Item>>(40 * effort());
    });
}

/// Stops its process in the middle of a comparison, when it is told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slow(u32);

static STOPS: AtomicBool = AtomicBool::new(false);

impl Ord for Slow {
    fn cmp(&self, other: &Slow) -> std::cmp::Ordering {
        if STOPS.load(Relaxed) {
            kill_process(getpid(), Signal::STOP).unwrap();
        }
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Slow {
    fn partial_cmp(&self, other: &Slow) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

fn stop_with_the_order(queue: PriorityQueue<Slow>) {
    STOPS.store(true, Relaxed);
    drop(queue.recv_task());
}

/// Somebody who has the order of the queue and is stopped.
fn stopped(queue: &PriorityQueue<Slow>) -> Process<()> {
    let stopped = Process::spawn(stop_with_the_order, queue.clone()).unwrap();
    watch::until("it stops in the middle", || watch::all_have_state(stopped.pid(), 'T'));
    stopped
}

#[test]
fn c_02_a_stopped_receiver_keeps_nobody_who_has_a_limit_and_a_dead_one_nobody() {
    isolated(|| {
        let queue = PriorityQueue::<Slow>::bounded(8).unwrap();
        [4, 2, 3].into_iter().for_each(|number| queue.send(Slow(number)).unwrap());
        let holder = stopped(&queue);
        queue.try_send(Slow(1)).expect("senders do not wait for it");
        let (received, took) = timed(|| queue.try_recv());
        assert!(received == Err(RecvError::Empty) && took < bound(AT_ONCE), "{received:?} after {took:?}");
        let (received, took) = timed(|| queue.recv_timeout(Duration::from_millis(50)));
        assert!(received == Err(RecvError::Empty) && took < bound(3 * AT_ONCE), "{received:?} after {took:?}");
        let waiting = Process::spawn(|queue: PriorityQueue<Slow>| queue.recv().unwrap().0, queue.clone()).unwrap();
        until_asleep(&waiting);
        holder.kill().unwrap();
        holder.join().unwrap_err();
        assert_eq!(waiting.join_timeout(bound(SOON)), Ok(1));
        assert!(queue.iter().take(3).map(|item| item.0).eq([2, 3, 4]), "none is lost, and they are in order");
        assert!(queue.join_timeout(Duration::ZERO));
        queue.close(Close::Drain);
    });
}

#[test]
fn t_22_a_close_does_not_wait_for_who_is_stopped() {
    isolated(|| {
        let queue = PriorityQueue::<Slow>::bounded(2).unwrap();
        [2, 1].into_iter().for_each(|number| queue.send(Slow(number)).unwrap());
        let holder = stopped(&queue);
        let receive = |queue: PriorityQueue<Slow>| queue.recv().is_err_and(|error| error == RecvError::Closed);
        let receiver = Process::spawn(receive, queue.clone()).unwrap();
        let sender = Process::spawn(|queue: PriorityQueue<Slow>| queue.send(Slow(9)).is_err(), queue.clone()).unwrap();
        until_asleep(&receiver);
        until_asleep(&sender);
        let (_, took) = timed(|| queue.close(Close::Now));
        assert!(took < bound(AT_ONCE), "{took:?}");
        assert_eq!((receiver.join_timeout(bound(SOON)), sender.join_timeout(bound(SOON))), (Ok(true), Ok(true)));
        assert!(queue.join_timeout(Duration::ZERO), "all went with it");
        holder.kill().unwrap();
        holder.join().unwrap_err();
    });
}

#[test]
fn t_22_a_drain_ends_for_all_when_the_last_item_was_received() {
    isolated(|| {
        let queue = LifoQueue::<u32>::bounded(2).unwrap();
        queue.send(1).unwrap();
        queue.send(2).unwrap();
        let sender = Process::spawn(|queue: LifoQueue<u32>| queue.send(3).is_err(), queue.clone()).unwrap();
        until_asleep(&sender);
        queue.close(Close::Drain);
        assert_eq!(sender.join_timeout(bound(SOON)), Ok(true), "a sender that waits is refused");
        let receivers: Vec<_> = (0..3)
            .map(|_| Process::spawn(|queue: LifoQueue<u32>| queue.iter().collect::<Vec<_>>(), queue.clone()).unwrap())
            .collect();
        let mut received: Vec<_> = receivers.into_iter().flat_map(|it| it.join_timeout(bound(SOON)).unwrap()).collect();
        received.sort_unstable();
        assert_eq!(received, [1, 2]);
    });
}
