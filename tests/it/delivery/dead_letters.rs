//! Messages that no actor handled to its end: kept in order, for inspection, within bounds.

use actor_core::node::{counters, dead_letters};
use actor_core::prelude::*;
use actor_tests::watch::until;

use super::worker::{Act, Desk, End, Odd, all_dead_letters, finish, first, number_in};
use crate::harness::isolated;

/// Letters that a node keeps.
const KEPT_MAX: u32 = 1024;

#[test]
fn d_07_dead_letters_are_kept_in_order() {
    isolated(|| {
        let desk = Desk::new();
        let (app, worker) = desk.supervised();
        for number in 0..10 {
            worker.note(number, Act::End(End::ExitNow(number as i32 + 1))).send().unwrap();
        }
        until("all are dead letters", || counters().unwrap().dead_letters == 10);
        let some = dead_letters(3).unwrap();
        assert_eq!(some.iter().map(number_in).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(dead_letters(0).unwrap().is_empty());
        let letters = all_dead_letters();
        assert_eq!(letters.iter().map(number_in).collect::<Vec<_>>(), (3..10).collect::<Vec<_>>());
        for letter in letters {
            let (number, act): (u32, Act) = letter.arguments().unwrap();
            let code = number as i32 + 1;
            assert_eq!(act, Act::End(End::ExitNow(code)));
            assert_eq!((&*letter.actor, &*letter.handler), ("Worker", "note"));
            assert_eq!((letter.on_crash, letter.deliveries), (OnCrash::DeadLetter, 1));
            assert_eq!(letter.deaths, [ExitReason::ExitCode(code)]);
            assert_eq!(letter.reason, format!("exited with code {code}"));
            assert!(!letter.is_call);
        }
        assert!(all_dead_letters().is_empty(), "each is taken once");
        finish(&app, desk);
    });
}

#[test]
fn d_07_the_oldest_dead_letters_make_room() {
    isolated(|| {
        // More than are kept, from actors that are stopped with a full mailbox.
        let mut sent = 0;
        for _ in 0..5 {
            let desk = Desk::new();
            let worker = desk.worker();
            worker.note(u32::MAX, Act::UntilStopping).send().unwrap();
            desk.entry();
            for _ in 0..255 {
                worker.note(sent, Act::Note).send().unwrap();
                sent += 1;
            }
            worker.stop_now().unwrap();
            desk.clear();
        }
        let counted = counters().unwrap();
        let dropped = sent - KEPT_MAX;
        assert_eq!((counted.dead_letters, counted.dead_letters_dropped), (sent.into(), dropped.into()));
        let kept: Vec<u32> = all_dead_letters().iter().map(number_in).collect();
        assert_eq!(kept, (dropped..sent).collect::<Vec<_>>());
    });
}

#[test]
fn d_07_large_dead_letters_are_kept_within_bounds() {
    const SIZE: usize = 3 << 20;
    isolated(|| {
        let text = |number: u32| char::from(b'a' + number as u8).to_string().repeat(SIZE);
        let leave = |number: u32| {
            let desk = Desk::new();
            let worker = desk.worker();
            worker.note(0, Act::UntilStopping).send().unwrap();
            desk.entry();
            worker.load(number, text(number)).send().unwrap();
            worker.stop_now().unwrap();
            desk.clear();
        };
        leave(20);
        // A letter is given out whole, however large.
        let letters = dead_letters(10).unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].arguments(), Ok((20u32, text(20))));
        (0..8).for_each(leave);
        let kept: Vec<u32> =
            all_dead_letters().iter().map(|letter| letter.arguments::<(u32, String)>().unwrap().0).collect();
        // 16 MiB at most.
        assert_eq!(kept, [3, 4, 5, 6, 7]);
        assert_eq!(counters().unwrap().dead_letters_dropped, 3);
    });
}

#[test]
fn a_cast_that_cannot_be_read_is_a_dead_letter() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        for number in 1..=4 {
            worker.note_odd(Odd(number)).send().unwrap();
        }
        // They are refused before whatever is behind them is handled, and the actor lives on.
        assert_eq!(worker.ask(5, Act::Note).wait().unwrap(), 5);
        assert_eq!(desk.rest(), [first(1, 1), first(3, 1), first(5, 1)]);
        let letters = all_dead_letters();
        assert_eq!(letters.iter().map(|letter| letter.arguments()).collect::<Vec<_>>(), [Ok((2u32,)), Ok((4u32,))]);
        for letter in letters {
            assert_eq!((&*letter.handler, letter.deliveries), ("note_odd", 1));
            assert!(letter.deaths.is_empty());
            assert!(letter.reason.starts_with("the message for `note_odd` cannot be read"), "{}", letter.reason);
            assert!(letter.reason.contains("is even"), "{}", letter.reason);
            assert!(letter.arguments::<(Odd,)>().is_err());
        }
        worker.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn a_call_that_cannot_be_read_is_an_error_of_its_caller() {
    isolated(|| {
        let desk = Desk::new();
        let worker = desk.worker();
        assert_eq!(worker.ask_odd(Odd(1)).wait().unwrap(), 1);
        let refused = worker.ask_odd(Odd(2)).wait();
        let Err(CallError::Failed { text, .. }) = refused else { panic!("it is refused: {refused:?}") };
        assert!(text.starts_with("the message for `ask_odd` cannot be read") && text.contains("is even"), "{text}");
        assert_eq!(worker.ask_odd(Odd(3)).wait().unwrap(), 3);
        assert!(all_dead_letters().is_empty());
        worker.stop().unwrap();
        desk.clear();
    });
}
