//! Barriers between processes.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Instant;

use actor_core::ExitReason;
use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::sync::{Barrier, BarrierOptions, BarrierWait, BrokenBarrier, CreateError, Event, Semaphore};
use actor_tests::foreign;
use actor_tests::watch::{self, bound};
use futures::executor::block_on;
use rustix::process::Signal;

use super::{SOON, TIMEOUT, out_of_time, signal, stop, until_asleep};
use crate::harness::{isolated, isolated_for_both};

/// What one has learned at the barrier, in a form that can be a result.
type Learned = Result<usize, String>;

fn learned(result: Result<BarrierWait, BrokenBarrier>) -> Learned {
    result.map(|passed| passed.index).map_err(|error| error.to_string())
}

/// Waits in a process of its own.
fn party(barrier: &Barrier) -> Process<Learned> {
    Process::spawn(|barrier: Barrier| learned(barrier.wait()), barrier.clone()).unwrap()
}

/// The same as a future.
fn async_party(barrier: &Barrier) -> Process<Learned> {
    Process::spawn(|barrier: Barrier| learned(block_on(barrier.wait_async())), barrier.clone()).unwrap()
}

fn until_waiting(barrier: &Barrier, count: usize) {
    watch::until("so many wait", || barrier.waiting() == count);
}

fn result(party: &Process<Learned>) -> Learned {
    party.join_timeout(bound(SOON)).expect("it returns")
}

fn sleep_with(barrier: Barrier) {
    foreign::sleep_in_c(1000);
    drop(barrier);
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let barrier = Barrier::new(3).unwrap();
        let parties = [party(&barrier), async_party(&barrier)];
        until_waiting(&barrier, 2);
        assert!(!barrier.is_broken());
        let mut indices = vec![barrier.wait().unwrap().index];
        indices.extend(parties.iter().map(|party| result(party).unwrap()));
        indices.sort_unstable();
        assert_eq!((indices, barrier.waiting()), (vec![0, 1, 2], 0));
        barrier.close();
        assert_eq!(barrier.wait(), Err(BrokenBarrier::Gone));
    });
}

/// Each says which round it is in and waits; whoever runs the action finds all of them in the same.
#[test]
fn s_09_all_go_on_in_lockstep() {
    const PARTIES: usize = 5;
    const ROUNDS: u32 = 10;
    isolated_for_both(|| {
        let (barrier, said) = (Barrier::new(PARTIES).unwrap(), Queue::<u32>::bounded(PARTIES).unwrap());
        let lockstep = |(barrier, said): (Barrier, Queue<u32>)| {
            let (mut leads, mut actions) = (0, 0);
            for round in 0..ROUNDS {
                said.send(round).unwrap();
                let passed = barrier.wait_with(|| {
                    let all: Vec<u32> = (0..PARTIES).map(|_| said.try_recv().unwrap()).collect();
                    assert_eq!(all, [round; PARTIES]);
                    actions += 1;
                });
                leads += u32::from(passed.unwrap().is_leader);
            }
            (leads, actions)
        };
        let parties: Vec<_> =
            (0..PARTIES).map(|_| Process::spawn(lockstep, (barrier.clone(), said.clone())).unwrap()).collect();
        let counts: Vec<(u32, u32)> = parties.iter().map(|party| party.join_timeout(bound(SOON)).unwrap()).collect();
        assert_eq!(counts.iter().map(|(leads, _)| leads).sum::<u32>(), ROUNDS, "one leads each round");
        assert_eq!(counts.iter().map(|(_, actions)| actions).sum::<u32>(), ROUNDS, "one acts in each round");
        barrier.close();
        said.close(Close::Drain);
    });
}

#[test]
fn s_09_an_abort_breaks_it_for_all_and_a_reset_mends_it() {
    isolated(|| {
        let barrier = Barrier::new(3).unwrap();
        let parties = [party(&barrier), async_party(&barrier)];
        until_waiting(&barrier, 2);
        Process::spawn(|barrier: Barrier| barrier.abort(), barrier.clone()).unwrap().join().unwrap();
        for party in &parties {
            assert_eq!(result(party), Err(BrokenBarrier::Aborted.to_string()));
        }
        assert!(barrier.is_broken());
        assert_eq!(barrier.wait(), Err(BrokenBarrier::Aborted), "and for whoever comes");
        assert_eq!(result(&party(&barrier)), Err(BrokenBarrier::Aborted.to_string()));
        barrier.reset();
        assert!(!barrier.is_broken());
        let parties = [party(&barrier), async_party(&barrier)];
        barrier.wait_timeout(bound(SOON)).unwrap();
        parties.iter().for_each(|party| _ = result(party).unwrap());
        barrier.close();
    });
}

