//! Ordered queues within one process; what needs processes is in the integration tests.

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::queue::{Close, Options, RecvError, SendError, TooManyDone};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn smoke() {
    let queue = PriorityQueue::<(u32, String)>::bounded(4).unwrap();
    for (rank, name) in [(2, "b"), (3, "c"), (1, "a")] {
        queue.send((rank, name.into())).unwrap();
    }
    assert_eq!((queue.len(), queue.capacity(), queue.is_full()), (3, 4, false));
    queue.send((1, "b".into())).unwrap();
    assert!(queue.is_full() && queue.try_send((0, "z".into())).unwrap_err().is_full());
    let received: Vec<_> =
        std::iter::from_fn(|| queue.try_recv().ok()).map(|(rank, name)| format!("{rank}{name}")).collect();
    assert_eq!(received, ["1a", "1b", "2b", "3c"]);
    assert_eq!(queue.try_recv(), Err(RecvError::Empty));
    assert!(queue.is_empty() && queue.join_timeout(Duration::ZERO));
}

/// Compared by its first part only.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Job(u32, u32);

impl Ord for Job {
    fn cmp(&self, other: &Job) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.0 == other.0
    }
}
impl Eq for Job {}

/// The seed is always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % u64::from(end)) as u32
    }
}

#[test]
fn any_mixture_of_sends_and_receives_follows_the_order() {
    let mut random = Random(7);
    for capacity in [1, 2, 3, 63, 64, 65, 200] {
        let (smallest, latest) = (PriorityQueue::bounded(capacity).unwrap(), LifoQueue::bounded(capacity).unwrap());
        let mut model: Vec<Job> = Vec::new();
        let mut stack = Vec::new();
        for number in 0..1500 {
            if model.len() < capacity && random.below(100) < 55 {
                let job = Job(random.below(20), number);
                smallest.try_send(job).unwrap();
                latest.try_send(number).unwrap();
                let at = model.partition_point(|other| other.0 <= job.0);
                model.insert(at, job);
                stack.push(number);
            } else if let Some(number) = stack.pop() {
                let first = smallest.try_recv().unwrap();
                assert_eq!((first.0, first.1), (model[0].0, model[0].1), "equal ones in the order of sending");
                model.remove(0);
                assert_eq!(latest.try_recv(), Ok(number));
            } else {
                assert!(smallest.try_recv().is_err() && latest.try_recv().is_err());
            }
            assert_eq!((smallest.len(), latest.len()), (model.len(), stack.len()));
        }
    }
}

#[test]
fn reversed_the_largest_comes_first() {
    let queue = PriorityQueue::bounded(4).unwrap();
    [2, 9, 4, 4].into_iter().for_each(|number| queue.send(Reverse(number)).unwrap());
    assert!(std::iter::from_fn(|| queue.try_recv().ok()).map(|item| item.0).eq([9, 4, 4, 2]));
}

#[test]
fn what_is_given_back_has_its_old_place() {
    let queue = PriorityQueue::<u32>::bounded(4).unwrap();
    (1..=4).for_each(|number| queue.send(number).unwrap());
    let (one, two) = (queue.recv_task().unwrap(), queue.recv_task().unwrap());
    queue.try_send(0).expect("what is held takes no room");
    drop(two);
    drop(one);
    assert_eq!(queue.recv(), Ok(0));
    let one = queue.recv_task().unwrap();
    assert_eq!((*one, one.delivery_count()), (1, 2));
    one.done();
    assert_eq!((queue.recv(), queue.recv(), queue.recv()), (Ok(2), Ok(3), Ok(4)));
    let stack = LifoQueue::<u32>::bounded(4).unwrap();
    (1..=3).for_each(|number| stack.send(number).unwrap());
    let three = stack.recv_task().unwrap();
    stack.send(4).unwrap();
    drop(three);
    assert_eq!((stack.recv(), stack.recv(), stack.recv()), (Ok(4), Ok(3), Ok(2)));
}

#[test]
fn large_items_are_put_in_order_too() {
    let queue: PriorityQueue<Vec<u8>> = Options { message_max: 1 << 18, ..Options::new(8) }.priority().unwrap();
    for length in [70_000, 10, 200_000, 0, 5000] {
        queue.send(vec![length as u8; length]).unwrap();
    }
    let mut received: Vec<Vec<u8>> = (0..5).map(|_| queue.recv().unwrap()).collect();
    assert!(received.is_sorted() && received.iter().map(Vec::len).sum::<usize>() == 275_010);
    received.clear();
    let task = {
        queue.send(vec![7; 100_000]).unwrap();
        queue.recv_task().unwrap()
    };
    drop(task);
    assert_eq!(queue.recv().unwrap(), vec![7; 100_000]);
    assert!(queue.join_timeout(Duration::ZERO));
}

