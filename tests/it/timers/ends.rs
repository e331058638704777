//! The end of the program while there are timers.

use std::path::Path;

use super::*;
use crate::harness::{METHODS, Trial, isolated};

const TIMERS_MAIN: &str = env!("CARGO_BIN_EXE_timers_main");

#[test]
fn smoke() {
    isolated(|| {
        // It does not wait for them.
        let desk = Desk::new();
        let clock = desk.clock();
        clock.note(1).surviving().send_after(HOUR).unwrap();
        clock.note(2).surviving().send_every(HOUR, Missed::Skip).unwrap();
        clock.stop().unwrap();
        desk.clear();
    });
}

/// Timers of all kinds run while the actors are asked to end.
#[test]
fn a_program_ends_in_order_though_timers_run() {
    for method in METHODS {
        let trial = Trial::new(&format!("timers_main ({method:?})"), method);
        let begin = Instant::now();
        let ended = trial.run(&mut trial.command(Path::new(TIMERS_MAIN)));
        assert!(ended.status.success(), "{}", ended.text);
        assert_eq!(ended.text.matches("stopping: stopped as asked").count(), 3, "{}", ended.text);
        println!("it has ended after {:?}", begin.elapsed());
        trial.assert_nothing_left();
    }
}
