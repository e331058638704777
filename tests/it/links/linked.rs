//! Links between two: what one's end does to the other.

use actor_core::process::Process;

use super::*;
use crate::harness::{isolated, isolated_for_both};

#[test]
fn smoke() {
    isolated(|| {
        let diary = diary();
        let (one, other) = (member(&diary), member(&diary));
        let (first, end) = (peer(&one), other.monitor().unwrap());
        other.befriend(first).wait().unwrap();
        one.end(End::Panic).send().unwrap();
        let report = end.wait_timeout(SOON).expect("it ends as well").report;
        assert_eq!(report.via, Some(first));
        done(diary, []);
    });
}

#[test]
fn m_01_the_other_ends_for_the_same_reason_and_names_the_link() {
    isolated_for_both(|| {
        let diary = diary();
        for (end, is_asked_by_dying) in FAILURES.into_iter().flat_map(|end| [(end, true), (end, false)]) {
            let (one, other) = (member(&diary), member(&diary));
            let (first, last) = (one.monitor().unwrap(), other.monitor().unwrap());
            match is_asked_by_dying {
                true => one.befriend(peer(&other)).wait().unwrap(),
                false => other.befriend(peer(&one)).wait().unwrap(),
            }
            one.end(end).send().unwrap();
            let report = first.wait_timeout(SOON).expect("it ends").report;
            assert!(end.is(&report.reason), "{report}");
            assert_eq!(report.via, None);
            let linked = last.wait_timeout(SOON).expect("it ends as well").report;
            assert_eq!((&linked.reason, linked.via), (&report.reason, Some(first.peer())), "{linked}");
        }
        nothing_in(&diary);
        done(diary, []);
    });
}

#[test]
fn m_01_a_stop_and_a_kill_travel_too() {
    isolated(|| {
        let diary = diary();
        let pair = || {
            let (one, other) = (member(&diary), member(&diary));
            one.befriend(peer(&other)).wait().unwrap();
            (one, other.monitor().unwrap(), peer(&one))
        };
        let (one, last, first) = pair();
        one.stop().unwrap();
        let report = last.wait_timeout(SOON).expect("it ends as well").report;
        assert_eq!((report.reason, report.via), (ExitReason::Shutdown(None), Some(first)));
        let (one, last, first) = pair();
        let killed = one.kill().unwrap();
        assert_eq!(killed.reason, ExitReason::Killed { by: KilledBy::User });
        let report = last.wait_timeout(SOON).expect("it ends as well").report;
        assert_eq!((report.reason, report.via), (was_killed_by_link_to(first), Some(first)));
        nothing_in(&diary);
        done(diary, []);
    });
}

/// Ends with somebody else, and says when that is certain.
fn follow((leader, linked): (Peer, Queue<()>)) {
    actor_core::link::link(leader).expect("the node is there");
    linked.send(()).expect("somebody waits for it");
    foreign::sleep_in_c(1000);
}

/// A chain: a process, which leads; an actor and a process that follow it; a process that follows the actor.
#[test]
fn m_01_between_processes_and_actors() {
    isolated_for_both(|| {
        let (diary, linked) = (diary(), Queue::bounded(2).unwrap());
        let leader = Process::spawn(sleep, ()).unwrap();
        let actor = member(&diary);
        actor.befriend(leader.id().into()).wait().unwrap();
        let leaders = [Peer::from(leader.id()), peer(&actor)];
        let followers = leaders.map(|peer| Process::spawn(follow, (peer, linked.clone())).unwrap());
        let middle = actor.monitor().unwrap();
        let ends = followers.each_ref().map(|process| actor_core::link::monitor(process).unwrap());
        (0..2).for_each(|_| linked.recv_timeout(SOON).expect("they link themselves"));
        leader.kill().unwrap();
        let report = middle.wait_timeout(SOON).expect("it ends as well").report;
        assert_eq!((report.reason, report.via), (was_killed_by_link_to(leaders[0]), Some(leaders[0])));
        for (end, via) in ends.iter().zip(leaders) {
            let report = end.wait_timeout(SOON).expect("it ends as well").report;
            assert_eq!((report.reason, report.via), (was_killed_by_link_to(leaders[0]), Some(via)));
        }
        leader.join().unwrap_err();
        linked.close(Close::Now);
        done(diary, []);
    });
}

