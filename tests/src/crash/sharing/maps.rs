//! [`Maps`]: a pool that maps again and again while its workers are killed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, JoinHandle};

use actor_core::pool::{Initializer, Options, Pool};
use rustix::process::Signal;

use crate::board::Board;
use crate::chance::Chance;
use crate::crash::signals::signal_if;
use crate::crash::{Fault, Kind};

/// What the workers are called.
const NAME: &str = "mapper";
const WORKERS: usize = 2;
/// Items of a map.
const ITEMS: u64 = 300;

/// On the board: how many workers there were, the maps that are done, and the last workers.
const BEGUN: usize = 0;
const DONE: usize = 1;
const PIDS: usize = 2;
/// Two live, and others are not quite dead.
const PLACES: usize = 4;

pub(super) struct Maps {
    board: Board,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Fault>>,
    killed: u64,
}

fn note_worker(board: Board) -> Result<(), String> {
    let number = board[BEGUN].fetch_add(1, SeqCst) as usize;
    board[PIDS + number % PLACES].store(u64::from(std::process::id()), SeqCst);
    Ok(())
}

fn square(number: u64) -> u64 {
    number * number
}

impl Maps {
    pub(super) fn start() -> Maps {
        let board = Board::new(PIDS + PLACES);
        let initializer = Initializer::new(note_worker, board.clone()).expect("it is part of this program");
        let options = Options {
            name: NAME.to_owned(),
            workers: WORKERS,
            initializer: Some(initializer),
            // Workers are killed wherever they are, and each item as often as it happens.
            initializer_retries: u32::MAX,
            retries: u32::MAX,
            ..Options::default()
        };
        let pool = options.start().expect("a pool can be started");
        let is_over = Arc::new(AtomicBool::new(false));
        let (ends, done) = (is_over.clone(), board.clone());
        let thread = thread::spawn(move || map_on(&pool, &ends, &done));
        Maps { board, is_over, thread, killed: 0 }
    }

    /// How many maps there were.
    pub(super) fn done(&self) -> u64 {
        self.board[DONE].load(SeqCst)
    }

    /// Any worker that has begun. False: there is none.
    pub(super) fn kill_one(&mut self, chance: &mut Chance) -> bool {
        let mut places: [usize; PLACES] = std::array::from_fn(|place| PIDS + place);
        chance.shuffle(&mut places);
        let kill = |place: &usize| {
            let pid = self.board[*place].load(SeqCst) as u32;
            signal_if(pid, Signal::KILL, |seen| seen.name.starts_with(NAME))
        };
        let was_hit = places.iter().any(kill);
        self.killed += u64::from(was_hit);
        was_hit
    }

    /// How many maps there were, and how many workers were killed.
    ///
    /// # Errors
    /// What was wrong with a map.
    pub(super) fn end(self) -> Result<(u64, u64), Fault> {
        let done = self.done();
        self.is_over.store(true, SeqCst);
        self.thread.join().expect("a fault is no panic")?;
        Ok((done, self.killed))
    }
}

fn map_on(pool: &Pool, is_over: &AtomicBool, board: &Board) -> Result<(), Fault> {
    while !is_over.load(SeqCst) {
        let begin = board[DONE].load(SeqCst);
        let results = pool.map(square, begin..begin + ITEMS);
        let results = results.map_err(|error| Kind::Lost.fault(format!("a map: {error}")))?;
        let is_right = results.iter().copied().eq((begin..begin + ITEMS).map(square));
        Kind::Lost.unless(is_right, || format!("a map of {ITEMS} gives {results:?}"))?;
        board[DONE].fetch_add(1, SeqCst);
    }
    Ok(())
}
