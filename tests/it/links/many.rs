//! Many at once: rings, storms, and what they take.

use std::collections::BTreeSet;
use std::time::Instant;

use actor_core::link::monitor;
use actor_core::process::Process;
use actor_tests::watch::bound;

use super::*;
use crate::harness::{isolated, isolated_for_both};

const RING: usize = 100;
/// How long the end of a ring may take.
const RING_LIMIT: Duration = Duration::from_millis(100);

#[test]
fn m_11_a_ring_of_a_hundred_ends_as_one() {
    isolated_for_both(|| {
        let diary = diary();
        let members: Vec<_> = (0..RING).map(|_| member(&diary)).collect();
        let peers: Vec<Peer> = members.iter().map(peer).collect();
        for (at, member) in members.iter().enumerate() {
            member.befriend(peers[(at + 1) % RING]).wait().unwrap();
        }
        let ended = actor_core::node::counters().unwrap().ended;
        let monitors: Vec<_> = members.iter().map(|member| member.monitor().unwrap()).collect();
        let begin = Instant::now();
        members[0].end(End::Exit(3)).send().unwrap();
        let downs: Vec<_> = monitors.iter().map(|it| it.wait_timeout(SOON).expect("it ends")).collect();
        let took = begin.elapsed();
        println!("a ring of {RING} has ended after {took:?}");
        for (at, down) in downs.iter().enumerate() {
            assert_eq!((down.peer, &down.report.reason), (peers[at], &ExitReason::ExitCode(3)));
            let neighbours = [peers[(at + 1) % RING], peers[(at + RING - 1) % RING]];
            assert!(down.report.via.map_or(at == 0, |via| neighbours.contains(&via)), "{}", down.report);
        }
        assert_eq!(actor_core::node::counters().unwrap().ended - ended, RING as u64, "each has ended once");
        // Others use this machine while the tests run, and may have it all.
        assert!(took < bound(RING_LIMIT) * 5, "{took:?}");
        nothing_in(&diary);
        done(diary, []);
    });
}

const MONITORS: usize = 100_000;

#[test]
fn a_hundred_thousand_monitors_on_one_are_answered_within_a_second() {
    isolated(|| {
        let target = Process::spawn(sleep, ()).unwrap();
        let begin = Instant::now();
        let monitors: Vec<_> = (0..MONITORS).map(|_| monitor(&target).unwrap()).collect();
        let made = begin.elapsed();
        target.kill().unwrap();
        let begin = Instant::now();
        let downs: BTreeSet<_> =
            monitors.iter().map(|monitor| monitor.wait_timeout(SOON).expect("it was killed").monitor).collect();
        let took = begin.elapsed();
        println!("{MONITORS} monitors were made in {made:?} and answered in {took:?}");
        assert_eq!(downs.len(), MONITORS, "each by its own");
        assert!(took < bound(Duration::from_secs(1)), "{took:?}");
        drop(monitors);
        target.join().unwrap_err();
    });
}

#[test]
fn monitors_beyond_the_limit_are_an_error() {
    isolated(|| {
        let target = Process::spawn(sleep, ()).unwrap();
        let mut monitors = Vec::new();
        let error = loop {
            match monitor(&target) {
                Ok(monitor) => monitors.push(monitor),
                Err(error) => break error,
            }
        };
        assert_eq!(monitors.len(), 1 << 18, "{error}");
        monitors.truncate(monitors.len() - 1);
        let last = monitor(&target).unwrap();
        target.kill().unwrap();
        last.wait_timeout(SOON).expect("it was killed");
        assert!(monitors.iter().all(|monitor| monitor.wait_timeout(SOON).is_some()), "none was dropped");
    });
}

#[test]
fn a_thread_that_waits_for_others_takes_nothing_from_its_actor() {
    isolated(|| {
        let diary = diary();
        let watcher = member(&diary);
        watcher.trap().wait().unwrap();
        for _ in 0..3 {
            watcher.distract().wait().unwrap();
        }
        for round in 0..200 {
            let target = Process::spawn(sleep, ()).unwrap();
            let peer = Peer::from(target.id());
            match round % 2 {
                0 => watcher.watch(peer).wait().unwrap(),
                _ => watcher.befriend(peer).wait().unwrap(),
            }
            target.kill().unwrap();
            let expected = match round % 2 {
                0 => Told::Down(peer, ExitReason::Killed { by: KilledBy::User }),
                _ => Told::Exit(peer, was_killed_by_link_to(peer)),
            };
            // It sleeps, and nobody sends it anything that would wake it.
            assert_eq!(next(&diary), expected, "round {round}");
            target.join().unwrap_err();
        }
        done(diary, [watcher]);
    });
}

/// So that the end comes before, while and after the monitor is made.
fn end_after(moments: u32) {
    (0..moments).for_each(|_| std::hint::spin_loop());
    std::process::exit(9);
}

/// A monitor is made, and the other is told to end: whatever comes first, there is one notice.
#[test]
fn whenever_the_end_comes_there_is_one_notice() {
    isolated_for_both(|| {
        let mut reasons = [0; 2];
        for round in 0..300_u32 {
            let target = Process::spawn(end_after, round % 50 * 200).unwrap();
            let monitors = [monitor(&target).unwrap(), monitor(&target).unwrap()];
            for monitor in &monitors {
                let down = monitor.wait_timeout(SOON).expect("it ends");
                match down.report.reason {
                    ExitReason::ExitCode(9) => reasons[0] += 1,
                    ExitReason::NoProc => reasons[1] += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        println!("{} were told how, {} that there was nobody", reasons[0], reasons[1]);
    });
}
