//! Calls that are answered after their handler has returned, or by another actor than was asked.
//!
//! Each call here has more time than its test: who is not told fails by the watchdog.

mod deaths;
mod passed_on;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{ActorId, Call, KilledBy};
use actor_tests::foreign;
use actor_tests::watch::until;
use serde::{Deserialize, Serialize};

use crate::harness::isolated;

type To = ReplyTo<u32, String>;
type Answer = Result<u32, CallError<String>>;

/// Keeps the handles that it gets.
#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 64, timeout = "10min")]
struct Clerk {
    #[serde(skip)]
    kept: Vec<To>,
}

/// A handle within other data.
#[derive(Serialize, Deserialize)]
struct Job {
    number: u32,
    to: Option<To>,
}

#[handlers]
impl Clerk {
    #[call]
    fn keep(&mut self, to: ReplyTo<u32, String>) {
        self.kept.push(to);
    }

    #[call]
    fn lose(&mut self, to: ReplyTo<u32, String>) {
        drop(to);
    }

    #[call]
    fn refuse(&mut self, keep: bool, to: ReplyTo<u32, String>) -> Result<(), String> {
        self.kept.extend(keep.then_some(to));
        Err("not today".into())
    }

    #[call]
    fn by_thread(&mut self, number: u32, to: ReplyTo<u32, String>) {
        thread::spawn(move || to.reply(number));
    }

    #[call]
    async fn awaited(&mut self, number: u32, to: ReplyTo<u32, String>) -> Result<(), String> {
        std::future::ready(()).await;
        to.reply(number);
        Ok(())
    }

    /// What the handle was dropped in is not the end of the actor.
    #[call]
    fn catch(&mut self, to: ReplyTo<u32, String>) {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _kept = to;
            panic!("caught");
        }));
        assert!(caught.is_err());
    }

    #[call]
    fn panic_with(&mut self, to: ReplyTo<u32, String>) {
        let _kept = to;
        panic!("as told");
    }

    #[call]
    fn hang(&mut self, to: ReplyTo<u32, String>) {
        let _kept = to;
        foreign::sleep_in_c(1000);
    }

    #[call]
    fn enqueue(&mut self, queue: Queue<(u32, To)>, to: ReplyTo<u32, String>) {
        // Where there is no room, it comes back, and is dropped.
        drop(queue.try_send((7, to)));
    }

    #[cast]
    fn take(&mut self, to: ReplyTo<u32, String>) {
        self.kept.push(to);
    }

    #[call]
    fn do_job(&mut self, job: Job) -> u32 {
        job.to.into_iter().for_each(|to| to.reply(job.number));
        job.number
    }

    #[call]
    fn pass_on(&mut self, other: ActorRef<Clerk>, to: ReplyTo<u32, String>) {
        // Where nobody takes it, it comes back, and is dropped.
        let _ = other.take(to).send();
    }

    #[cast]
    fn pass_kept_on(&mut self, other: ActorRef<Clerk>) {
        self.kept.drain(..).for_each(|to| other.take(to).send().expect("it lives"));
    }

    #[call]
    fn pass_job_on(&mut self, other: ActorRef<Clerk>, number: u32, to: ReplyTo<u32, String>) {
        let done = other.do_job(Job { number, to: Some(to) }).wait();
        assert_eq!(done.expect("it lives"), number);
    }

    #[cast]
    fn answer(&mut self, number: u32) {
        self.kept.drain(..).for_each(|to| to.reply(number));
    }

    #[cast]
    fn fail(&mut self, text: String) {
        self.kept.drain(..).for_each(|to| to.fail(text.clone()));
    }

    #[cast]
    fn forget(&mut self) {
        self.kept.clear();
    }

    #[cast]
    fn sleep(&mut self) {
        foreign::sleep_in_c(1000);
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    /// The handles that are kept, and whose caller waits.
    #[call]
    fn count(&self) -> (usize, usize) {
        (self.kept.len(), self.kept.iter().filter(|to| to.is_wanted()).count())
    }

    /// The first life dies with the handle.
    #[call(on_crash = "redeliver(3)")]
    fn try_again(&mut self, to: ReplyTo<u32, String>, context: &mut Context<Self>) {
        if context.deliveries() == 1 {
            foreign::abort();
        }
        to.reply(context.deliveries());
    }

    #[cast(on_crash = "redeliver(3)")]
    fn take_again(&mut self, to: ReplyTo<u32, String>, context: &mut Context<Self>) {
        if context.deliveries() == 1 {
            foreign::abort();
        }
        to.reply(context.deliveries());
    }

    #[cast]
    fn take_and_die(&mut self, to: ReplyTo<u32, String>) {
        let _kept = to;
        foreign::abort();
    }

    #[call]
    fn pass_on_to_take_again(&mut self, other: ActorRef<Clerk>, to: ReplyTo<u32, String>) {
        other.take_again(to).send().expect("it lives");
    }

    #[call]
    fn pass_on_to_die(&mut self, other: ActorRef<Clerk>, to: ReplyTo<u32, String>) {
        other.take_and_die(to).send().expect("it lives");
    }

    /// Each life passes on what it gets, and the first one dies then.
    #[call(on_crash = "redeliver(2)")]
    fn pass_on_and_die(&mut self, other: ActorRef<Clerk>, to: ReplyTo<u32, String>, context: &mut Context<Self>) {
        other.take(to).send().expect("it lives");
        if context.deliveries() == 1 {
            foreign::abort();
        }
    }

    /// The same without another delivery.
    #[call]
    fn pass_on_and_crash(&mut self, other: ActorRef<Clerk>, to: ReplyTo<u32, String>) {
        other.take(to).send().expect("it lives");
        foreign::abort();
    }
}

