//! Death at every instruction, and every state that a death leaves behind: slices of the modes `steps`
//! and `images`.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::{fs, thread};

use actor_core::process::Process;
use actor_tests::board::Board;
use actor_tests::chance::{Chance, effort};
use actor_tests::crash::steps;
use actor_tests::crash::{Budget, Mode, Plan, Tally};
use actor_tests::steps::{Step, Stepped, stand_still};

use crate::harness::{isolated, skip};

/// Of a mode, so many runs of one case.
fn slice(mode: &Mode, title: &str, runs: u64, seed: u64) {
    carry_out(mode, &Plan { only: Some(title.to_owned()), ..Plan::new(Budget::Runs(runs), seed) });
}

fn carry_out(mode: &Mode, plan: &Plan) -> Tally {
    let mut tally = Tally::new(mode.name);
    if let Err(fault) = (mode.run)(plan, &mut tally) {
        tally.note(fault);
    }
    let again = plan.again(mode.name, None);
    let texts: Vec<String> = tally.faults().iter().map(ToString::to_string).collect();
    assert!(texts.is_empty(), "{}\nagain with: {again}", texts.join("\n"));
    match tally.remarks.iter().find_map(|remark| remark.strip_prefix("SKIP: ")) {
        Some(reason) => skip(reason),
        None => assert!(0 < tally.runs, "nothing was tried by: {again}"),
    }
    tally
}

/// Some cases, others each time.
fn any_cases(mode: &Mode, cases: usize, runs: u64) {
    let mut chance = Chance::announced();
    let mut titles = steps::titles(mode);
    chance.shuffle(&mut titles);
    for title in titles.iter().take(cases * effort() as usize) {
        println!("{title}");
        slice(mode, title, runs, chance.any());
    }
}

#[test]
fn t_01_a_sender_may_die_at_every_instruction() {
    isolated(|| {
        let runs = 300 * u64::from(effort());
        for title in ["send/inline", "send/extent"] {
            slice(&steps::MODE, title, runs, Chance::announced().any());
        }
    });
}

#[test]
fn c_01_to_10_whoever_is_at_work_may_die_at_any_instruction() {
    isolated(|| any_cases(&steps::MODE, 8, 60));
}

#[test]
fn a_queue_goes_when_the_last_who_has_it_dies_while_he_lets_go() {
    isolated(|| slice(&steps::MODE, "detach/only-handle", 1000, Chance::announced().any()));
}

#[test]
fn a_run_goes_on_where_another_one_has_ended() {
    isolated(|| {
        let path = std::env::temp_dir().join(format!("covered-{}", std::process::id()));
        let seed = Chance::announced().any();
        let all = Plan::new(Budget::Runs(70), seed);
        let plan = Plan { only: Some("cast/closed".into()), covered: Some(path.clone()), ..all };
        let first = carry_out(&steps::MODE, &plan);
        let second = carry_out(&steps::MODE, &plan);
        fs::remove_file(&path).expect("what was covered is kept");
        if first.remarks.iter().all(|remark| !remark.starts_with("SKIP: ")) {
            assert_eq!((first.runs, second.runs), (70, 70));
            assert!(first.covered.is_some_and(|covered| covered <= 70));
            assert!(first.covered < second.covered, "{first:?} {second:?}");
            assert_eq!(first.total, second.total);
        }
    });
}

#[test]
fn whoever_else_dies_may_die_while_a_death_is_repaired() {
    isolated(|| {
        let seed = Chance::announced().any();
        let plan = Plan { only: Some("repairs".into()), ..Plan::new(Budget::Runs(4), seed) };
        let tally = carry_out(&steps::MODE, &plan);
        assert!(tally.kills == 0 || 8 <= tally.kills, "nobody was killed: {tally:?}");
    });
}

#[test]
fn c_24_every_state_of_a_queue_is_repaired() {
    isolated(|| any_cases(&steps::images::MODE, 2, 60));
}

/// Somebody who is led comes here when the word before is set, and sets the one behind.
#[inline(never)]
fn landmark(board: &Board) {
    board[1].store(1, Release);
}

fn come_to_landmark(board: Board) {
    // It lies elsewhere in another process.
    board[2].store(landmark as fn(&Board) as usize as u64, Release);
    stand_still();
    while board[0].load(Acquire) == 0 {
        thread::yield_now();
    }
    landmark(&board);
    loop {
        stand_still();
    }
}

#[test]
fn who_comes_late_to_a_place_stands_before_it() {
    isolated(|| {
        let board = Board::new(3);
        let process = Process::spawn(come_to_landmark, board.clone()).expect("a process can be started");
        let stepped = match Stepped::take_over(process.pid()) {
            Ok(stepped) => stepped,
            Err(error) => return skip(&format!("nobody can be led here: {error}")),
        };
        let place = board[2].load(Acquire);
        assert_eq!(stepped.run_to(place).expect("it lives"), Step::Asleep);
        board[0].store(1, Release);
        while stepped.come_back().expect("it lives") == Step::Asleep {}
        assert_eq!((stepped.place().expect("it stands"), board[1].load(Acquire)), (place, 0));
        stepped.run_on().expect("it lives");
        assert_eq!(board[1].load(Acquire), 1);
        process.kill().expect("it can be killed");
        let _ = process.join();
    });
}

fn stand_twice(board: Board) {
    stand_still();
    board[0].store(1, Release);
    stand_still();
    board[0].store(2, Release);
    loop {
        stand_still();
    }
}

#[test]
fn who_stands_still_by_its_own_wish_is_seen_to() {
    isolated(|| {
        let board = Board::new(1);
        let process = Process::spawn(stand_twice, board.clone()).expect("a process can be started");
        let stepped = match Stepped::take_over(process.pid()) {
            Ok(stepped) => stepped,
            Err(error) => return skip(&format!("nobody can be led here: {error}")),
        };
        while stepped.step().expect("it lives") != Step::Elsewhere {
            assert!(board[0].load(Acquire) < 2, "it has gone on");
        }
        assert_eq!(board[0].load(Acquire), 1);
        process.kill().expect("it can be killed");
        let _ = process.join();
    });
}
