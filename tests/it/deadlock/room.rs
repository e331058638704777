//! Casts to full mailboxes whose actors wait for room, or for an answer, themselves.

use super::*;
use crate::harness::{isolated, isolated_and_long};

#[test]
fn smoke() {
    isolated(|| {
        let (clerks, outcomes) = clerks();
        flood_each_other(&clerks, &outcomes, 1);
        done(clerks, outcomes);
    });
}

/// Two have more for each other than their mailboxes hold: one gets its cast back, and takes what the
/// other one has for it.
fn flood_each_other([a, b]: &[ActorRef<Clerk>; 2], outcomes: &Queue<Outcome>, length: usize) {
    let [here, there] = Meeting::pair();
    a.meet_and_flood(here.clone(), *b, length).send().unwrap();
    b.meet_and_flood(there, *a, length).send().unwrap();
    let told = [(); 2].map(|()| outcomes.recv_timeout(SOON).expect("neither hangs"));
    let gone: Vec<_> = told.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(gone.len(), 1, "{told:?}");
    let other = if gone[0].who == a.id() { b } else { a };
    assert_eq!(gone[0], &Stuck::expected("cast", "note", &[gone[0].who, other.id()]));
    here.close();
}

#[test]
fn t_17_of_two_full_mailboxes_one_gives_a_cast_back() {
    isolated_and_long(|| {
        let (clerks, outcomes) = clerks();
        for _ in 0..100 {
            flood_each_other(&clerks, &outcomes, 1);
        }
        let noted = clerks.each_ref().map(|clerk| clerk.noted().wait().unwrap());
        assert!(100 * 3 * CAPACITY <= noted[0] + noted[1], "all of the other's come: {noted:?}");
        done(clerks, outcomes);
    });
}

/// These lie in memory of which there is less than there are slots.
#[test]
fn t_17_the_same_for_large_messages() {
    isolated_and_long(|| {
        let (clerks, outcomes) = clerks();
        for _ in 0..20 {
            flood_each_other(&clerks, &outcomes, 60_000);
        }
        done(clerks, outcomes);
    });
}

#[test]
fn t_17_a_call_and_a_full_mailbox_are_a_cycle_too() {
    isolated_and_long(|| {
        let ([a, b], outcomes) = clerks();
        for _ in 0..100 {
            let [here, there] = Meeting::pair();
            a.meet_and_flood(here.clone(), b, 1).send().unwrap();
            b.meet_and_ask(there, a).send().unwrap();
            let told = [(); 2].map(|()| outcomes.recv_timeout(SOON).expect("neither hangs"));
            let gone: Vec<_> = told.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
            let expected = match gone[..] {
                [gone] if gone.who == a.id() => Stuck::expected("cast", "note", &[a.id(), b.id()]),
                _ => Stuck::expected("call", "noted", &[b.id(), a.id()]),
            };
            assert_eq!(gone, [&expected], "{told:?}");
            here.close();
        }
        done([a, b], outcomes);
    });
}