fn clerk() -> ActorRef<Clerk> {
    Clerk { kept: Vec::new() }.spawn().unwrap()
}

/// Makes a call that is answered later.
fn ask<M: Send + 'static>(call: Call<M, u32, String>) -> JoinHandle<Answer> {
    thread::spawn(move || call.wait())
}

fn until_kept(clerk: &ActorRef<Clerk>, count: usize) {
    until("the handles are kept", || clerk.count().wait().unwrap() == (count, count));
}

/// The reason of the exit report that a caller has got.
#[track_caller]
fn death(answer: JoinHandle<Answer>) -> (ActorId, ExitReason) {
    let Err(CallError::Died(report)) = answer.join().unwrap() else { panic!("it has died") };
    (report.actor.expect("it was an actor"), report.reason)
}

#[test]
fn smoke() {
    isolated(|| {
        let clerk = clerk();
        let asking = [ask(clerk.keep()), ask(clerk.keep())];
        until_kept(&clerk, 2);
        clerk.answer(7).send().unwrap();
        for asking in asking {
            assert_eq!(asking.join().unwrap().unwrap(), 7);
        }
        let asking = ask(clerk.keep());
        until_kept(&clerk, 1);
        clerk.fail("no".into()).send().unwrap();
        assert!(matches!(asking.join().unwrap(), Err(CallError::Handler(text)) if text == "no"));
        assert_eq!(clerk.by_thread(8).wait().unwrap(), 8);
        assert_eq!(clerk.awaited(9).wait().unwrap(), 9);
        assert_eq!(futures::executor::block_on(clerk.by_thread(10).into_future()).unwrap(), 10);
        clerk.stop().unwrap();
    });
}

#[test]
fn an_error_of_the_handler_fails_the_call_whether_the_handle_was_kept_or_not() {
    isolated(|| {
        let clerk = clerk();
        for keep in [false, true] {
            let answer = clerk.refuse(keep).wait();
            assert!(matches!(answer, Err(CallError::Handler(text)) if text == "not today"), "{keep}");
        }
        assert_eq!(clerk.count().wait().unwrap(), (1, 0));
        clerk.stop().unwrap();
    });
}

#[test]
fn a_handle_that_is_dropped_is_an_error_at_the_caller() {
    isolated(|| {
        let clerk = clerk();
        let error = clerk.lose().wait().unwrap_err();
        assert!(matches!(error, CallError::Unanswered(_)), "{error:?}");
        assert!(error.to_string().contains("call `lose` to `Clerk`"), "{error}");
        let asking = ask(clerk.keep());
        until_kept(&clerk, 1);
        clerk.forget().send().unwrap();
        assert!(matches!(asking.join().unwrap(), Err(CallError::Unanswered(_))));
        assert!(matches!(clerk.catch().wait(), Err(CallError::Unanswered(_))), "in a panic that was caught");
        assert!(clerk.is_alive());
        clerk.stop().unwrap();
    });
}

#[test]
fn a_handle_travels_through_a_queue() {
    isolated(|| {
        let clerk = clerk();
        let queue = Queue::<(u32, To)>::bounded(1).unwrap();
        let asking = ask(clerk.enqueue(queue.clone()));
        let (number, to) = queue.recv().unwrap();
        to.reply(number);
        assert_eq!(asking.join().unwrap().unwrap(), 7);
        let asking = ask(clerk.enqueue(queue.clone()));
        actor_tests::watch::until("it is sent", || queue.len() == 1);
        let refused = clerk.enqueue(queue.clone()).wait();
        assert!(matches!(refused, Err(CallError::Unanswered(_))), "{refused:?}");
        drop(queue.recv_task().unwrap());
        let answer = asking.join().unwrap();
        assert!(matches!(answer, Err(CallError::Unanswered(_))), "{answer:?}");
        clerk.stop().unwrap();
        queue.close(Close::Now);
    });
}

#[test]
fn a_late_reply_is_dropped() {
    isolated(|| {
        let clerk = clerk();
        let answer = clerk.keep().timeout(Duration::from_millis(20)).wait();
        assert!(matches!(answer, Err(CallError::Timeout(_))), "{answer:?}");
        assert_eq!(clerk.count().wait().unwrap(), (1, 0), "it is told that nobody waits");
        // The next calls have the same reply slot.
        let asking = ask(clerk.by_thread(3));
        clerk.answer(9).send().unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), 3);
        clerk.stop().unwrap();
    });
}

#[test]
fn a_limit_that_kills_spares_who_does_other_work() {
    isolated(|| {
        let clerk = clerk();
        let answer = clerk.keep().kill_after(Duration::from_millis(20)).wait();
        assert!(matches!(answer, Err(CallError::Timeout(_))), "{answer:?}");
        assert!(clerk.is_alive());
        let answer = clerk.hang().kill_after(Duration::from_millis(20)).wait();
        let Err(CallError::Died(report)) = answer else { panic!("{answer:?}") };
        assert_eq!(report.reason, ExitReason::Killed { by: KilledBy::KillAfter });
    });
}

#[test]
fn thousands_of_handles_are_answered_in_another_order() {
    isolated(|| {
        let clerk = clerk();
        for round in 0..100 {
            let asking: Vec<_> = (0..32).map(|_| ask(clerk.keep())).collect();
            until_kept(&clerk, 32);
            clerk.answer(round).send().unwrap();
            assert!(asking.into_iter().all(|asking| asking.join().unwrap().unwrap() == round));
        }
        clerk.stop().unwrap();
    });
}