#[test]
fn m_02_who_traps_is_told() {
    isolated(|| {
        let diary = diary();
        let trapping = member(&diary);
        trapping.trap().wait().unwrap();
        for end in FAILURES.into_iter().chain([End::Normal]) {
            let other = member(&diary);
            let other_peer = peer(&other);
            other.befriend(peer(&trapping)).wait().unwrap();
            other.end(end).send().unwrap();
            let told = next(&diary);
            let Told::Exit(from, reason) = told else { panic!("{told:?}") };
            assert!(from == other_peer && end.is(&reason), "{end:?}: {reason:?}");
        }
        assert!(trapping.is_there().wait().unwrap());
        done(diary, [trapping]);
    });
}

#[test]
fn m_02_who_traps_no_more_ends() {
    isolated(|| {
        let diary = diary();
        let (one, other) = (member(&diary), member(&diary));
        one.trap().wait().unwrap();
        one.befriend(peer(&other)).wait().unwrap();
        one.trap_no_more().wait().unwrap();
        let end = one.monitor().unwrap();
        other.end(End::Exit(3)).send().unwrap();
        let report = end.wait_timeout(SOON).expect("it ends as well").report;
        assert_eq!(report.reason, ExitReason::ExitCode(3));
        nothing_in(&diary);
        done(diary, []);
    });
}

#[test]
fn m_03_a_normal_end_is_the_end_of_one() {
    isolated(|| {
        let diary = diary();
        let (one, other) = (member(&diary), member(&diary));
        one.befriend(peer(&other)).wait().unwrap();
        let end = one.monitor().unwrap();
        one.end(End::Normal).send().unwrap();
        assert_eq!(end.wait_timeout(SOON).expect("it ends").report.reason, ExitReason::Normal);
        // What a link does is done before anybody is told.
        let alive = other.monitor().unwrap();
        assert!(alive.wait_timeout(NOT_YET).is_none());
        assert!(other.is_there().wait().unwrap());
        done(diary, [other]);
    });
}

#[test]
fn m_13_a_kill_cannot_be_trapped() {
    isolated(|| {
        let diary = diary();
        let (one, other) = (member(&diary), member(&diary));
        one.trap().wait().unwrap();
        other.trap().wait().unwrap();
        one.befriend(peer(&other)).wait().unwrap();
        let first = peer(&one);
        assert_eq!(one.kill().unwrap().reason, ExitReason::Killed { by: KilledBy::User });
        assert_eq!(next(&diary), Told::Exit(first, was_killed_by_link_to(first)), "by those who are linked it can");
        assert!(other.is_there().wait().unwrap());
        done(diary, [other]);
    });
}

#[test]
fn a_link_to_the_dead_is_an_exit_signal() {
    isolated(|| {
        let diary = diary();
        let (one, other) = (member(&diary), member(&diary));
        let dead = peer(&other);
        other.stop().unwrap();
        one.trap().wait().unwrap();
        one.befriend(dead).wait().unwrap();
        assert_eq!(next(&diary), Told::Exit(dead, ExitReason::NoProc));
        one.trap_no_more().wait().unwrap();
        let end = one.monitor().unwrap();
        let _ = one.befriend(dead).wait();
        let report = end.wait_timeout(SOON).expect("it dies of it").report;
        assert_eq!((report.reason, report.via), (ExitReason::NoProc, Some(dead)));
        done(diary, []);
    });
}

#[test]
fn a_link_is_one_however_often_it_was_made_and_whoever_cuts_it() {
    isolated(|| {
        let diary = diary();
        let (one, other) = (member(&diary), member(&diary));
        one.trap().wait().unwrap();
        for _ in 0..3 {
            one.befriend(peer(&other)).wait().unwrap();
            other.befriend(peer(&one)).wait().unwrap();
        }
        other.befriend(peer(&other)).wait().unwrap();
        other.leave(peer(&one)).wait().unwrap();
        other.leave(peer(&one)).wait().unwrap();
        other.end(End::Exit(1)).send().unwrap();
        nothing_in(&diary);

        let third = member(&diary);
        for _ in 0..3 {
            one.befriend(peer(&third)).wait().unwrap();
        }
        let third_peer = peer(&third);
        third.end(End::Exit(2)).send().unwrap();
        assert_eq!(next(&diary), Told::Exit(third_peer, ExitReason::ExitCode(2)));
        nothing_in(&diary);
        done(diary, [one]);
    });
}
