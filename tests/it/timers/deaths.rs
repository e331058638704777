//! Deaths of those who have set a timer, and of those for whom it is.

use actor_core::process::Process;
use actor_tests::chance::Chance;
use actor_tests::foreign;

use super::*;
use crate::harness::{isolated, isolated_for_both};

const MS: Duration = Duration::from_millis(1);

/// How somebody ends who has set timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Return,
    Exit,
    Segfault,
}

fn set_and_end((clock, end): (ActorRef<Clock>, End)) {
    for _ in 0..10 {
        clock.note(1).send_after(HOUR).unwrap();
        clock.note(2).send_every(HOUR, Missed::Skip).unwrap();
    }
    clock.note(3).surviving().send_after(HOUR).unwrap();
    clock.note(4).surviving().send_after(20 * MS).unwrap();
    match end {
        End::Return => {}
        End::Exit => foreign::exit_now(3),
        End::Segfault => foreign::segfault(),
    }
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        for end in [End::Return, End::Exit, End::Segfault] {
            let desk = Desk::new();
            let clock = desk.clock();
            let setter = Process::spawn(set_and_end, (clock, end)).unwrap();
            assert_eq!(setter.join().is_ok(), end == End::Return);
            assert_eq!(desk.notes(1), [4], "{end:?}");
            assert_eq!(delayed(), 1, "{end:?}: what survives is all that there is");
            clock.stop().unwrap();
            assert_eq!(delayed(), 0);
            desk.clear();
        }
    });
}

#[test]
fn the_next_life_has_what_was_to_survive() {
    isolated(|| {
        let desk = Desk::new();
        let (app, clock) = desk.supervised();
        let far = clock.remind(HOUR).wait().unwrap();
        clock.remind(300 * MS).wait().unwrap();
        clock.kill().unwrap();
        match desk.entry() {
            Entry::Note(2, life) => assert_eq!(life, 2, "the other one was gone with its process"),
            // A slow machine: both came before the kill.
            entry => assert_eq!((entry, desk.notes(1)), (Entry::Note(1, 1), vec![2])),
        }
        assert_eq!(far.map(|timer| timer.cancel().unwrap()), [false, true]);
        assert_eq!(delayed(), 0);
        desk.nothing_more();
        app.stop().unwrap();
        desk.clear();
    });
}

#[test]
fn an_actor_that_is_being_restarted_gets_it() {
    isolated(|| {
        let desk = Desk { waits_in_later_lives: true, ..Desk::new() };
        let (app, clock) = desk.supervised();
        clock.kill().unwrap();
        // Its next life begins when the gate is opened.
        clock.note(1).send_after(MS).unwrap();
        until("it is in the mailbox", || delayed() == 0);
        assert_eq!(clock.status().unwrap().queued, 1);
        desk.open_gate();
        assert_eq!(desk.entry(), Entry::Note(1, 2));
        app.stop().unwrap();
        desk.clear();
    });
}

/// Longer than the time of a test is due to a dead actor, and in the next moment.
#[test]
fn d_18_messages_to_a_dead_actor_are_dead_letters_and_nothing_leaks() {
    const MESSAGES: u32 = 10_000;
    isolated(|| {
        let desk = Desk::new();
        let mut buried = 0;
        for delay in [HOUR, 100 * MS] {
            let clock = desk.clock();
            clock.wait().send().unwrap();
            let begin = Instant::now();
            for number in 0..MESSAGES {
                clock.note(number).timeout(HOUR).send_after(delay).unwrap();
            }
            let (took, begin) = (begin.elapsed(), Instant::now());
            clock.kill().unwrap();
            println!("{MESSAGES} were set in {took:?} and buried in {:?}", begin.elapsed());
            assert_eq!(delayed(), 0);
            let counted = counters().unwrap();
            // The one that it had in hand as well.
            buried += u64::from(MESSAGES) + 1;
            assert_eq!(counted.dead_letters, buried, "each is one");
            let letters = all_dead_letters();
            assert_eq!(letters.len(), 1024);
            for letter in letters.iter().filter(|letter| letter.handler == "note") {
                assert_eq!((&*letter.actor, letter.is_call), ("Clock", false));
                assert!(letter.reason.starts_with("the actor has ended: was killed"), "{}", letter.reason);
            }
        }
        desk.nothing_more();
        assert_eq!(counters().unwrap().dead_letters, buried, "nothing comes of them later");
        desk.clear();
    });
}

#[test]
fn a_message_for_one_life_is_a_dead_letter_in_the_next() {
    isolated(|| {
        let desk = Desk::new();
        let (app, clock) = desk.supervised();
        let first = clock.incarnation().unwrap();
        clock.kill().unwrap();
        clock.in_life(first).note(1).send_after(MS).unwrap();
        until("it is a dead letter", || counters().unwrap().dead_letters == 1);
        assert_eq!(all_dead_letters()[0].reason, "the life that it was for is over");
        assert!(clock.is_there().wait().unwrap());
        desk.nothing_more();
        app.stop().unwrap();
        desk.clear();
    });
}

/// Sets timers and cancels them, in every way there is.
fn set_without_end(clock: ActorRef<Clock>) {
    loop {
        let timer = clock.note(0).send_after(HOUR);
        let _ = clock.note(1).send_every(HOUR, Missed::Bunch);
        let _ = clock.load(2, "x".repeat(10_000)).send_after(HOUR);
        drop(timer.map(TimerRef::cancel));
    }
}

/// Whoever dies in the middle of this leaves nothing that would be sent.
#[test]
fn who_dies_while_he_sets_timers_leaves_none() {
    isolated_for_both(|| {
        let mut chance = Chance::announced();
        let desk = Desk::new();
        let clock = desk.clock();
        for _ in 0..40 {
            let setting: Vec<_> = (0..3).map(|_| Process::spawn(set_without_end, clock).unwrap()).collect();
            chance.pause(Duration::from_millis(5));
            setting.iter().for_each(|process| process.kill().unwrap());
            setting.iter().for_each(|process| drop(process.join().unwrap_err()));
            assert_eq!(delayed(), 0);
        }
        clock.note(5).send_after(MS).unwrap();
        assert_eq!(desk.notes(1), [5]);
        clock.stop().unwrap();
        desk.clear();
    });
}