#[test]
fn s_09_a_reset_sends_those_away_who_wait() {
    isolated(|| {
        let barrier = Barrier::new(3).unwrap();
        barrier.reset();
        for round in 0..3 {
            let parties = [party(&barrier), async_party(&barrier)];
            until_waiting(&barrier, 2);
            barrier.reset();
            for party in &parties {
                assert_eq!(result(party), Err(BrokenBarrier::Reset.to_string()), "round {round}");
            }
            assert!(!barrier.is_broken());
            let parties = [party(&barrier), party(&barrier)];
            barrier.wait_timeout(bound(SOON)).unwrap();
            parties.iter().for_each(|party| _ = result(party).unwrap());
        }
        barrier.close();
    });
}

#[test]
fn a_party_that_dies_breaks_it_for_all_who_learn_whose_death_it_was() {
    isolated_for_both(|| {
        let barrier = Barrier::new(3).unwrap();
        let (victim, other) = (party(&barrier), async_party(&barrier));
        until_waiting(&barrier, 2);
        signal(&victim, Signal::KILL);
        let other = result(&other).unwrap_err();
        assert_eq!(other, format!("the barrier is broken: process {} has died", victim.id()));
        let Err(BrokenBarrier::Died(dead)) = barrier.wait() else { panic!("it stays broken") };
        assert_eq!(dead.process(), victim.id());
        let report = dead.report().expect("the node keeps it");
        assert!(matches!(report.reason, ExitReason::Signaled { signal: 9, .. }), "{report}");
        victim.join().unwrap_err();
        barrier.reset();
        let parties = [party(&barrier), party(&barrier)];
        barrier.wait_timeout(bound(SOON)).unwrap();
        parties.iter().for_each(|party| _ = result(party).unwrap());
        barrier.close();
    });
}

/// The others would wait for it in vain, and for who has ended in good order nobody waits.
#[test]
fn so_does_one_that_dies_before_it_has_come() {
    isolated(|| {
        let barrier = Barrier::new(2).unwrap();
        Process::spawn(|barrier: Barrier| barrier.parties(), barrier.clone()).unwrap().join().unwrap();
        assert!(!barrier.is_broken());
        let (waits, sleeps) = (party(&barrier), Process::spawn(sleep_with, barrier.clone()).unwrap());
        until_waiting(&barrier, 1);
        sleeps.kill().unwrap();
        assert!(result(&waits).unwrap_err().contains("has died"));
        barrier.close();
    });
}

#[test]
fn so_does_one_that_dies_while_it_runs_the_action() {
    isolated(|| {
        let (barrier, is_acting) = (Barrier::new(2).unwrap(), Event::new().unwrap());
        let waits = party(&barrier);
        until_waiting(&barrier, 1);
        let acts = |(barrier, is_acting): (Barrier, Event)| {
            let passed = barrier.wait_with(|| {
                is_acting.set();
                foreign::sleep_in_c(1000);
            });
            learned(passed)
        };
        let actor = Process::spawn(acts, (barrier.clone(), is_acting.clone())).unwrap();
        is_acting.wait_timeout(SOON).unwrap();
        assert_eq!(barrier.waiting(), 2);
        signal(&actor, Signal::KILL);
        assert!(result(&waits).unwrap_err().contains("has died"));
        actor.join().unwrap_err();
        barrier.close();
        is_acting.close();
    });
}

/// It has come, so all others can go on; what it finds when it goes on is that it has passed.
#[test]
fn s_14_one_that_is_stopped_where_it_waits_has_come_all_the_same() {
    isolated(|| {
        let barrier = Barrier::new(2).unwrap();
        let stopped = party(&barrier);
        until_waiting(&barrier, 1);
        until_asleep(&stopped);
        stop(&stopped);
        barrier.wait_timeout(bound(SOON)).unwrap();
        // Broken twice over in the meantime: each round has its own end.
        barrier.abort();
        barrier.reset();
        barrier.abort();
        signal(&stopped, Signal::CONT);
        result(&stopped).unwrap();
        barrier.close();
    });
}

#[test]
fn s_14_one_that_is_stopped_before_it_comes_leaves_the_others_out_of_time() {
    isolated(|| {
        let barrier = Barrier::new(2).unwrap();
        let stopped = Process::spawn(sleep_with, barrier.clone()).unwrap();
        stop(&stopped);
        assert_eq!(out_of_time(|| barrier.wait_timeout(TIMEOUT)), Err(BrokenBarrier::Timeout));
        assert_eq!(barrier.wait(), Err(BrokenBarrier::Timeout), "it is broken by that");
        stopped.kill().unwrap();
        barrier.close();
    });
}

