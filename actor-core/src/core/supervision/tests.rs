//! The rules of supervision, told as scripts: what happens, and what is done about it.

use super::*;
use crate::core::spec::{Backoff, Restart, Shutdown};

/// A supervision, and a clock that only moves when told.
struct Script {
    supervision: Supervision,
    now: Instant,
    begun: Instant,
    timers: Vec<(Instant, TimerId)>,
    done: Vec<String>,
}

impl Script {
    fn new(rules: SupervisorRules) -> Script {
        let now = Instant::now();
        let supervision = Supervision::new(rules).unwrap();
        let mut script = Script { supervision, now, begun: now, timers: Vec::new(), done: Vec::new() };
        let actions = script.supervision.begin();
        script.note(actions);
        script
    }

    /// All children are up, and that is not mentioned any more.
    fn running(rules: SupervisorRules) -> Script {
        let ids: Vec<String> = rules.children.iter().map(|child| child.id.clone()).collect();
        let mut script = Script::new(rules);
        ids.iter().for_each(|id| script.up(id));
        assert_eq!(script.done.pop().as_deref(), Some("ready"));
        script.done.clear();
        script
    }

    fn up(&mut self, id: &str) {
        self.happen(Event::Started(key(id)));
    }

    fn exit(&mut self, id: &str, reason: ExitReason) {
        self.happen(Event::Exited(key(id), reason));
    }

    fn crash(&mut self, id: &str) {
        self.exit(id, crash());
    }

    /// The child ends as a child should that was asked to stop.
    fn obey(&mut self, id: &str) {
        self.exit(id, ExitReason::Shutdown(None));
    }

    fn stop(&mut self) {
        self.happen(Event::StopRequested);
    }

    /// Lets time pass, and timers fire.
    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.timers.sort();
        while self.timers.first().is_some_and(|(at, _)| *at <= self.now) {
            let (_, timer) = self.timers.remove(0);
            self.happen(Event::TimerFired(timer));
        }
    }

    fn happen(&mut self, event: Event) {
        let actions = self.supervision.handle(event, self.now);
        self.note(actions);
    }

    fn note(&mut self, actions: Vec<Action>) {
        for action in actions {
            if let Action::SetTimer(timer, at) = action {
                self.timers.push((at, timer));
            }
            self.done.push(match action {
                Action::Start(child) => format!("start {}", id(child)),
                Action::AskToStop(child) => format!("ask {}", id(child)),
                Action::Kill(child, KilledBy::ShutdownTimeout) => format!("kill {}", id(child)),
                Action::Kill(_, by) => panic!("killed {by}"),
                Action::SetTimer(_, at) => format!("timer {}", (at - self.begun).as_millis()),
                Action::Ready => "ready".into(),
                Action::Report(Report::Ended { id, .. }) => format!("report {id} ended"),
                Action::Report(Report::StartFailed { id, .. }) => format!("report {id} failed"),
                Action::Report(Report::StoppedBadly { id, .. }) => format!("report {id} stopped"),
                Action::Report(Report::GaveUp { id, .. }) => format!("report {id} gave up"),
                Action::Finished(Outcome::Stopped) => "finished".into(),
                Action::Finished(Outcome::StartFailed { id, .. }) => format!("{id} did not start"),
                Action::Finished(Outcome::GaveUp { id, .. }) => format!("gave up because of {id}"),
                Action::Finished(Outcome::AutoShutdown { id }) => format!("finished with {id}"),
            });
        }
    }

    /// What was done since this was asked last.
    #[track_caller]
    fn expect(&mut self, done: &str) {
        assert_eq!(std::mem::take(&mut self.done).join(", "), done);
    }
}

fn crash() -> ExitReason {
    ExitReason::Signaled { signal: 11, core: false }
}

/// Children are called a, b, c and so on.
fn key(id: &str) -> ChildKey {
    ChildKey(u32::from(id.as_bytes()[0] - b'a'))
}

