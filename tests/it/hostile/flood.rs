//! Neighbours that flood the node, or stand still in front of it: others are served within a bound.
//!
//! Each test prints how long the slowest of many requests took. The node promises
//! [`BOUND`]; on a machine that does nothing else it is a few milliseconds, but behind somebody who
//! stands still in the middle of a request, who is given [`GRACE`] to go on.

use std::io::Write;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use actor_core::node;
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::testing::raw;
use actor_tests::board::Board;
use actor_tests::watch::{Seen, bound, until, zygote_of};
use rustix::process::{Pid, Signal, kill_process};

use super::adder::Adder;
use crate::harness::isolated;

/// How long others wait at most because of a process that floods or stands still.
const BOUND: Duration = Duration::from_secs(1);
/// How long the node waits for the rest of a request before it ends whoever began it.
const GRACE: Duration = Duration::from_secs(1);
/// Requests whose time is taken.
const REQUESTS: usize = 200;

/// How long the slowest of many requests to the node and of many calls took.
fn slowest(what: &str, limit: Duration, actor: ActorRef<Adder>) {
    let mut slowest = [Duration::ZERO; 2];
    for number in 0..REQUESTS as u32 {
        let begin = Instant::now();
        node::counters().expect("the node answers");
        slowest[0] = slowest[0].max(begin.elapsed());
        let begin = Instant::now();
        assert_eq!(actor.add(number, 1).wait().unwrap(), number + 1);
        slowest[1] = slowest[1].max(begin.elapsed());
    }
    let begin = Instant::now();
    Process::spawn(|n: u32| n, 1).unwrap().join().unwrap();
    let process = begin.elapsed();
    println!("{what}: a request took {:?} at most, a call {:?}, a process {process:?}", slowest[0], slowest[1]);
    assert!(slowest.iter().all(|time| *time < bound(limit)) && process < bound(limit), "{what}");
}

fn stop(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    let expected = signal == Signal::STOP;
    until("the signal has come", || Seen::of(pid).is_some_and(|seen| (seen.state == 'T') == expected));
}

/// As fast as it can, until the board says that it is enough.
fn until_told(board: &Board, mut work: impl FnMut()) {
    board[0].fetch_add(1, Release);
    while board[1].load(Acquire) == 0 {
        work();
    }
}

fn ask_for_ever((board, kind): (Board, u8)) {
    let requests = raw::request_samples();
    match kind {
        // What the node has to answer, to nobody.
        0 => until_told(&board, || assert!(raw::tell_node(&requests[15]))),
        // What is no request, and large.
        _ => until_told(&board, || assert!(raw::tell_node(&[0xc1; 3000]))),
    }
}

#[test]
fn h_23_who_floods_the_node_with_requests_delays_nobody_beyond_a_bound() {
    isolated(|| {
        let actor = Adder.spawn().unwrap();
        let board = Board::new(2);
        let flooders: Vec<_> =
            (0..3).map(|kind| Process::spawn(ask_for_ever, (board.clone(), kind % 2)).unwrap()).collect();
        until("all are at it", || board[0].load(Acquire) == 3);
        slowest("three that flood with requests", BOUND, actor);
        board[1].store(1, Release);
        flooders.into_iter().for_each(|flooder| assert_eq!(flooder.join(), Ok(())));
        actor.stop().unwrap();
    });
}

fn write_for_ever(board: Board) {
    let line = [b'x'; 4095];
    // The pipe is full most of the time: whoever writes waits for the node, and not it for him.
    until_told(&board, || std::io::stderr().write_all(&line).unwrap());
}

#[test]
fn h_23_who_floods_stderr_delays_nobody_beyond_a_bound() {
    isolated(|| {
        let actor = Adder.spawn().unwrap();
        let board = Board::new(2);
        let flooder = Process::spawn(write_for_ever, board.clone()).unwrap();
        until("it is at it", || board[0].load(Acquire) == 1);
        slowest("one that floods stderr", BOUND, actor);
        board[1].store(1, Release);
        assert_eq!(flooder.join(), Ok(()));
        actor.stop().unwrap();
    });
}

#[test]
fn who_stands_still_delays_nobody() {
    isolated(|| {
        let (actor, stopped) = (Adder.spawn().unwrap(), Adder.spawn().unwrap());
        let board = Board::new(2);
        let asking = Process::spawn(ask_for_ever, (board.clone(), 0)).unwrap();
        until("it is at it", || board[0].load(Acquire) == 1);
        // In the middle of whatever it does: of a request, perhaps, and then the node ends it.
        stop(asking.pid(), Signal::STOP);
        let pid = stopped.own_pid().wait().unwrap();
        stop(pid, Signal::STOP);
        while stopped.note(vec![0; 50]).try_send().is_ok() {}
        slowest("a stopped actor with a full mailbox", GRACE + BOUND, actor);
        stop(pid, Signal::CONT);
        board[1].store(1, Release);
        asking.kill().unwrap();
        assert!(asking.join().is_err());
        stopped.stop().unwrap();
        actor.stop().unwrap();
    });
}

/// Who starts processes waits for another zygote; nobody else notices.
#[test]
fn a_zygote_that_stands_still_delays_only_those_who_start_processes() {
    isolated(|| {
        let actor = Adder.spawn().unwrap();
        let zygote = zygote_of(std::process::id()).expect("it has made the actor").pid;
        stop(zygote, Signal::STOP);
        let waiting = std::thread::spawn(|| {
            let options =
                actor_core::process::Options { start_timeout: Duration::from_millis(300), ..Default::default() };
            options.spawn(|n: u32| n, 7).map(|process| process.join())
        });
        let mut slowest = Duration::ZERO;
        for number in 0..REQUESTS as u32 {
            let begin = Instant::now();
            node::counters().expect("the node answers");
            assert_eq!(actor.add(number, 1).wait().unwrap(), number + 1);
            slowest = slowest.max(begin.elapsed());
        }
        println!("with a stopped zygote a request and a call took {slowest:?} at most");
        assert!(slowest < bound(BOUND));
        assert!(matches!(waiting.join().unwrap(), Ok(Ok(7)) | Err(_)), "it has an outcome");
        until("there is another zygote", || zygote_of(std::process::id()).is_some_and(|seen| seen.pid != zygote));
        assert_eq!(Process::spawn(|n: u32| n, 8).unwrap().join(), Ok(8));
        actor.stop().unwrap();
    });
}