#[test]
fn s_11_a_wait_at_a_barrier_ends_at_its_time() {
    isolated(|| {
        let barrier = BarrierOptions { timeout: Some(TIMEOUT), ..BarrierOptions::new(2) }.create().unwrap();
        let deadline = || Instant::now() + TIMEOUT;
        let mut ways: [Box<dyn FnMut() -> Result<BarrierWait, BrokenBarrier>>; 4] = [
            Box::new(|| barrier.wait()),
            Box::new(|| barrier.wait_timeout(TIMEOUT)),
            Box::new(|| barrier.wait_deadline(deadline())),
            Box::new(|| block_on(barrier.wait_async())),
        ];
        for wait in &mut ways {
            assert_eq!(out_of_time(wait), Err(BrokenBarrier::Timeout));
            assert!(barrier.is_broken());
            barrier.reset();
        }
        drop(ways);
        let other = Process::spawn(|barrier: Barrier| learned(barrier.wait_timeout(SOON)), barrier.clone()).unwrap();
        until_waiting(&barrier, 1);
        barrier.wait_timeout(bound(SOON)).unwrap();
        result(&other).unwrap();
        barrier.close();
    });
}

#[test]
fn an_action_that_panics_breaks_it() {
    isolated(|| {
        let barrier = Barrier::new(2).unwrap();
        let other = party(&barrier);
        until_waiting(&barrier, 1);
        let panics = || barrier.wait_with(|| panic!("on purpose"));
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(result(&other), Err(BrokenBarrier::ActionFailed.to_string()));
        assert!(barrier.is_broken());
        barrier.close();
    });
}

#[test]
fn a_future_that_was_dropped_has_given_up() {
    isolated(|| {
        let barrier = Barrier::new(2).unwrap();
        drop(barrier.wait_async());
        assert!(!barrier.is_broken(), "it had not come");
        let other = party(&barrier);
        until_waiting(&barrier, 1);
        other.kill().unwrap();
        let _ = other.join();
        barrier.reset();
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut future = pin!(barrier.wait_async());
            assert!(future.as_mut().poll(&mut context).is_pending());
            assert_eq!((barrier.waiting(), barrier.is_broken()), (1, false));
        }
        assert_eq!(barrier.wait(), Err(BrokenBarrier::GivenUp));
        barrier.reset();
        let both = futures::future::join(barrier.wait_async(), barrier.wait_async());
        let (one, other) = block_on(both);
        assert_eq!(one.unwrap().index + other.unwrap().index, 1);
        barrier.close();
    });
}

#[test]
fn one_party_alone_never_waits() {
    isolated(|| {
        let barrier = Barrier::new(1).unwrap();
        for _ in 0..100 {
            assert_eq!(barrier.wait(), Ok(BarrierWait { index: 0, is_leader: true }));
            assert!(block_on(barrier.wait_async()).unwrap().is_leader);
        }
        for parties in [0, 4097] {
            assert!(matches!(Barrier::new(parties), Err(CreateError::OutOfBounds { .. })));
        }
    });
}

/// Three share a barrier for two: whoever finds no place waits for one.
#[test]
fn a_thousand_rounds_of_more_than_the_parties() {
    const PASSES: usize = 2000;
    isolated(|| {
        let (barrier, passed) = (Barrier::new(2).unwrap(), Semaphore::new(0).unwrap());
        let passes = |(barrier, passed): (Barrier, Semaphore)| {
            let mut count = 0;
            loop {
                match barrier.wait() {
                    Ok(_) => count += 1,
                    Err(error) => return (count, error.to_string()),
                }
                // So many that the rest does not matter.
                let _ = passed.release();
            }
        };
        let parties = [0, 1, 2].map(|_| Process::spawn(passes, (barrier.clone(), passed.clone())).unwrap());
        for _ in 0..PASSES {
            passed.acquire_timeout(bound(SOON)).unwrap().forget();
        }
        barrier.abort();
        let ends: Vec<(usize, String)> = parties.iter().map(|it| it.join_timeout(bound(SOON)).unwrap()).collect();
        let total: usize = ends.iter().map(|(count, _)| count).sum();
        assert!(PASSES <= total && total.is_multiple_of(2), "{ends:?}");
        assert!(ends.iter().all(|(_, end)| *end == BrokenBarrier::Aborted.to_string()), "{ends:?}");
        barrier.close();
        passed.close();
    });
}
