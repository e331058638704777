//! Whoever has the handle dies, or its caller does.

use actor_core::Incarnation;
use actor_core::node::dead_letters;
use actor_core::process::Process;
use rustix::process::{Pid, Signal, kill_process};

use super::*;

const KILLED: ExitReason = ExitReason::Killed { by: KilledBy::User };
const ABORTED: i32 = 6;

fn is_abort(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Signaled { signal: ABORTED, .. })
}

fn supervised() -> (Supervisor, ActorRef<Clerk>) {
    let mut app = Supervisor::builder().intensity(Intensity { restarts: 100, ..Intensity::default() });
    let clerk = app.child(Clerk { kept: Vec::new() }).unwrap();
    (app.start().unwrap(), clerk)
}

/// It went on with other messages, so none of its own says that somebody waits.
#[test]
fn whoever_has_kept_the_handle_is_killed() {
    isolated(|| {
        for _ in 0..20 {
            let clerk = clerk();
            let asking: Vec<_> = (0..3).map(|_| ask(clerk.keep())).collect();
            until_kept(&clerk, 3);
            clerk.kill().unwrap();
            for asking in asking {
                assert_eq!(death(asking), (clerk.id(), KILLED));
            }
        }
    });
}

#[test]
fn the_handle_dies_with_its_life() {
    isolated(|| {
        let (app, clerk) = supervised();
        let asking = ask(clerk.keep());
        until_kept(&clerk, 1);
        let first: Incarnation = clerk.incarnation().unwrap();
        clerk.kill().unwrap();
        assert_eq!(death(asking).1, KILLED);
        assert_eq!(clerk.count().wait().unwrap(), (0, 0));
        assert_ne!(clerk.incarnation(), Some(first));
        app.stop().unwrap();
    });
}

#[test]
fn every_end_of_the_holder_is_told() {
    isolated(|| {
        let ended = |end: &dyn Fn(&ActorRef<Clerk>)| {
            let clerk = clerk();
            let asking = ask(clerk.keep());
            until_kept(&clerk, 1);
            end(&clerk);
            death(asking).1
        };
        assert_eq!(ended(&|clerk| drop(clerk.stop().unwrap())), ExitReason::Shutdown(None), "nothing was dropped");
        let panicked = ended(&|clerk| drop(clerk.panic_with().wait()));
        assert!(matches!(panicked, ExitReason::Panicked { .. }), "{panicked}");
        let killed = ended(&|clerk| {
            let pid = clerk.os_pid().wait().unwrap();
            kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
        });
        assert!(matches!(killed, ExitReason::Signaled { signal: 9, .. }), "{killed}");
    });
}

#[test]
fn a_panic_with_the_handle_in_hand_is_told_as_a_panic() {
    isolated(|| {
        let answer = clerk().panic_with().wait();
        let Err(CallError::Died(report)) = answer else { panic!("{answer:?}") };
        assert!(matches!(report.reason, ExitReason::Panicked { ref message, .. } if message == "as told"), "{report}");
        assert_eq!(report.in_hand.map(|in_hand| in_hand.handler).as_deref(), Some("panic_with"));
    });
}

#[test]
fn a_call_that_is_handed_out_again_has_its_handle_again() {
    isolated(|| {
        let (app, clerk) = supervised();
        for _ in 0..10 {
            assert_eq!(clerk.try_again().wait().unwrap(), 2);
        }
        app.stop().unwrap();
    });
}

#[test]
fn a_message_that_is_handed_out_again_has_the_handles_again_that_it_carries() {
    isolated(|| {
        let ((app, back), front) = (supervised(), clerk());
        for _ in 0..10 {
            assert_eq!(front.pass_on_to_take_again(back).wait().unwrap(), 2);
        }
        front.stop().unwrap();
        app.stop().unwrap();
    });
}

#[test]
fn whoever_has_got_the_handle_dies_over_it() {
    isolated(|| {
        let ((app, back), front) = (supervised(), clerk());
        for _ in 0..10 {
            let (of, reason) = death(ask(front.pass_on_to_die(back)));
            assert!(of == back.id() && is_abort(&reason), "{reason}");
        }
        assert!(front.is_alive());
        front.stop().unwrap();
        app.stop().unwrap();
    });
}

#[test]
fn who_has_passed_the_handle_on_may_die() {
    isolated(|| {
        let back = clerk();
        let front = clerk();
        let asking = ask(front.pass_on(back));
        until_kept(&back, 1);
        front.kill().unwrap();
        // In the middle of its handler, whatever its policy: the call is another's by then.
        let crashed = ask(clerk().pass_on_and_crash(back));
        until_kept(&back, 2);
        let (app, front) = supervised();
        let died = ask(front.pass_on_and_die(back));
        until("it was passed on by both lives", || back.count().wait().unwrap() == (4, 4));
        back.answer(5).send().unwrap();
        for asking in [asking, crashed, died] {
            assert_eq!(asking.join().unwrap().unwrap(), 5);
        }
        app.stop().unwrap();
        back.stop().unwrap();
    });
}

#[test]
fn a_handle_in_a_message_that_nobody_handles_is_an_error_at_the_caller() {
    isolated(|| {
        let (back, front) = (clerk(), clerk());
        back.sleep().send().unwrap();
        until("it sleeps", || back.status().unwrap().handling.is_some());
        let asking: Vec<_> = (0..3).map(|_| ask(front.pass_on(back))).collect();
        until("they are queued", || back.status().unwrap().queued == 3);
        back.kill().unwrap();
        for asking in asking {
            assert_eq!(death(asking), (back.id(), KILLED));
        }
        let letters = dead_letters(100).unwrap();
        assert_eq!(letters.iter().filter(|letter| letter.handler == "take").count(), 3);
        // What is read of them later is nobody's.
        let (to,) = letters.last().unwrap().arguments::<(To,)>().unwrap();
        assert!(!to.is_wanted());
        to.reply(1);
        // Nobody is there who could take it.
        assert!(matches!(front.pass_on(back).wait(), Err(CallError::Unanswered(_))));
        front.stop().unwrap();
    });
}

#[test]
fn a_handle_waits_in_the_mailbox_for_the_next_life() {
    isolated(|| {
        let ((app, back), front) = (supervised(), clerk());
        back.sleep().send().unwrap();
        until("it sleeps", || back.status().unwrap().handling.is_some());
        let asking = ask(front.pass_on(back));
        until("it is queued", || back.status().unwrap().queued == 1);
        back.kill().unwrap();
        until_kept(&back, 1);
        back.answer(4).send().unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), 4);
        front.stop().unwrap();
        app.stop().unwrap();
    });
}

#[test]
fn a_caller_that_dies_wants_nothing_any_more() {
    isolated(|| {
        let clerk = clerk();
        let caller = Process::spawn(|clerk: ActorRef<Clerk>| drop(clerk.keep().wait()), clerk).unwrap();
        until_kept(&clerk, 1);
        caller.kill().unwrap();
        let _ = caller.join();
        until("its window is gone", || clerk.count().wait().unwrap() == (1, 0));
        clerk.answer(1).send().unwrap();
        assert_eq!(clerk.count().wait().unwrap(), (0, 0));
        clerk.stop().unwrap();
    });
}
