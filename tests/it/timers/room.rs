//! Messages whose time has come, for actors that have no room.

use super::*;
use crate::harness::isolated;

const MS: Duration = Duration::from_millis(1);

/// An actor that handles nothing until its gate is opened, with a full mailbox.
fn full(desk: &Desk, capacity: u32) -> ActorRef<Clock> {
    let clock = desk.clock_with_room(capacity);
    clock.wait().send().unwrap();
    until("it has the first in hand", || clock.status().unwrap().queued == 0);
    (1..capacity).for_each(|number| clock.note(number).send().unwrap());
    clock
}

#[test]
fn smoke() {
    isolated(|| {
        let desk = Desk::new();
        let clock = full(&desk, 4);
        for number in 4..30 {
            clock.note(number).timeout(HOUR).send_after(MS).unwrap();
        }
        // Meanwhile the node has time for others.
        let other = desk.clock();
        other.note(100).send_after(5 * MS).unwrap();
        assert_eq!(desk.notes(1), [100]);
        assert_eq!(delayed(), 26);
        desk.open_gate();
        assert_eq!(desk.notes(29), (1..30).collect::<Vec<_>>(), "none overtakes another");
        until("none waits", || delayed() == 0);
        assert_eq!(counters().unwrap().dead_letters, 0);
        [clock, other].iter().for_each(|clock| drop(clock.stop().unwrap()));
        desk.clear();
    });
}

#[test]
fn who_finds_no_room_in_time_is_a_dead_letter() {
    isolated(|| {
        let desk = Desk::new();
        let clock = full(&desk, 2);
        for number in 10..13 {
            clock.note(number).timeout(20 * MS).send_after(MS).unwrap();
        }
        clock.note(13).timeout(HOUR).send_after(MS).unwrap();
        // Until a moment that is before its time: it does not wait at all.
        clock.note(14).deadline(Instant::now()).send_after(MS).unwrap();
        until("four have given up", || counters().unwrap().dead_letters == 4);
        let mut letters: Vec<u32> = all_dead_letters()
            .iter()
            .map(|letter| {
                assert_eq!((&*letter.actor, &*letter.handler, letter.deliveries), ("Clock", "note", 0));
                assert_eq!(letter.reason, "there was no room for it in time");
                letter.arguments::<(u32,)>().unwrap().0
            })
            .collect();
        letters.sort_unstable();
        assert_eq!((letters, delayed()), (vec![10, 11, 12, 14], 1));
        desk.open_gate();
        assert_eq!(desk.notes(2), [1, 13]);
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn one_that_waits_for_room_can_be_cancelled() {
    isolated(|| {
        let desk = Desk::new();
        let clock = full(&desk, 2);
        let [first, second] = [10, 11].map(|number| clock.note(number).timeout(HOUR).send_after(Duration::ZERO));
        // Posted by now if it could be: the node has served what came after them.
        desk.clock().stop().unwrap();
        assert!(first.unwrap().cancel().unwrap());
        assert_eq!(delayed(), 1);
        desk.open_gate();
        assert_eq!(desk.notes(2), [1, 11]);
        assert!(!second.unwrap().cancel().unwrap());
        clock.stop().unwrap();
        desk.nothing_more();
        desk.clear();
    });
}

/// The actor takes nothing for twenty periods: one message waits meanwhile, and not twenty.
#[test]
fn a_periodic_one_skips_or_bunches_what_finds_no_room() {
    isolated(|| {
        const PERIOD: Duration = Duration::from_millis(5);
        for missed in [Missed::Skip, Missed::Bunch] {
            let desk = Desk::new();
            let clock = full(&desk, 2);
            let begin = Instant::now();
            let timer = clock.note(7).timeout(HOUR).send_every(PERIOD, missed).unwrap();
            let set = Instant::now();
            std::thread::park_timeout(20 * PERIOD);
            while set.elapsed() < 20 * PERIOD {
                std::thread::park_timeout(PERIOD);
            }
            assert_eq!(delayed(), 1);
            let periods = set.elapsed().div_duration_f64(PERIOD) as u32;
            desk.open_gate();
            assert_eq!(desk.notes(1), [1]);
            match missed {
                Missed::Bunch => assert_eq!(desk.notes(periods as usize), vec![7; periods as usize]),
                Missed::Skip => assert_eq!(desk.notes(5), [7; 5]),
            }
            timer.cancel().unwrap();
            clock.is_there().wait().unwrap();
            let came = 5 + std::iter::from_fn(|| desk.journal.try_recv().ok()).count() as u32;
            let all = begin.elapsed().div_duration_f64(PERIOD) as u32;
            if missed == Missed::Skip {
                assert!(came <= all - 20 + 2, "{came} of {all} came, though 20 were to be skipped");
            }
            clock.stop().unwrap();
            desk.clear();
        }
    });
}

#[test]
fn a_periodic_one_goes_on_after_one_that_found_no_room_in_time() {
    isolated(|| {
        let desk = Desk::new();
        let clock = full(&desk, 1);
        let timer = clock.note(7).timeout(5 * MS).send_every(2 * MS, Missed::Skip).unwrap();
        until("some have given up", || 3 <= counters().unwrap().dead_letters);
        assert_eq!(delayed(), 1);
        desk.open_gate();
        assert_eq!(desk.notes(3), [7; 3]);
        assert!(timer.cancel().unwrap());
        clock.stop().unwrap();
        desk.clear();
    });
}
