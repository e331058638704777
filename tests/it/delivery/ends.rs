//! The ways in which code ends its own process, and that after each the work goes on.

use actor_core::prelude::*;

use super::worker::{Act, Desk, End, again, finish, first};
use crate::harness::isolated;

/// How the call is told of its actor's end, which is repeated; what the journal and the reports say
/// of it.
fn work_goes_on_after(end: End, is_right: impl Fn(&ExitReport) -> bool) {
    let desk = Desk::new();
    let (app, worker) = desk.supervised();
    // The caller learns how it was.
    let Err(CallError::Died(report)) = worker.ask(1, Act::End(end)).wait() else { panic!("it has died of {end:?}") };
    assert!(is_right(&report), "{end:?}: {report:#}");
    assert_eq!(report.in_hand.as_ref().map(|in_hand| (&*in_hand.handler, in_hand.deliveries)), Some(("ask", 1)));
    // What was in hand comes back, as often as it takes, and then what was behind it.
    worker.retry(2, Act::EndTimes(2, end)).send().unwrap();
    worker.note(3, Act::Note).send().unwrap();
    assert_eq!(desk.entries(5), [first(1, 1), first(2, 2), again(2, 3, 2), again(2, 4, 3), first(3, 4)], "{end:?}");
    assert_eq!(worker.ask(4, Act::Note).wait().unwrap(), 4);
    finish(&app, desk);
}

fn is(reason: ExitReason) -> impl Fn(&ExitReport) -> bool {
    move |report| report.reason == reason
}

/// Whether a core is left is up to the machine.
fn is_signal(number: i32) -> impl Fn(&ExitReport) -> bool {
    move |report| matches!(report.reason, ExitReason::Signaled { signal, .. } if signal == number)
}

/// Nobody needs a core of a test.
fn without_cores() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).expect("a limit can be lowered");
}

#[test]
fn t_21_an_end_by_c_code_has_its_reason() {
    isolated(|| {
        without_cores();
        work_goes_on_after(End::Exit(0), is(ExitReason::UnexpectedExit));
        work_goes_on_after(End::Exit(7), is(ExitReason::ExitCode(7)));
        work_goes_on_after(End::ExitNow(0), is(ExitReason::UnexpectedExit));
        work_goes_on_after(End::ExitNow(3), is(ExitReason::ExitCode(3)));
        work_goes_on_after(End::Abort, is(ExitReason::Signaled { signal: 6, core: false }));
        work_goes_on_after(End::Sigkill, is(ExitReason::Signaled { signal: 9, core: false }));
        work_goes_on_after(
            End::Panic,
            |report| matches!(&report.reason, ExitReason::Panicked { location, .. } if location.contains("worker.rs:")),
        );
    });
}

/// The end for lack of memory, which needs a node with little of it, stands with the limits.
#[test]
fn c_21_after_a_crash_the_work_goes_on() {
    isolated(|| {
        without_cores();
        work_goes_on_after(End::Abort, is_signal(6));
        work_goes_on_after(End::Segfault, is_signal(11));
        work_goes_on_after(End::BusError, is_signal(7));
        work_goes_on_after(End::Overflow, |report| {
            is_signal(11)(report) && report.stderr.contains("the main thread has overflowed its stack")
        });
        work_goes_on_after(End::Exit(0), is(ExitReason::UnexpectedExit));
    });
}
