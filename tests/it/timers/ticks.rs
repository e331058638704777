//! Ticks: when they are due, in which order they come, and with what they are gone.

use super::*;
use crate::harness::{isolated, isolated_for_both};

const MS: Duration = Duration::from_millis(1);

#[track_caller]
fn tick(desk: &Desk) -> (usize, u64, u64, u64) {
    match desk.entry() {
        Entry::Tick(place, count, missed, due) => (place, count, missed, due),
        note => panic!("{note:?}"),
    }
}

/// Count and missed of the ticks that come before a note.
#[track_caller]
fn ticks_until(desk: &Desk, note: Entry) -> Vec<(u64, u64)> {
    let mut ticks = Vec::new();
    loop {
        match desk.entry() {
            Entry::Tick(_, count, missed, _) => ticks.push((count, missed)),
            other => {
                assert_eq!(other, note);
                return ticks;
            }
        }
    }
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        clock.after(vec![MS]).wait().unwrap();
        let (place, count, missed, due) = tick(&desk);
        assert_eq!((place, count, missed), (0, 1, 0));
        assert!(MS.as_nanos() as u64 <= due);
        assert!(!clock.cancel(0).wait().unwrap(), "it was told");
        desk.nothing_more();
        clock.stop().unwrap();
        desk.clear();
    });
}

/// Due times are compared, not times at which something was told: those are the machine's affair.
#[test]
fn due_times_do_not_drift() {
    isolated(|| {
        const PERIOD: u64 = 10_000_000;
        for missed in [Missed::Skip, Missed::Bunch] {
            let desk = Desk::new();
            let clock = desk.clock();
            clock.every(Duration::from_nanos(PERIOD), missed).wait().unwrap();
            let (mut last, mut start) = (0, None);
            while last < 100 {
                let (_, count, missed, due) = tick(&desk);
                let began = *start.get_or_insert(due - count * PERIOD);
                assert_eq!(due, began + count * PERIOD, "tick {count}");
                assert_eq!(last + 1 + missed, count);
                last = count;
            }
            clock.stop().unwrap();
            desk.clear();
        }
    });
}

/// A handler takes five periods: the next tick stands for all of them, or each comes.
#[test]
fn what_passes_while_a_handler_runs_is_skipped_or_bunched() {
    isolated(|| {
        const PERIOD: Duration = Duration::from_millis(10);
        for missed in [Missed::Skip, Missed::Bunch] {
            let desk = Desk::new();
            let clock = desk.clock();
            // All are in the mailbox before the first of them begins.
            clock.wait().send().unwrap();
            until("it has that in hand", || clock.status().unwrap().queued == 0);
            let set = clock.every(PERIOD, missed);
            let set = std::thread::spawn(move || set.wait().unwrap());
            until("the call waits", || clock.status().unwrap().queued == 1);
            clock.work(0, 5 * PERIOD + PERIOD / 2).send().unwrap();
            clock.note(7).send().unwrap();
            desk.open_gate();
            set.join().unwrap();
            // On a slow machine some were due before the handler began.
            let before = ticks_until(&desk, Entry::Note(0, 0));
            let after = ticks_until(&desk, Entry::Note(7, 1));
            let all: Vec<_> = before.iter().chain(&after).copied().collect();
            match missed {
                Missed::Skip => {
                    let last = before.last().map_or(0, |(count, _)| *count);
                    let (count, missed) = after[0];
                    assert!(5 <= count && last + missed + 1 == count, "{all:?}");
                    assert_eq!(after.len(), 1, "one comes for all");
                }
                Missed::Bunch => {
                    assert!(5 <= all.len(), "they go before the next message: {all:?}");
                    assert!(all.iter().enumerate().all(|(at, it)| *it == (at as u64 + 1, 0)), "{all:?}");
                }
            }
            clock.stop().unwrap();
            desk.clear();
        }
    });
}

#[test]
fn ticks_leave_messages_their_turn() {
    isolated(|| {
        const MESSAGES: u32 = 100;
        let desk = Desk::new();
        let clock = desk.clock();
        clock.wait().send().unwrap();
        until("it has that in hand", || clock.status().unwrap().queued == 0);
        let set = clock.every(Duration::from_micros(1), Missed::Bunch);
        let set = std::thread::spawn(move || set.wait().unwrap());
        until("the call waits", || clock.status().unwrap().queued == 1);
        // More ticks than there could be between all of these.
        clock.work(0, 20 * MS).send().unwrap();
        (0..MESSAGES).for_each(|number| clock.note(number).send().unwrap());
        desk.open_gate();
        set.join().unwrap();
        ticks_until(&desk, Entry::Note(0, 0));
        for number in 0..MESSAGES {
            assert_eq!(ticks_until(&desk, Entry::Note(number, 1)).len(), 64, "before message {number}");
        }
        // It ends, whatever is due.
        assert_eq!(clock.stop().unwrap().reason, ExitReason::Shutdown(None));
        desk.clear();
    });
}

