//! Every future without a runtime, in tokio on one thread and on several.

use std::io::{Read, Write, pipe};
use std::time::{Duration, Instant};

use actor_core::link::{monitor, trap_exit};
use actor_core::pipe::simplex;
use actor_core::prelude::*;
use actor_core::process::{JoinError, Process};
use actor_core::queue::{Close, RecvError};
use actor_core::wait::{readable, ready, sleep, sleep_until, writable};
use actor_tests::foreign;
use futures::future::{BoxFuture, Either, join_all, select, select_all};
use futures::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};

use super::{SOON, everywhere, queue};
use crate::harness::isolated;

#[derive(Actor, Serialize, Deserialize)]
struct Doubler;

#[handlers]
impl Doubler {
    #[call]
    fn double(&self, number: u32) -> u32 {
        2 * number
    }

    #[cast]
    fn crash(&mut self) {
        foreign::segfault();
    }
}

fn double(number: u32) -> u32 {
    2 * number
}

fn crash((): ()) {
    foreign::segfault();
}

#[test]
fn queues() {
    isolated(|| {
        everywhere(|| async {
            let (one, other) = (queue(1), queue(1));
            let there = async {
                for number in 0..1000 {
                    one.send_async(number).await.unwrap();
                    assert_eq!(other.recv_async().await, Ok(number));
                }
                one.close(Close::Drain);
            };
            let back = async {
                while let Ok(task) = one.recv_task_async().await {
                    other.send_async(*task).await.unwrap();
                    task.done();
                }
            };
            futures::future::join(there, back).await;
            assert_eq!(one.recv_async().await, Err(RecvError::Closed));
            other.close(Close::Drain);
        });
    });
}

#[test]
fn streams_and_sinks() {
    isolated(|| {
        everywhere(|| async {
            let queue = queue(2);
            let (mut sink, mut stream) = (queue.sink(), queue.stream());
            let sending = async move {
                for number in 0..1000 {
                    sink.send(number).await.unwrap();
                }
                sink.close().await.unwrap();
                queue.close(Close::Drain);
            };
            let receiving = async {
                let mut expected = 0;
                while let Some(item) = stream.next().await {
                    assert_eq!(item, Ok(expected));
                    expected += 1;
                }
                expected
            };
            assert_eq!(futures::future::join(sending, receiving).await.1, 1000);
        });
    });
}

#[test]
fn ends_of_processes() {
    isolated(|| {
        everywhere(|| async {
            let processes: Vec<_> = (0..8).map(|number| Process::spawn(double, number).unwrap()).collect();
            let results = join_all(processes.iter().map(Process::join_async)).await;
            assert!(results.into_iter().eq((0..8).map(|number| Ok(2 * number))));
            assert_eq!(processes[3].join_async().await, Ok(6), "once more");
            let crashing = Process::spawn(crash, ()).unwrap();
            let told = monitor(&crashing).unwrap();
            ready(&crashing).await.unwrap();
            assert!(matches!(crashing.join_async().await, Err(JoinError::Died(_))));
            assert_eq!(told.wait_async().await.peer, crashing.id().into());
            let large = Process::spawn(|()| vec![7_u8; 1 << 20], ()).unwrap();
            assert_eq!(large.join_async().await, Ok(vec![7; 1 << 20]));
        });
    });
}

#[test]
fn a_join_that_is_given_up_is_made_again() {
    isolated(|| {
        everywhere(|| async {
            let turn = queue(1);
            let process = Process::spawn(|turn: actor_core::queue::Queue<u32>| turn.recv().unwrap_or(0), turn.clone());
            let process = process.unwrap();
            for _ in 0..100 {
                let first = select(process.join_async(), sleep(Duration::from_micros(10))).await;
                assert!(matches!(first, Either::Right(_)), "it waits");
            }
            turn.send(5).unwrap();
            assert_eq!(process.join_async().await, Ok(5));
            turn.close(Close::Drain);
        });
    });
}

#[test]
fn actors() {
    isolated(|| {
        everywhere(|| async {
            let doubler = Doubler.spawn().unwrap();
            assert_eq!(doubler.double(21).await.unwrap(), 42);
            let (over, told) = (ready(&doubler), doubler.monitor().unwrap());
            doubler.crash().await.unwrap();
            over.await.unwrap();
            ready(&told).await.unwrap();
            let down = told.wait_async().await;
            assert!(matches!(down.report.reason, ExitReason::Signaled { signal: 11, .. }), "{down:?}");
        });
    });
}

#[test]
fn exit_signals() {
    isolated(|| {
        everywhere(|| async {
            let exits = trap_exit().unwrap();
            let linked = Process::spawn_link(|()| (), ()).unwrap();
            ready(&exits).await.unwrap();
            assert_eq!(exits.recv_async().await.from, linked.id().into());
        });
    });
}

#[test]
fn descriptors() {
    isolated(|| {
        everywhere(|| async {
            let ((mut one, mut other), mut byte) = (std::os::unix::net::UnixStream::pair().unwrap(), [0]);
            for _ in 0..200 {
                let read = async {
                    readable(&other).await.unwrap();
                    (&other).read_exact(&mut byte).unwrap();
                };
                let write = async {
                    writable(&one).await.unwrap();
                    (&one).write_all(b"x").unwrap();
                };
                futures::future::join(read, write).await;
            }
            one.write_all(b"x").unwrap();
            other.read_exact(&mut byte).unwrap();
            drop(one);
            readable(&other).await.unwrap();
        });
    });
}

#[test]
fn points_in_time() {
    isolated(|| {
        everywhere(|| async {
            let begin = Instant::now();
            let sleeps = (1..100).map(|number| sleep_until(begin + Duration::from_micros(300 * number)));
            join_all(sleeps).await;
            assert!(Duration::from_micros(300 * 99) <= begin.elapsed());
            let first = select(sleep(SOON), sleep(Duration::from_millis(1))).await;
            assert!(matches!(first, Either::Right(_)));
        });
    });
}

/// Whichever comes first, of all kinds at once.
#[test]
fn all_in_one_select() {
    isolated(|| {
        everywhere(|| async {
            let (queue, (reader, mut writer)) = (queue(1), pipe().unwrap());
            let (receiver, sender) = simplex::<u32>().unwrap();
            let process = Process::spawn(double, 4).unwrap();
            let mut seen = [false; 4];
            while seen != [true; 4] {
                let kinds: [BoxFuture<'_, usize>; 5] = [
                    Box::pin(async { queue.recv_async().await.map(|_| 0).unwrap() }),
                    Box::pin(async {
                        if seen[1] {
                            std::future::pending().await
                        }
                        process.join_async().await.map(|_| 1).unwrap()
                    }),
                    Box::pin(async { readable(&reader).await.map(|()| 2).unwrap() }),
                    Box::pin(async { receiver.recv_async().await.map(|_| 3).unwrap() }),
                    Box::pin(sleep(SOON).map(|()| 4)),
                ];
                let first = select_all(kinds).await.0;
                seen[first] = true;
                match first {
                    0 => writer.write_all(b"x").unwrap(),
                    1 => queue.send(1).unwrap(),
                    2 => {
                        (&reader).read_exact(&mut [0]).unwrap();
                        sender.send(1).unwrap();
                    }
                    3 => {}
                    _ => panic!("something was slept through, after {seen:?}"),
                }
            }
            queue.close(Close::Drain);
        });
    });
}
