//! What it costs when there is nothing to do, or nobody to wake: nothing.

use std::fs;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_tests::board::Board;
use actor_tests::steps::Stepped;
use actor_tests::watch::{until, wait_for};
use serde::{Deserialize, Serialize};

use super::{isolated, small, until_asleep};
use crate::harness::skip;

/// Waits for messages.
#[derive(Actor, Serialize, Deserialize)]
struct Idler;

#[handlers]
impl Idler {
    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }
}

/// How often the threads of a process were put to work, and how long they have worked, in ticks.
fn work(pid: u32, is_counted: impl Fn(&str) -> bool) -> Vec<(String, u64, u64)> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let look = |folder: std::path::PathBuf| {
        let [status, stat, name] =
            ["status", "stat", "comm"].map(|file| fs::read_to_string(folder.join(file)).unwrap());
        let switches = status.lines().filter(|line| line.contains("voluntary_ctxt_switches"));
        let switches = switches.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok()).sum();
        // Behind the name, which may contain anything: utime and stime are fields 14 and 15 of all.
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
        (name.trim().to_owned(), switches, fields.map(|field| field.parse::<u64>().unwrap()).sum())
    };
    let threads = threads.map(|thread| look(thread.path()));
    threads.filter(|(name, ..)| is_counted(name)).collect()
}

/// What somebody waits for, how, and where.
type Waiter<'a> = (&'static str, fn(Queue<u32>), &'a Queue<u32>);

#[test]
fn who_waits_burns_nothing_and_neither_does_the_node() {
    isolated(|| {
        let (empty, full) = (small(1), small(1));
        full.send(1).unwrap();
        let waiters: [Waiter<'_>; 5] = [
            ("recv", |queue| drop(queue.recv()), &empty),
            ("recv_task", |queue| drop(queue.recv_task()), &empty),
            ("recv_async", |queue| drop(futures::executor::block_on(queue.recv_async())), &empty),
            ("send", |queue| drop(queue.send(2)), &full),
            ("join", |queue| queue.join(), &full),
        ];
        let waiters = waiters.map(|(name, wait, queue)| (name, Process::spawn(wait, queue.clone()).unwrap()));
        let idler = Idler.spawn().unwrap();
        let idler_pid = idler.os_pid().wait().unwrap();
        waiters.iter().for_each(|(_, waiter)| until_asleep(waiter));
        let all = || {
            let waiters = waiters.iter().map(|(name, waiter)| (*name, work(waiter.pid(), |_| true)));
            let others = [
                ("actor", work(idler_pid, |_| true)),
                ("node", work(std::process::id(), |name| name.starts_with("actor-"))),
            ];
            waiters.chain(others).collect::<Vec<_>>()
        };
        // Who has just come to wait may still have been on his way; from then on nobody moves.
        let mut before = all();
        until("all have come to rest", || {
            let is_same = |now: &Vec<_>| *now == before;
            let rested = wait_for::<()>(Duration::from_millis(100), || None).is_none() && is_same(&all());
            before = all();
            rested
        });
        assert!(before.iter().all(|(_, threads)| !threads.is_empty()), "{before:?}");
        let moved = wait_for(Duration::from_secs(1), || Some(all()).filter(|now| *now != before));
        assert!(moved.is_none(), "{before:?} have become {moved:?}");
        idler.stop().unwrap();
        // The message in the full queue lets the first of the two go on, and its own the second.
        empty.close(Close::Now);
        full.close(Close::Now);
        waiters.iter().for_each(|(_, waiter)| drop(waiter.join()));
    });
}

/// Of the board: it is ready, it may begin, it is done.
const READY: usize = 0;
const GO: usize = 1;
const DONE: usize = 2;

const ROUNDS: u32 = 500;

fn send_and_receive((queue, board): (Queue<Vec<u8>>, Board)) {
    let rounds = |count: u32| {
        for round in 0..count {
            // Beside the slot, and in an extent.
            let item = vec![7; if round % 2 == 0 { 10 } else { 1_000 }];
            queue.send(item.clone()).unwrap();
            assert!(queue.recv() == Ok(item.clone()));
            queue.send(item).unwrap();
            queue.recv_task().unwrap().done();
        }
    };
    // Memory for extents and hands is fetched when it is first needed.
    rounds(100);
    board[READY].store(1, Release);
    while board[GO].load(Acquire) == 0 {
        std::hint::spin_loop();
    }
    rounds(ROUNDS);
    board[DONE].store(1, Release);
    std::thread::park();
}

/// After so long the node gives the memory of large items back, and the next one asks it to do so again:
/// by a system call.
const TRIM_AFTER: Duration = Duration::from_millis(300);

/// The first system call after its start is the one by which it says good-bye.
#[test]
fn nobody_is_called_when_nobody_sleeps() {
    isolated(|| {
        // On a busy machine a trial may take so long that it says nothing.
        for _ in 0..100 {
            let begin = Instant::now();
            let (queue, board) = (Options::new(4).create().unwrap(), Board::new(3));
            let worker = Process::spawn(send_and_receive, (queue.clone(), board.clone())).unwrap();
            until("it is ready", || board[READY].load(Acquire) == 1);
            let led = Stepped::stop(worker.pid()).map(|led| {
                board[GO].store(1, Release);
                led.to_system_call().unwrap();
            });
            let (is_done, taken) = (board[DONE].load(Acquire) == 1, begin.elapsed());
            worker.kill().unwrap();
            worker.join().unwrap_err();
            queue.close(Close::Now);
            match led {
                Err(error) => return skip(&format!("nobody can be led here: {error}")),
                Ok(()) if is_done => return,
                Ok(()) => assert!(TRIM_AFTER <= taken, "there was a system call before the end, after {taken:?}"),
            }
        }
        panic!("no trial was quick enough");
    });
}