fn id(key: ChildKey) -> char {
    char::from(b'a' + key.0 as u8)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn child(id: &str) -> ChildRules {
    ChildRules { shutdown: Shutdown::Wait, ..ChildRules::new(id) }
}

/// Permanent children that are given all the time they need to stop, and plenty of restarts.
fn children(ids: &[&str]) -> SupervisorRules {
    SupervisorRules {
        intensity: Intensity { restarts: 100, period: ms(5000) },
        children: ids.iter().map(|id| child(id)).collect(),
        ..SupervisorRules::default()
    }
}

fn with_restart(ids: &[&str], restart: Restart) -> SupervisorRules {
    let mut rules = children(ids);
    rules.children.iter_mut().for_each(|child| child.restart = restart);
    rules
}

fn allowing(restarts: u32, ids: &[&str]) -> SupervisorRules {
    SupervisorRules { intensity: Intensity { restarts, period: ms(5000) }, ..children(ids) }
}

#[test]
fn smoke() {
    let mut script = Script::new(children(&["a"]));
    script.expect("start a");
    script.up("a");
    script.expect("ready");
    script.crash("a");
    script.expect("report a ended, start a");
    script.up("a");
    script.stop();
    script.expect("ask a");
    script.obey("a");
    script.expect("finished");
}

#[test]
fn without_children_it_is_ready_at_once() {
    let mut script = Script::new(children(&[]));
    script.expect("ready");
    script.stop();
    script.expect("finished");
}

#[test]
fn children_start_in_order_each_when_the_one_before_is_up() {
    let mut script = Script::new(children(&["a", "b", "c"]));
    script.expect("start a");
    script.up("a");
    script.expect("start b");
    script.up("b");
    script.expect("start c");
    script.up("c");
    script.expect("ready");
}

#[test]
fn a_child_that_does_not_come_up_first_ends_all_in_reverse() {
    let ids = ["a", "b", "c", "d"];
    for failing in 0..ids.len() {
        let mut script = Script::new(children(&ids));
        ids[..failing].iter().for_each(|id| script.up(id));
        script.done.clear();
        let id = ids[failing];
        script.crash(id);
        assert_eq!(script.done.remove(0), format!("report {id} failed"));
        if let Some(before) = ids[..failing].last() {
            script.expect(&format!("ask {before}"));
        }
        for position in (0..failing).rev() {
            script.obey(ids[position]);
            if let Some(before) = position.checked_sub(1) {
                script.expect(&format!("ask {}", ids[before]));
            }
        }
        assert_eq!(script.done.pop(), Some(format!("{id} did not start")));
        script.expect("");
    }
}

#[test]
fn children_stop_in_reverse_each_when_the_one_before_has_ended() {
    let mut script = Script::running(children(&["a", "b", "c"]));
    script.stop();
    script.expect("ask c");
    script.obey("c");
    script.expect("ask b");
    script.obey("b");
    script.expect("ask a");
    script.obey("a");
    script.expect("finished");
}

#[test]
fn t_14_who_does_not_stop_in_time_is_killed_and_waited_for() {
    let mut rules = children(&["a", "b"]);
    rules.children[1].shutdown = Shutdown::After(ms(200));
    let mut script = Script::running(rules);
    script.stop();
    script.expect("ask b, timer 200");
    script.pass(199);
    script.expect("");
    script.pass(1);
    script.expect("kill b");
    script.pass(3_600_000);
    script.expect("");
    script.exit("b", ExitReason::Killed { by: KilledBy::ShutdownTimeout });
    script.expect("report b stopped, ask a");
}

#[test]
fn kill_does_not_ask_and_wait_does_not_kill() {
    let mut rules = children(&["a", "b"]);
    rules.children[1].shutdown = Shutdown::Kill;
    let mut script = Script::running(rules);
    script.stop();
    script.expect("kill b");
    script.exit("b", ExitReason::Killed { by: KilledBy::ShutdownTimeout });
    script.expect("ask a");
    assert!(script.timers.is_empty());
}

#[test]
fn a_shutdown_time_beyond_all_times_is_waiting() {
    let mut rules = children(&["a"]);
    rules.children[0].shutdown = Shutdown::After(Duration::MAX);
    let mut script = Script::running(rules);
    script.stop();
    script.expect("ask a");
}

#[test]
fn who_dies_during_the_shutdown_is_neither_asked_nor_restarted() {
    let mut script = Script::running(children(&["a", "b", "c"]));
    script.stop();
    script.crash("b");
    script.expect("ask c, report b stopped");
    script.obey("c");
    script.expect("ask a");
    script.crash("a");
    script.expect("report a stopped, finished");
}

#[test]
fn a_stop_finds_every_child_wherever_it_is() {
    let mut rules = children(&["a", "b", "c"]);
    rules.children[0].restart = Restart::Transient;
    let mut script = Script::running(rules);
    script.exit("a", ExitReason::Normal);
    script.crash("b");
    script.crash("b");
    script.crash("c");
    script.expect("report b ended, start b, report b failed, timer 10, report c ended, start c");
    // Now a has ended, b waits for its next attempt and c is starting.
    script.stop();
    script.expect("ask c");
    script.up("c");
    script.pass(1000);
    script.stop();
    script.expect("");
    script.obey("c");
    script.expect("finished");
}

#[test]
fn a_stop_during_the_first_start_leaves_the_rest_unstarted() {
    let mut script = Script::new(children(&["a", "b", "c"]));
    script.up("a");
    script.stop();
    script.expect("start a, start b, ask b");
    script.obey("b");
    script.expect("ask a");
    script.obey("a");
    script.expect("finished");
}

#[test]
fn the_restart_type_decides() {
    let ends = [ExitReason::Normal, ExitReason::Shutdown(None), crash()];
    let expected = [
        (Restart::Permanent, ["report a ended, start a"; 3]),
        (Restart::Transient, ["", "", "report a ended, start a"]),
        (Restart::Temporary, ["", "", "report a ended"]),
    ];
    for (restart, done) in expected {
        for (reason, done) in ends.clone().into_iter().zip(done) {
            let mut script = Script::running(with_restart(&["a"], restart));
            script.exit("a", reason.clone());
            script.expect(done);
            let known = script.supervision.children().count();
            assert_eq!(known, usize::from(restart != Restart::Temporary), "{restart:?} {reason}");
        }
    }
}

#[test]
fn do_not_restart_is_respected() {
    let pointless = || ExitReason::DoNotRestart("no such device".into());
    let mut script = Script::running(children(&["a"]));
    script.exit("a", pointless());
    script.expect("report a ended");
    // Also by a child that says so instead of coming up again.
    let mut script = Script::running(children(&["a"]));
    script.crash("a");
    script.exit("a", pointless());
    script.expect("report a ended, start a, report a failed");
    script.stop();
    script.expect("finished");
}

#[test]
fn t_12_the_fourth_restart_within_the_period_ends_the_supervisor() {
    let mut script = Script::running(allowing(3, &["a", "b", "c"]));
    for _ in 0..3 {
        script.crash("b");
        script.expect("report b ended, start b");
        script.up("b");
        script.pass(1000);
    }
    script.crash("b");
    script.expect("report b ended, report b gave up, ask c");
    script.obey("c");
    script.expect("ask a");
    script.obey("a");
    script.expect("gave up because of b");
}

#[test]
fn t_12_restarts_that_are_spaced_go_on_for_ever() {
    let mut script = Script::running(allowing(3, &["a", "b"]));
    for round in 0..100 {
        let id = ["a", "b"][round % 2];
        script.crash(id);
        script.expect(&format!("report {id} ended, start {id}"));
        script.up(id);
        script.pass(1667);
    }
}

#[test]
fn restarts_of_all_children_count_together() {
    let mut script = Script::running(allowing(1, &["a", "b"]));
    script.crash("a");
    script.crash("b");
    script.expect("report a ended, start a, report b ended, report b gave up, ask a");
}

#[test]
fn without_restarts_the_first_crash_ends_the_supervisor() {
    let mut script = Script::running(allowing(0, &["a"]));
    script.crash("a");
    script.expect("report a ended, report a gave up, gave up because of a");
}

#[test]
fn every_attempt_to_start_counts_and_waits_longer() {
    let mut script = Script::running(allowing(4, &["a"]));
    script.crash("a");
    script.expect("report a ended, start a");
    let mut at = 0;
    for wait in [10, 20, 40] {
        script.crash("a");
        at += wait;
        script.expect(&format!("report a failed, timer {at}"));
        script.pass(wait - 1);
        script.expect("");
        script.pass(1);
        script.expect("start a");
    }
    script.crash("a");
    script.expect("report a failed, report a gave up, gave up because of a");
}

#[test]
fn long_waits_do_not_keep_the_supervisor_from_giving_up() {
    let mut rules = allowing(3, &["a"]);
    rules.children[0].backoff = Backoff::new(ms(10_000), ms(60_000));
    let mut script = Script::running(rules);
    script.crash("a");
    for wait in [10_000, 20_000] {
        script.crash("a");
        script.pass(wait);
    }
    script.done.clear();
    script.crash("a");
    script.expect("report a failed, report a gave up, gave up because of a");
}

#[test]
fn failed_attempts_are_forgotten_after_a_healthy_while() {
    let mut rules = children(&["a"]);
    rules.children[0].backoff = Backoff::new(ms(10), ms(90));
    let mut script = Script::running(rules);
    let after_uptime = |script: &mut Script, uptime| {
        script.crash("a");
        script.crash("a");
        script.pass(100);
        script.up("a");
        script.pass(uptime);
        script.done.clear();
        script.crash("a");
    };
    after_uptime(&mut script, 50);
    script.expect("report a ended, start a");
    script.up("a");
    after_uptime(&mut script, 49);
    script.expect("report a ended, timer 309");
}

#[test]
fn who_is_asked_to_stop_while_it_waits_is_started_only_if_it_would_be_after_any_stop() {
    for (restart, then) in [(Restart::Transient, ""), (Restart::Permanent, "start a")] {
        let mut rules = children(&["a"]);
        rules.children[0].backoff = Backoff::new(ms(10), ms(90));
        rules.children[0].restart = restart;
        let mut script = Script::running(rules);
        script.crash("a");
        script.crash("a");
        script.happen(Event::StopAsked(key("a")));
        assert_eq!(script.supervision.is_over(key("a")), restart == Restart::Transient);
        script.done.clear();
        script.pass(1000);
        script.expect(then);
    }
}

#[test]
fn single_restarts_go_on_side_by_side() {
    let mut script = Script::running(children(&["a", "b", "c"]));
    script.crash("c");
    script.crash("a");
    script.expect("report c ended, start c, report a ended, start a");
    script.up("a");
    script.up("c");
    script.crash("b");
    script.expect("report b ended, start b");
}

#[test]
fn an_end_during_the_first_start_is_handled_when_all_are_up() {
    let mut script = Script::new(children(&["a", "b"]));
    script.up("a");
    script.crash("a");
    script.expect("start a, start b");
    script.up("b");
    script.expect("ready, report a ended, start a");
}

#[test]
fn t_13_one_for_all_stops_in_reverse_and_starts_in_order() {
    let rules = SupervisorRules { strategy: Strategy::OneForAll, ..allowing(1, &["a", "b", "c"]) };
    let mut script = Script::running(rules);
    script.crash("b");
    script.expect("report b ended, ask c");
    script.obey("c");
    script.expect("ask a");
    script.obey("a");
    script.expect("start a");
    script.up("a");
    script.expect("start b");
    script.up("b");
    script.expect("start c");
    script.up("c");
    // That was one restart, and the next one is too many.
    script.crash("a");
    script.expect("report a ended, report a gave up, ask c");
}

#[test]
fn t_13_rest_for_one_leaves_those_before_alone() {
    let mut rules = SupervisorRules { strategy: Strategy::RestForOne, ..children(&["a", "b", "c", "d"]) };
    rules.children[2].restart = Restart::Temporary;
    let mut script = Script::running(rules);
    script.crash("b");
    script.expect("report b ended, ask d");
    script.obey("d");
    script.expect("ask c");
    script.obey("c");
    script.expect("start b");
    script.up("b");
    script.expect("start d");
    script.up("d");
    // The temporary one is gone, so this concerns nobody else.
    script.crash("d");
    script.expect("report d ended, start d");
}

#[test]
fn what_happens_during_a_cycle_waits_or_is_part_of_it() {
    let rules = SupervisorRules { strategy: Strategy::RestForOne, ..children(&["a", "b", "c", "d"]) };
    let mut script = Script::running(rules);
    script.crash("b");
    script.crash("c");
    script.crash("a");
    script.expect("report b ended, ask d, report c stopped");
    script.obey("d");
    script.expect("start b");
    script.up("b");
    script.expect("start c");
    script.up("c");
    script.expect("start d");
    script.up("d");
    script.expect("report a ended, ask d");
}

#[test]
fn a_child_that_does_not_come_up_in_a_cycle_begins_a_new_one() {
    let rules = SupervisorRules { strategy: Strategy::OneForAll, ..allowing(2, &["a", "b"]) };
    let mut script = Script::running(rules);
    script.crash("a");
    script.obey("b");
    script.up("a");
    script.expect("report a ended, ask b, start a, start b");
    script.crash("b");
    script.expect("report b failed, timer 10");
    script.pass(10);
    script.expect("ask a");
    script.obey("a");
    script.up("a");
    script.expect("start a, start b");
    script.crash("b");
    script.expect("report b failed, report b gave up, ask a");
}

#[test]
fn timers_of_an_earlier_life_do_nothing() {
    let mut rules = SupervisorRules { strategy: Strategy::OneForAll, ..children(&["a", "b"]) };
    rules.children[1].shutdown = Shutdown::After(ms(200));
    let mut script = Script::running(rules);
    script.crash("a");
    script.obey("b");
    script.up("a");
    script.up("b");
    script.expect("report a ended, ask b, timer 200, start a, start b");
    script.pass(200);
    script.expect("");
}

#[test]
fn any_significant_child_ends_the_supervisor_all_only_the_last() {
    let significant = |auto_shutdown| {
        let mut rules = with_restart(&["a", "b", "c"], Restart::Transient);
        rules.auto_shutdown = auto_shutdown;
        rules.children[0].significant = true;
        rules.children[1].significant = true;
        Script::running(rules)
    };
    let mut any = significant(AutoShutdown::AnySignificant);
    any.exit("c", ExitReason::Normal);
    any.expect("");
    any.exit("a", ExitReason::Normal);
    any.expect("ask b");
    any.obey("b");
    any.expect("finished with a");

    let mut all = significant(AutoShutdown::AllSignificant);
    all.exit("a", ExitReason::Normal);
    all.crash("b");
    all.up("b");
    all.expect("report b ended, start b");
    all.exit("b", ExitReason::Normal);
    all.expect("ask c");
    all.obey("c");
    all.expect("finished with b");
}

#[test]
fn events_that_do_not_fit_do_nothing() {
    let mut script = Script::running(with_restart(&["a", "b"], Restart::Temporary));
    script.exit("a", ExitReason::Normal);
    script.exit("a", ExitReason::Normal);
    script.up("a");
    script.up("b");
    script.exit("z", ExitReason::Normal);
    script.expect("");
}