static PANICS: AtomicBool = AtomicBool::new(false);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Touchy(u32);

impl Ord for Touchy {
    fn cmp(&self, other: &Touchy) -> std::cmp::Ordering {
        assert!(!PANICS.load(Relaxed), "a comparison that panics");
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Touchy) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn a_comparison_that_panics_loses_nothing_and_keeps_nobody() {
    let queue = PriorityQueue::<Touchy>::bounded(16).unwrap();
    [5, 3, 9, 1].into_iter().for_each(|number| queue.send(Touchy(number)).unwrap());
    assert_eq!(queue.recv(), Ok(Touchy(1)));
    for _ in 0..3 {
        queue.send(Touchy(7)).unwrap();
        PANICS.store(true, Relaxed);
        assert!(catch_unwind(AssertUnwindSafe(|| queue.recv())).is_err());
        queue.send(Touchy(2)).expect("senders compare nothing");
        PANICS.store(false, Relaxed);
    }
    let received: Vec<_> = std::iter::from_fn(|| queue.try_recv().ok()).map(|item| item.0).collect();
    assert_eq!(received, [2, 2, 2, 3, 5, 7, 7, 7, 9]);
}

/// Receives when it is compared.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Greedy(LifoQueue<u32>);

impl Ord for Greedy {
    fn cmp(&self, _other: &Greedy) -> std::cmp::Ordering {
        let _ = self.0.try_recv();
        std::cmp::Ordering::Equal
    }
}
impl PartialOrd for Greedy {
    fn partial_cmp(&self, other: &Greedy) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn a_comparison_that_receives_is_told_so_and_does_not_hang() {
    let (inner, queue) = (LifoQueue::bounded(1).unwrap(), PriorityQueue::bounded(2).unwrap());
    queue.send(Greedy(inner.clone())).unwrap();
    queue.send(Greedy(inner.clone())).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| queue.recv())).is_err());
    inner.send(1).unwrap();
    assert_eq!(inner.recv(), Ok(1), "this thread has let go");
}

#[test]
fn what_is_no_item_is_told_and_gone() {
    let numbers = PriorityQueue::<u32>::bounded(4).unwrap();
    let texts: PriorityQueue<String> = OrderedQueue::from_raw(numbers.raw.clone());
    numbers.send(7).unwrap();
    texts.send("seven".into()).unwrap();
    numbers.send(3).unwrap();
    assert!(matches!(numbers.recv(), Err(RecvError::Decode(_))));
    assert_eq!((numbers.recv(), numbers.recv(), numbers.try_recv()), (Ok(3), Ok(7), Err(RecvError::Empty)));
}

#[test]
fn more_done_than_taken_is_an_error_and_changes_nothing() {
    let queue = PriorityQueue::<u32>::bounded(4).unwrap();
    assert_eq!(queue.task_done(), Err(TooManyDone));
    queue.send(1).unwrap();
    queue.send(2).unwrap();
    assert_eq!(queue.task_done(), Err(TooManyDone), "what is queued is not done");
    assert_eq!((queue.recv_task().unwrap().keep(), queue.recv_task().unwrap().keep()), (1, 2));
    assert!(!queue.join_timeout(Duration::ZERO));
    assert_eq!((queue.task_done(), queue.clone().task_done(), queue.task_done()), (Ok(()), Ok(()), Err(TooManyDone)));
    assert!(queue.join_timeout(Duration::ZERO));
}

#[test]
fn a_closed_queue_is_drained_or_not() {
    let queue = LifoQueue::<u32>::bounded(4).unwrap();
    queue.send(1).unwrap();
    queue.send(2).unwrap();
    queue.close(Close::Drain);
    assert_eq!(queue.send(3).unwrap_err().into_item(), 3);
    assert_eq!((queue.recv(), queue.recv(), queue.recv()), (Ok(2), Ok(1), Err(RecvError::Closed)));
    let queue = LifoQueue::<u32>::bounded(4).unwrap();
    (1..=4).for_each(|number| queue.send(number).unwrap());
    let held = queue.recv_task().unwrap();
    queue.close(Close::Now);
    assert_eq!((queue.len(), queue.recv()), (0, Err(RecvError::Closed)));
    assert!(!queue.join_timeout(Duration::ZERO), "one is in somebody's hands");
    drop(held);
    assert!(queue.join_timeout(Duration::ZERO), "and goes with the others");
}

