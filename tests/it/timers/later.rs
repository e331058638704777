//! Messages that are sent later: when they come, in which order, and how they are cancelled.

use actor_core::LaterError;
use actor_core::process::Process;
use actor_tests::chance::Chance;

use super::*;
use crate::harness::{isolated, isolated_and_long, isolated_for_both};

const MS: Duration = Duration::from_millis(1);

#[test]
fn smoke() {
    isolated_for_both(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        let due = monotonic() + MS.as_nanos() as u64;
        let timer = clock.note_at(1, due).send_after(MS).unwrap();
        assert_eq!(desk.entry(), Entry::Note(1, 1));
        assert!(!timer.cancel().unwrap(), "it was sent");
        let at = Instant::now() + MS;
        clock.note_at(2, monotonic()).send_at(at).unwrap();
        assert_eq!(desk.entry(), Entry::Note(2, 1));
        assert!(at <= Instant::now());
        clock.note(3).send_at(Instant::now() - MS).unwrap();
        assert_eq!(desk.entry(), Entry::Note(3, 1), "a moment that has passed is now");
        assert_eq!(delayed(), 0);
        clock.stop().unwrap();
        desk.clear();
    });
}

/// Has so many messages set for a moment that has not come before all of them are set, and gives what came.
#[track_caller]
fn set_in_time(desk: &Desk, count: u32, set: impl Fn(Instant)) -> Vec<u32> {
    for lead in [100, 1000, 10_000] {
        let at = Instant::now() + lead * MS;
        set(at);
        let was_in_time = Instant::now() < at;
        let told = desk.notes(count as usize);
        if was_in_time {
            return told;
        }
    }
    panic!("{count} messages could not be set within ten seconds");
}

#[test]
fn they_come_in_the_order_of_their_times() {
    isolated(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        let told = set_in_time(&desk, 100, |begin| {
            for number in (0..100).rev() {
                clock.note(number).send_at(begin + number * Duration::from_micros(100)).unwrap();
            }
        });
        assert_eq!(told, (0..100).collect::<Vec<_>>());
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn a_thousand_that_are_due_at_once_come_in_the_order_of_setting() {
    isolated(|| {
        const MESSAGES: u32 = 1000;
        let desk = Desk::new();
        let clock = desk.clock();
        let told = set_in_time(&desk, MESSAGES, |at| {
            for number in 0..MESSAGES {
                clock.note(number).send_at(at).unwrap();
            }
        });
        // More than the mailbox takes at once.
        assert_eq!(told, (0..MESSAGES).collect::<Vec<_>>());
        assert_eq!((delayed(), counters().unwrap().dead_letters), (0, 0));
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn what_is_cancelled_does_not_come_whoever_cancels_it() {
    isolated(|| {
        let desk = Desk::new();
        let [clock, other] = [desk.clock(), desk.clock()];
        let timers = [HOUR, HOUR, Duration::MAX].map(|delay| clock.note(1).send_after(delay).unwrap());
        let every = clock.note(2).send_every(MS, Missed::Skip).unwrap();
        assert_eq!(desk.notes(3), [2; 3]);
        assert!(every.cancel().unwrap());
        clock.is_there().wait().unwrap();
        while desk.journal.try_recv().is_ok() {}
        assert_eq!(delayed(), 3);
        assert!(timers[0].cancel().unwrap() && !timers[0].cancel().unwrap());
        assert!(other.cancel_other(timers[1]).wait().unwrap() && !other.cancel_other(timers[1]).wait().unwrap());
        assert!(Process::spawn(|timer: TimerRef| timer.cancel().unwrap(), timers[2]).unwrap().join().unwrap());
        assert!(!every.cancel().unwrap());
        assert_eq!(delayed(), 0);
        desk.nothing_more();
        [clock, other].iter().for_each(|clock| drop(clock.stop().unwrap()));
        desk.clear();
    });
}

/// At whatever moment it is cancelled: either it comes, or whoever has cancelled it knows that it does not.
#[test]
fn to_cancel_and_to_come_exclude_each_other() {
    isolated(|| {
        let mut chance = Chance::announced();
        let desk = Desk::new();
        let clock = desk.clock();
        let mut cancelled = 0;
        for number in 0..500 {
            let timer = clock.note(number).send_after(Duration::from_micros(chance.below(300))).unwrap();
            chance.pause(Duration::from_micros(300));
            match timer.cancel().unwrap() {
                true => cancelled += 1,
                false => assert_eq!(desk.notes(1), [number]),
            }
        }
        // Behind all that could still come.
        clock.note(1000).send().unwrap();
        assert_eq!(desk.notes(1), [1000]);
        println!("{cancelled} of 500 were cancelled in time");
        assert_eq!(delayed(), 0);
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn again_and_again_until_it_is_cancelled() {
    isolated(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        let timer = clock.note(1).send_every(2 * MS, Missed::Bunch).unwrap();
        assert_eq!(desk.notes(20), [1; 20]);
        assert_eq!(delayed(), 1);
        assert!(timer.cancel().unwrap());
        clock.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn what_cannot_be_sent_later_comes_back_at_once() {
    isolated(|| {
        let desk = Desk::new();
        let clock = desk.clock();
        let text = |bytes| "x".repeat(bytes);
        let Err(LaterError::TooLarge { cast, size, max }) = clock.load(1, text(1 << 20)).send_after(MS) else {
            panic!("it is too large to wait")
        };
        assert!(max == 1 << 20 && max < size && cast.message().1.len() == 1 << 20);
        cast.send().expect("it is not too large to be sent");
        assert_eq!(desk.notes(1), [1]);
        let period = clock.note(1).send_every(Duration::from_micros(999), Missed::Skip);
        assert!(matches!(period, Err(LaterError::Period(_))), "{period:?}");
        clock.stop().unwrap();
        let error = clock.note(3).send_after(MS).unwrap_err();
        assert!(error.to_string().contains("has ended") && matches!(error, LaterError::NoProc(_)), "{error}");
        assert_eq!(error.into_cast().into_message(), (3,));
        assert_eq!(delayed(), 0);
        desk.clear();
    });
}

#[test]
fn an_account_has_its_bounds_and_room_again() {
    isolated_and_long(|| {
        const MESSAGES: usize = 1 << 16;
        let desk = Desk::new();
        let clock = desk.clock();
        // By their bytes: each is a little smaller than the largest.
        let text = "x".repeat(1_000_000);
        let large: Vec<_> = (0..16).map(|_| clock.load(1, text.clone()).send_after(HOUR).unwrap()).collect();
        let refused = clock.load(1, text.clone()).send_after(HOUR);
        assert!(matches!(refused, Err(LaterError::TooMany(_))), "{refused:?}");
        // Others have room, and those that survive are others'.
        clock.load(1, text.clone()).surviving().send_after(HOUR).unwrap();
        assert!(large[3].cancel().unwrap());
        clock.load(1, text).send_after(HOUR).unwrap();
        clock.stop().unwrap();
        assert_eq!(delayed(), 0, "with the actor all of them are gone");
        // By their number, twice: what is gone makes room.
        let begin = Instant::now();
        for _ in 0..2 {
            let clock = desk.clock();
            let set = (0..).take_while(|number| clock.note(*number).send_after(HOUR).is_ok()).count();
            assert_eq!(set, MESSAGES);
            clock.kill().unwrap();
            assert_eq!(delayed(), 0);
        }
        println!("{} were set and buried in {:?}", 2 * MESSAGES, begin.elapsed());
        desk.clear();
    });
}