#[test]
fn messages_leave_ticks_their_turn() {
    isolated(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        clock.go_on().send().unwrap();
        clock.after(vec![MS]).wait().unwrap();
        assert_eq!(tick(&desk).0, 0);
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn what_is_cancelled_is_not_told() {
    isolated(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        clock.after(vec![HOUR, Duration::MAX]).wait().unwrap();
        clock.every(MS, Missed::Skip).wait().unwrap();
        assert_eq!(tick(&desk).0, 2);
        for place in 0..3 {
            assert_eq!([(); 2].map(|()| clock.cancel(place).wait().unwrap()), [true, false], "timer {place}");
        }
        while desk.journal.try_recv().is_ok() {}
        desk.nothing_more();
        // Both are due, and the first cancels the second.
        clock.at_next_tick(AtTick::Cancel(4)).wait().unwrap();
        clock.after(vec![Duration::ZERO, Duration::ZERO]).wait().unwrap();
        assert_eq!(tick(&desk).0, 3);
        clock.is_there().wait().unwrap();
        desk.nothing_more();
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn a_thousand_timers_come_in_the_order_of_their_times() {
    isolated(|| {
        const TIMERS: u64 = 1000;
        let desk = Desk::new();
        let clock = desk.clock();
        // Each time is there twice, and all in disorder.
        let delay = |number: u64| Duration::from_micros(100 * (number * 7919 % TIMERS / 2));
        clock.after((0..TIMERS).map(delay).collect()).wait().unwrap();
        let mut told: Vec<_> = (0..TIMERS).map(|_| tick(&desk)).collect();
        assert!(told.is_sorted_by_key(|(.., due)| *due));
        assert!(told.iter().all(|(_, count, missed, _)| (*count, *missed) == (1, 0)));
        for (place, _, _, due) in &told {
            assert!(delay(*place as u64).as_nanos() as u64 <= *due);
        }
        told.sort_unstable();
        told.dedup_by_key(|(place, ..)| *place);
        assert_eq!(told.len() as u64, TIMERS, "each once");
        desk.nothing_more();
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn ticks_are_bounded_and_a_period_of_nothing_is_none() {
    isolated(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        let refused = clock.every(Duration::ZERO, Missed::Skip).wait().unwrap_err();
        assert_eq!(refused.to_string(), TickError::NoPeriod.to_string());
        let (set, refused) = clock.set_all().wait().unwrap();
        assert_eq!((set, refused), (1 << 16, TickError::TooMany.to_string()));
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn the_next_life_has_the_ticks_that_it_sets_itself() {
    isolated_for_both(|| {
        for period in [None, Some(MS)] {
            let desk = Desk { period, ..Desk::new() };
            let (app, clock) = desk.supervised();
            clock.every(MS, Missed::Skip).wait().unwrap();
            let own = usize::from(period.is_some());
            while tick(&desk).0 != own {}
            clock.kill().unwrap();
            assert!(clock.is_there().wait().unwrap(), "it lives again");
            while desk.journal.try_recv().is_ok() {}
            match period {
                Some(_) => assert_eq!([(); 5].map(|()| tick(&desk).0), [0; 5]),
                None => desk.nothing_more(),
            }
            app.stop().unwrap();
            desk.clear();
        }
    });
}

#[test]
fn an_actor_that_ends_at_a_tick_is_told_no_other() {
    isolated(|| {
        for (deed, reason) in
            [(AtTick::Stop, ExitReason::Normal), (AtTick::Fail, ExitReason::Failed("at its time".into()))]
        {
            let desk = Desk::new();
            let clock = desk.clock();
            let end = clock.monitor().unwrap();
            clock.at_next_tick(deed).wait().unwrap();
            clock.after(vec![Duration::ZERO; 10]).wait().unwrap();
            assert_eq!(end.wait_timeout(SOON).expect("it ends").report.reason, reason);
            assert_eq!(tick(&desk).0, 0);
            desk.nothing_more();
            desk.clear();
        }
    });
}

#[test]
fn a_tick_that_no_handler_takes_harms_nobody() {
    isolated(|| {
        let deaf = Deaf.spawn().unwrap();
        for _ in 0..3 {
            deaf.set().wait().unwrap();
            assert!(deaf.is_there().wait().unwrap());
        }
        deaf.stop().unwrap();
    });
}
