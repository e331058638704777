//! The root process as one end of a link.

use std::path::Path;

use actor_core::link::{link, trap_exit, unlink};
use actor_core::process::Process;
use futures::executor::block_on;

use super::*;
use crate::harness::{METHODS, Trial, isolated};

const LINKED_MAIN: &str = env!("CARGO_BIN_EXE_linked_main");

/// Runs the program whose `main` is linked to somebody who ends like this.
fn run(end: &str, code: i32, says: &str) {
    run_with(end, code, says, 1);
}

/// [`run`], with so many who say that they stop.
fn run_with(end: &str, code: i32, says: &str, stopping: usize) {
    for method in METHODS {
        let trial = Trial::new(&format!("linked_main ({end}, {method:?})"), method);
        let ended = trial.run(trial.command(Path::new(LINKED_MAIN)).arg(end));
        assert_eq!(ended.status.code(), Some(code), "{}", ended.text);
        assert!(ended.text.contains(says), "{}", ended.text);
        assert_eq!(
            ended.text.matches("stopping:").count(),
            stopping,
            "the others are stopped in order: {}",
            ended.text
        );
        trial.assert_nothing_left();
    }
}

#[test]
fn smoke() {
    run("normal", 0, "main goes on");
}

#[test]
fn m_01_main_ends_with_whom_it_is_linked_to() {
    run("crash", 1, "main ends through its link to process");
}

#[test]
fn m_02_main_can_trap() {
    run("trapped", 0, "main was told: died of signal 11");
}

#[test]
fn the_end_of_main_is_in_order_for_those_who_are_linked() {
    run_with("pair", 0, "stopping: stopped as asked", 2);
}

#[test]
fn m_01_others_are_linked_to_main_like_to_anybody() {
    isolated(|| {
        let (diary, exits) = (diary(), trap_exit().unwrap());
        let actor = member(&diary);
        actor.befriend(Peer::Main).wait().unwrap();
        let life = peer(&actor);
        actor.end(End::Exit(2)).send().unwrap();
        let exit = exits.recv_timeout(SOON).expect("it has ended");
        assert_eq!((exit.from, exit.reason), (life, ExitReason::ExitCode(2)));
        // Both ways of asking, once is enough, and none is left.
        let actor = member(&diary);
        actor.link().unwrap();
        link(actor).unwrap();
        actor.unlink().unwrap();
        actor.kill().unwrap();
        assert_eq!(exits.recv_timeout(NOT_YET), None);
        assert!(link(actor).is_ok(), "the dead answer");
        assert_eq!(exits.try_recv().map(|exit| exit.reason), Some(ExitReason::NoProc));
        done(diary, []);
    });
}

#[test]
fn a_link_that_is_cut_tells_nothing_of_before() {
    isolated(|| {
        let exits = trap_exit().unwrap();
        let (process, other) = (Process::spawn(sleep, ()).unwrap(), Process::spawn(sleep, ()).unwrap());
        link(&process).unwrap();
        link(&other).unwrap();
        let monitor = actor_core::link::monitor(&process).unwrap();
        process.kill().unwrap();
        monitor.wait_timeout(SOON).expect("it was killed");
        unlink(&process).unwrap();
        assert_eq!(exits.recv_timeout(NOT_YET), None);
        other.kill().unwrap();
        assert_eq!(block_on(exits.recv_async()).from, other.id().into());
        process.join().unwrap_err();
        other.join().unwrap_err();
    });
}
