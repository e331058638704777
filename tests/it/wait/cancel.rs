//! Futures that are given up, a million times: they lose nothing, double nothing and leave nothing.

use std::future::Future;
use std::io::pipe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actor_core::queue::{Close, Queue};
use actor_core::wait::{readable, ready, sleep};
use futures::executor::block_on;
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};

use super::{SOON, everywhere, on_many_threads, queue};
use crate::harness::isolated_and_long;

const ROUNDS: u32 = 1_000_000;
/// In each of the executors.
const FEWER_ROUNDS: u32 = 100_000;

/// Is ready when it is polled a second time, and sees to it that it is.
#[derive(Default)]
struct NextTime(bool);

impl Future for NextTime {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The first, or nothing: then it was given up while it waited.
async fn at_once<F: Future + Unpin>(future: F) -> Option<F::Output> {
    match select(future, NextTime::default()).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Sends 0, 1, 2 until the queue is closed, as many as fit whenever it is empty; how many those were.
fn count_up(queue: &Queue<u32>) -> u32 {
    let mut next = 0;
    while !queue.is_closed() {
        // Whoever receives gives up until this thread has its turn.
        while !queue.is_empty() && !queue.is_closed() {
            std::thread::yield_now();
        }
        while queue.try_send(next).is_ok() {
            next += 1;
        }
    }
    next
}

#[test]
fn a_million_receives_that_are_given_up_lose_nothing() {
    isolated_and_long(|| {
        let queue = queue(64);
        let sending = queue.clone();
        let sending = std::thread::spawn(move || count_up(&sending));
        let (mut expected, mut given_up) = (0, 0);
        block_on(async {
            let mut stream = queue.stream();
            for round in 0..ROUNDS {
                let received = match round % 3 {
                    0 => at_once(queue.recv_async()).await,
                    1 => at_once(stream.next()).await.map(|item| item.expect("nobody closes it")),
                    _ => at_once(queue.recv_task_async()).await.map(|task| task.map(|task| task.done())),
                };
                match received {
                    Some(item) => {
                        assert_eq!(item, Ok(expected), "round {round}");
                        expected += 1;
                    }
                    None => given_up += 1,
                }
            }
        });
        queue.close(Close::Drain);
        let sent = sending.join().unwrap();
        let left: Vec<u32> = queue.iter().collect();
        assert_eq!(left, (expected..sent).collect::<Vec<_>>());
        assert!(0 < expected && 0 < given_up, "{expected} came, {given_up} did not");
    });
}

#[test]
fn a_million_sends_that_are_given_up_send_nothing() {
    isolated_and_long(|| {
        let queue = queue(64);
        let (receiving, mut sent) = (queue.clone(), 0);
        let receiver = std::thread::spawn(move || {
            let mut next = 0;
            loop {
                // Whoever sends gives up until this thread has its turn.
                while !receiving.is_full() && !receiving.is_closed() {
                    std::thread::yield_now();
                }
                match receiving.recv() {
                    Ok(item) => assert_eq!(item, next),
                    Err(_) => return next,
                }
                next += 1;
                while let Ok(item) = receiving.try_recv() {
                    assert_eq!(item, next);
                    next += 1;
                }
            }
        });
        block_on(async {
            for _ in 0..ROUNDS {
                if let Some(result) = at_once(queue.send_async(sent)).await {
                    result.expect("nobody closes it");
                    sent += 1;
                }
            }
        });
        queue.close(Close::Drain);
        assert_eq!(receiver.join().unwrap(), sent);
        assert!(0 < sent && sent < ROUNDS, "{sent} of {ROUNDS}");
    });
}

#[test]
fn what_is_given_up_in_any_executor_loses_nothing() {
    isolated_and_long(|| {
        everywhere(|| async {
            let (queue, mut expected, mut sent) = (queue(2), 0, 0);
            let mut sink = queue.sink();
            for _ in 0..FEWER_ROUNDS {
                if at_once(sink.flush()).await.is_some() {
                    // With two in the queue the third is held by the sink.
                    sink.feed(sent).await.expect("nobody closes it");
                    sent += 1;
                }
                if (sent % 7 == 0 || queue.is_full())
                    && let Some(item) = at_once(queue.recv_async()).await
                {
                    assert_eq!(item, Ok(expected));
                    expected += 1;
                }
            }
            while expected < sent {
                assert_eq!(at_once(queue.recv_async()).await, Some(Ok(expected)));
                expected += 1;
                at_once(sink.flush()).await;
            }
            assert!(FEWER_ROUNDS / 8 < sent);
            queue.close(Close::Drain);
        });
    });
}

/// Two tasks that give up again and again do not take from each other what they do not use.
#[test]
fn tasks_on_several_threads_share_a_queue() {
    isolated_and_long(|| {
        let queue = queue(4);
        let sending = queue.clone();
        let sender = std::thread::spawn(move || {
            (0..FEWER_ROUNDS).for_each(|number| sending.send(number).expect("nobody closes it"));
            sending.close(Close::Drain);
        });
        on_many_threads(async move {
            let task = |queue: Queue<u32>| async move {
                let mut got = Vec::new();
                loop {
                    match at_once(queue.recv_async()).await {
                        Some(Ok(item)) => got.push(item),
                        Some(Err(_)) => return got,
                        None => {}
                    }
                }
            };
            let tasks = [tokio::spawn(task(queue.clone())), tokio::spawn(task(queue.clone()))];
            let mut all = Vec::new();
            for task in tasks {
                let got = task.await.expect("it does not panic");
                assert!(got.is_sorted());
                all.extend(got);
            }
            all.sort_unstable();
            assert!(all.into_iter().eq(0..FEWER_ROUNDS));
        });
        sender.join().unwrap();
    });
}

#[test]
fn waits_for_other_things_can_be_given_up_as_well() {
    isolated_and_long(|| {
        let (queue, (reader, writer)) = (queue(1), pipe().unwrap());
        block_on(async {
            for _ in 0..FEWER_ROUNDS {
                assert_eq!(at_once(sleep(SOON)).await, None);
                assert!(at_once(readable(&reader)).await.is_none());
                assert!(at_once(ready(&queue)).await.is_none());
            }
            drop(writer);
            readable(&reader).await.unwrap();
            queue.send(1).unwrap();
            ready(&queue).await.unwrap();
        });
        queue.close(Close::Now);
    });
}

/// A task that is thrown away is thrown away: nobody keeps it for a word that never changes.
#[test]
fn tasks_that_are_thrown_away_are_not_kept() {
    isolated_and_long(|| {
        let (queue, kept) = (queue(1), Arc::new(()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for _ in 0..1000 {
                let (queue, kept) = (queue.clone(), kept.clone());
                let task = tokio::spawn(async move {
                    let _kept = kept;
                    queue.recv_async().await
                });
                tokio::task::yield_now().await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
        assert_eq!(Arc::strong_count(&kept), 1);
        queue.close(Close::Drain);
    });
}