#[test]
fn what_is_put_back_is_for_another_handle() {
    let odd = PriorityQueue::<u32>::bounded(200).unwrap();
    let even = odd.clone();
    (0..200).for_each(|number| odd.send(number).unwrap());
    let mut taken = Vec::new();
    while let Ok(task) = odd.try_recv_task() {
        if *task % 2 == 1 { taken.push(task.done()) } else { task.put_back() }
    }
    assert!(taken.into_iter().eq((0..100).map(|at| 2 * at + 1)), "in order, each once");
    assert_eq!(odd.recv_timeout(Duration::from_millis(1)), Err(RecvError::Empty), "nothing is there for it");
    let task = even.recv_task().unwrap();
    assert_eq!((*task, task.delivery_count()), (0, 1));
    task.done();
    odd.close(Close::Drain);
    assert_eq!(odd.recv(), Err(RecvError::Closed));
    assert!(even.iter().eq((1..100).map(|at| 2 * at)));
}

/// Threads of one process take turns as processes do.
#[test]
fn nothing_is_lost_or_doubled_between_threads() {
    const EACH: u32 = 1000;
    let queue = PriorityQueue::<(u32, u32)>::bounded(50).unwrap();
    let start = Instant::now();
    let mut received: Vec<_> = std::thread::scope(|scope| {
        let receivers: Vec<_> =
            (0..3).map(|_| scope.spawn(|| std::iter::from_fn(|| queue.recv().ok()).collect::<Vec<_>>())).collect();
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let queue = &queue;
                scope.spawn(move || {
                    (0..EACH).for_each(|number| queue.send((number % 7, sender * EACH + number)).unwrap())
                })
            })
            .collect();
        senders.into_iter().for_each(|it| it.join().unwrap());
        queue.close(Close::Drain);
        receivers.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    received.sort_by_key(|(_, number)| *number);
    assert!(received.into_iter().map(|(_, number)| number).eq(0..3 * EACH));
    assert!(queue.join_timeout(SOON) && start.elapsed() < 6 * SOON);
}

#[test]
fn futures_take_turns_and_a_dropped_one_has_taken_nothing() {
    use futures::executor::block_on;
    let queue = LifoQueue::<u32>::bounded(1).unwrap();
    let mut waiting = Box::pin(queue.recv_async());
    assert!(is_pending(&mut waiting));
    drop(waiting);
    block_on(queue.send_async(1)).unwrap();
    let mut sending = Box::pin(queue.send_async(2));
    assert!(is_pending(&mut sending));
    drop(sending);
    let other = queue.clone();
    let sender = std::thread::spawn(move || block_on(other.send_async(3)));
    assert_eq!(block_on(queue.recv_async()), Ok(1));
    assert_eq!(block_on(queue.recv_task_async()).unwrap().done(), 3);
    sender.join().unwrap().unwrap();
    assert_eq!(queue.len(), 0);
}

fn is_pending<F: std::future::Future + Unpin>(future: &mut F) -> bool {
    let mut context = std::task::Context::from_waker(futures::task::noop_waker_ref());
    std::pin::Pin::new(future).poll(&mut context).is_pending()
}

/// A letter with an end of a pipe in it.
#[derive(Debug, Serialize, Deserialize)]
struct Letter(u32, crate::pipe::Sender<u32>);

impl Ord for Letter {
    fn cmp(&self, other: &Letter) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Letter {
    fn partial_cmp(&self, other: &Letter) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Letter {
    fn eq(&self, other: &Letter) -> bool {
        self.0 == other.0
    }
}
impl Eq for Letter {}

#[test]
fn what_there_is_one_of_travels_only_where_nobody_looks_inside() {
    let (receiver, sender) = crate::pipe::simplex::<u32>().unwrap();
    let by_value = PriorityQueue::<Letter>::bounded(4).unwrap();
    let Err(SendError::Encode { item, .. }) = by_value.send(Letter(1, sender)) else { panic!("it would be compared") };
    let future = by_value.send_async(item);
    let Err(SendError::Encode { item, .. }) = futures::executor::block_on(future) else { panic!("likewise") };
    item.1.send(7).expect("it stayed here");
    let last_first = LifoQueue::<Letter>::bounded(4).unwrap();
    last_first.send(item).unwrap();
    last_first.recv().unwrap().1.send(8).unwrap();
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(7), Ok(8)));
}
