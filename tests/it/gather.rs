//! Many calls under way at once: started and waited for later, gathered, joined, selected.

use std::collections::BTreeSet;
use std::future::{Future, IntoFuture};
use std::thread;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{KilledBy, gather};
use actor_tests::foreign;
use actor_tests::watch::until;
use futures::StreamExt;
use futures::executor::block_on;
use futures::future::{Either, join_all, select};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::harness::isolated;

/// More calls than a process can have under way.
const MANY: usize = 1000;
/// What a call is given that is to be answered; the watchdog is earlier.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(100);

#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 8, timeout = "10min")]
struct Squarer {
    gate: Option<Queue<()>>,
}

#[handlers]
impl Squarer {
    #[call]
    fn square(&self, n: usize) -> usize {
        n * n
    }

    /// Answers when somebody opens the gate.
    #[call]
    fn gated(&self, n: usize) -> usize {
        if let Some(gate) = &self.gate {
            gate.recv().expect("it is open")
        }
        n
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    #[call]
    fn slow(&self, n: usize) -> usize {
        foreign::sleep_in_c(1000);
        n
    }

    #[call]
    fn hang(&self) {
        foreign::sleep_in_c(1000);
    }

    /// An actor asks others in the same ways.
    #[call]
    async fn sum(&self, others: Vec<ActorRef<Squarer>>) -> usize {
        let now: usize = gather(others.iter().map(|other| other.square(3))).into_iter().map(|(_, n)| n.unwrap()).sum();
        let calls = gather(others.iter().map(|other| other.square(3))).stream();
        now + calls.map(|(_, n)| n.unwrap()).collect::<Vec<_>>().await.into_iter().sum::<usize>()
    }
}

fn squarer() -> ActorRef<Squarer> {
    Squarer { gate: None }.spawn().unwrap()
}

fn signal(squarer: &ActorRef<Squarer>) -> impl Fn(Signal) + use<> {
    let pid = Pid::from_raw(squarer.os_pid().wait().unwrap() as i32).unwrap();
    move |signal| kill_process(pid, signal).unwrap()
}

#[test]
fn smoke() {
    isolated(|| {
        let squarer = squarer();
        let mut places = BTreeSet::new();
        for (place, answer) in gather((0..MANY).map(|n| squarer.square(n))) {
            assert_eq!(answer.unwrap(), place * place);
            assert!(places.insert(place), "{place} has come twice");
        }
        assert_eq!(places.len(), MANY);
        assert_eq!(gather(Vec::from_iter((0..0).map(|n| squarer.square(n)))).into_iter().count(), 0);
        let others = vec![self::squarer(), self::squarer()];
        assert_eq!(squarer.sum(others.clone()).wait().unwrap(), 36);
        others.into_iter().chain([squarer]).for_each(|squarer| drop(squarer.stop().unwrap()));
    });
}

/// Seven live, two are dead, one is stopped.
fn crew() -> (Vec<ActorRef<Squarer>>, impl Fn(Signal)) {
    let crew: Vec<_> = (0..10).map(|_| squarer()).collect();
    [2, 5].into_iter().for_each(|dead| drop(crew[dead].kill().unwrap()));
    let signal = signal(&crew[7]);
    signal(Signal::STOP);
    (crew, signal)
}

#[track_caller]
fn is_right(place: usize, answer: &Result<usize, CallError>) {
    match place % 10 {
        2 | 5 => assert!(matches!(answer, Err(CallError::NoProc(_))), "{place}: {answer:?}"),
        7 => assert!(matches!(answer, Err(CallError::Timeout(_))), "{place}: {answer:?}"),
        _ => assert_eq!(*answer.as_ref().unwrap(), place * place),
    }
}

/// OTP's `multicall_down`: who is dead is told among the others, and nobody waits for who is stopped.
#[test]
fn a_dead_member_is_an_error_and_a_stopped_one_holds_nobody_up() {
    isolated(|| {
        let (crew, signal) = crew();
        let calls = || (0..MANY).map(|n| crew[n % 10].square(n));
        let (mut last, mut answered, mut timed_out) = (0, 0, 0);
        // Mailboxes of eight: most wait for room, those to the stopped one for all of their time.
        for (place, answer) in gather(calls()).timeout(Duration::from_secs(8)) {
            is_right(place, &answer);
            answered += 1;
            match answer {
                Err(CallError::Timeout(_)) => timed_out += 1,
                _ => last = answered - timed_out,
            }
        }
        assert_eq!((answered, timed_out, last), (MANY, MANY / 10, MANY - MANY / 10));
        signal(Signal::CONT);
        let answers = block_on(gather(calls().filter(|_| true)).stream().collect::<Vec<_>>());
        assert_eq!(answers.len(), MANY);
        assert_eq!(answers.iter().filter(|(_, answer)| answer.is_ok()).count(), MANY / 10 * 8);
        crew.iter().for_each(|squarer| drop(squarer.kill()));
    });
}

#[test]
fn a_thousand_calls_are_joined() {
    isolated(|| {
        let (crew, signal) = crew();
        // Of the stopped one's calls, fewer than can be under way.
        let call = |n: usize| match n % 10 {
            7 if 100 < n => crew[7].square(n).timeout(Duration::ZERO),
            7 => crew[7].square(n).timeout(SHORT),
            _ => crew[n % 10].square(n),
        };
        let answers = block_on(join_all((0..MANY).map(|n| call(n).into_future())));
        answers.iter().enumerate().for_each(|(place, answer)| is_right(place, answer));
        signal(Signal::CONT);
        crew.iter().for_each(|squarer| drop(squarer.kill()));
    });
}

#[test]
fn answers_come_in_the_order_in_which_they_are_made() {
    isolated(|| {
        let gates: Vec<Queue<()>> = (0..4).map(|_| Queue::bounded(8).unwrap()).collect();
        let actors = gates.iter().map(|gate| Squarer { gate: Some(gate.clone()) });
        let squarers: Vec<_> = actors.map(|squarer| squarer.spawn().unwrap()).collect();
        let mut answers = gather(squarers.iter().enumerate().map(|(n, squarer)| squarer.gated(n))).into_iter();
        for place in [2, 0, 3, 1] {
            gates[place].send(()).unwrap();
            let (found, answer) = answers.next().unwrap();
            assert_eq!((found, answer.unwrap()), (place, place));
        }
        assert!(answers.next().is_none());
        squarers.iter().for_each(|squarer| drop(squarer.stop().unwrap()));
        gates.into_iter().for_each(|gate| gate.close(Close::Now));
    });
}

#[test]
fn whoever_dies_during_the_gathering_is_an_error_among_the_others() {
    isolated(|| {
        let (one, other) = (squarer(), squarer());
        let kill = thread::spawn(move || {
            until("it has the call", || other.status().unwrap().handling.is_some());
            other.kill().unwrap();
        });
        let mut answers = gather([one.square(3), other.slow(4)]).into_iter();
        assert_eq!(answers.next().map(|(place, answer)| (place, answer.unwrap())), Some((0, 9)));
        assert!(matches!(answers.next(), Some((1, Err(CallError::Died(_))))));
        kill.join().unwrap();
        one.stop().unwrap();
    });
}

#[test]
fn a_gathering_that_is_dropped_gives_its_calls_up() {
    isolated(|| {
        let squarer = squarer();
        for _ in 0..100 {
            let mut answers = gather((0..200).map(|n| squarer.square(n))).into_iter();
            assert!(answers.next().is_some());
        }
        assert_eq!(squarer.square(3).wait().unwrap(), 9);
        squarer.stop().unwrap();
    });
}

#[test]
fn a_call_that_was_started_is_waited_for_later() {
    isolated(|| {
        let gate = Queue::bounded(8).unwrap();
        let squarer = Squarer { gate: Some(gate.clone()) }.spawn().unwrap();
        let pending = squarer.gated(1).start().unwrap();
        let pending = pending.try_wait().expect_err("nobody has opened");
        let pending = pending.wait_timeout(Duration::from_millis(5)).expect_err("nobody has opened");
        let pending = pending.wait_deadline(Instant::now()).expect_err("nobody has opened");
        gate.send(()).unwrap();
        assert_eq!(pending.wait().unwrap(), 1);
        let pending = squarer.gated(2).start().unwrap();
        gate.send(()).unwrap();
        assert_eq!(block_on(pending).unwrap(), 2);
        // Given up: the next has its own answer.
        drop(squarer.square(3).start().unwrap());
        let pending = squarer.square(4).start().unwrap();
        assert_eq!(pending.wait_timeout(LONG).expect("it is answered").unwrap(), 16);
        let late = squarer.gated(5).timeout(SHORT).start().unwrap();
        assert!(matches!(late.wait_timeout(LONG), Ok(Err(CallError::Timeout(_)))), "its own time is shorter");
        gate.send(()).unwrap();
        squarer.stop().unwrap();
        assert!(matches!(squarer.square(1).start(), Err(CallError::NoProc(_))));
        gate.close(Close::Now);
    });
}

#[test]
fn a_started_call_can_kill_and_can_see_a_death() {
    isolated(|| {
        for is_async in [false, true] {
            let pending = squarer().hang().kill_after(SHORT).start().unwrap();
            let answer = if is_async { block_on(pending) } else { pending.wait() };
            let Err(CallError::Died(report)) = answer else { panic!("{answer:?}") };
            assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
        }
        let squarer = squarer();
        let pending = squarer.hang().start().unwrap();
        squarer.kill().unwrap();
        assert!(matches!(pending.wait(), Err(CallError::Died(_))));
    });
}

#[test]
fn the_first_of_two_is_selected() {
    async fn first<A: Future + Unpin, B: Future + Unpin>(a: A, b: B) -> bool {
        matches!(select(a, b).await, Either::Left(_))
    }
    isolated(|| {
        let (quick, slow) = (squarer(), squarer());
        assert!(block_on(first(quick.square(1).into_future(), slow.hang().into_future())));
        slow.kill().unwrap();
        let slow = squarer();
        assert!(!block_on(first(slow.hang().start().unwrap(), quick.square(1).start().unwrap())));
        slow.kill().unwrap();
        quick.stop().unwrap();
    });
}
