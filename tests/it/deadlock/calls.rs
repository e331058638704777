//! Calls that lead back to their caller.

use super::*;
use crate::harness::{isolated, isolated_and_long, isolated_for_both};

/// What the first of `path` is told of, having asked the others in turn.
fn ask(path: &[&ActorRef<Clerk>]) -> Outcome {
    let [first, others @ ..] = path else { panic!("somebody has to be asked") };
    match first.ask(others.iter().map(|clerk| **clerk).collect()).wait() {
        Ok(()) => Ok(()),
        Err(CallError::Handler(stuck)) => Err(stuck),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn smoke() {
    isolated(|| {
        let ([a, b], outcomes) = clerks();
        assert_eq!(ask(&[&a, &b]), Ok(()));
        ask(&[&a, &b, &a]).expect_err("it would wait for ever");
        done([a, b], outcomes);
    });
}

#[test]
fn t_17_a_call_back_is_refused_at_once_and_names_the_cycle() {
    isolated_for_both(|| {
        let ([a, b], outcomes) = clerks();
        for _ in 0..20 {
            let begin = Instant::now();
            let told = ask(&[&a, &b, &a]).expect_err("it would wait for ever");
            assert_eq!(told, Stuck::expected("call", "ask", &[b.id(), a.id()]));
            assert!(begin.elapsed() < TIMEOUT / 4, "it took {:?}", begin.elapsed());
        }
        done([a, b], outcomes);
    });
}

#[test]
fn t_17_a_ring_is_found_by_who_closes_it() {
    isolated(|| {
        let (clerks, outcomes) = clerks::<12>();
        for length in [3, clerks.len()] {
            let path: Vec<_> = clerks[..length].iter().chain(&clerks[..1]).collect();
            let mut cycle: Vec<_> = clerks[..length].iter().map(ActorRef::id).collect();
            cycle.rotate_right(1);
            assert_eq!(ask(&path), Err(Stuck::expected("call", "ask", &cycle)));
        }
        // The one at the beginning is part of no ring, nor is this process.
        let [first, a, b, ..] = &clerks;
        assert_eq!(ask(&[first, a, b, a]), Err(Stuck::expected("call", "ask", &[b.id(), a.id()])));
        done(clerks, outcomes);
    });
}

/// Each is in a handler when it calls, so neither can answer the other: one of them has to go.
#[test]
fn of_two_that_call_each_other_one_goes() {
    isolated_and_long(|| {
        let ([a, b], outcomes) = clerks();
        let [here, there] = Meeting::pair();
        for round in 0..1000 {
            let begin = Instant::now();
            a.meet_and_ask(here.clone(), b).send().unwrap();
            b.meet_and_ask(there.clone(), a).send().unwrap();
            let told = [(); 2].map(|()| outcomes.recv_timeout(SOON).expect("neither hangs"));
            let gone: Vec<_> = told.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
            assert_eq!(gone.len(), 1, "round {round}: {told:?}");
            let other = if gone[0].who == a.id() { b.id() } else { a.id() };
            assert_eq!(gone[0], &Stuck::expected("call", "noted", &[gone[0].who, other]));
            assert!(begin.elapsed() < TIMEOUT / 2, "it took {:?}", begin.elapsed());
        }
        here.close();
        done([a, b], outcomes);
    });
}
