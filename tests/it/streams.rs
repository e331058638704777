//! Replies that come piece by piece, between processes.
//!
//! What needs one process only is tested beside the code. The books about what an actor has made and when
//! it was done are kept on a board, so that whatever becomes of anybody, they are there.

mod deaths;
mod forms;
mod leaks;
mod readers;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use actor_core::prelude::*;
use actor_core::{Items, StreamCall, StreamError};
use actor_tests::board::Board;
use actor_tests::foreign;
use actor_tests::watch::until;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

use crate::harness::{isolated, isolated_for_both};

/// Of the board: items that were made, and streams that were ended.
const MADE: usize = 0;
const ENDED: usize = 1;

/// Longer than any test: what waits so long waits for something else to end it.
const EVER: Duration = Duration::from_secs(10_000);

/// A way to end in the middle.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum End {
    Panic,
    Segfault,
    Abort,
    Exit,
    Kill,
}

const ENDS: [End; 5] = [End::Panic, End::Segfault, End::Abort, End::Exit, End::Kill];

impl End {
    fn now(self) {
        match self {
            End::Panic => panic!("in the middle"),
            End::Segfault => foreign::segfault(),
            End::Abort => foreign::abort(),
            End::Exit => std::process::exit(7),
            End::Kill => kill_process(getpid(), Signal::KILL).expect("there is such a process"),
        }
    }

    fn is(self, reason: &ExitReason) -> bool {
        match (self, reason) {
            (End::Panic, ExitReason::Panicked { message, .. }) => message == "in the middle",
            (End::Segfault, ExitReason::Signaled { signal: 11, .. }) => true,
            (End::Abort, ExitReason::Signaled { signal: 6, .. }) => true,
            (End::Exit, ExitReason::ExitCode(7)) => true,
            (End::Kill, ExitReason::Signaled { signal: 9, .. }) => true,
            _ => false,
        }
    }
}

/// Gives numbers.
#[derive(Actor, Serialize, Deserialize)]
#[actor(timeout = "30s")]
struct Source;

#[handlers]
impl Source {
    #[call]
    fn count(&self, end: u64) -> impl Iterator<Item = u64> + use<> {
        0..end
    }

    /// Writes down how far it has come, and its end.
    #[call]
    fn noted(&self, board: Board) -> impl Iterator<Item = u64> + use<> {
        Noted { board, next: 0 }
    }

    /// Ends in place of the item with this number.
    #[call]
    fn dies_at(&self, at: u64, end: End) -> impl Iterator<Item = u64> + use<> {
        (0..).inspect(move |number| {
            if *number == at {
                end.now();
            }
        })
    }

    #[call]
    fn halves(&self, of: Vec<u32>) -> Result<impl Iterator<Item = Result<u32, String>> + use<>, String> {
        if of.is_empty() {
            return Err("of nothing".into());
        }
        Ok(of.into_iter().map(|n| if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("{n} is odd")) }))
    }

    /// Of items that do not fit beside a slot.
    #[call]
    fn texts(&self, sizes: Vec<usize>) -> Box<dyn Iterator<Item = String>> {
        Box::new(sizes.into_iter().cycle().map(|size| "x".repeat(size)))
    }

    /// Has no item for so long.
    #[call]
    fn never(&self) -> impl Iterator<Item = u64> + use<> {
        std::iter::from_fn(|| {
            foreign::sleep_in_c(1000);
            None
        })
    }

    #[call]
    fn is_there(&self) -> bool {
        true
    }
}

struct Noted {
    board: Board,
    next: u64,
}

impl Iterator for Noted {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.next += 1;
        self.board[MADE].store(self.next, SeqCst);
        Some(self.next - 1)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.board[ENDED].fetch_add(1, SeqCst);
    }
}

#[track_caller]
fn until_ended(board: &Board, streams: u64) {
    until("the iterator is dropped", || board[ENDED].load(SeqCst) == streams);
}

/// The numbers that come, from 0 on, how many they are, and what ends them.
#[track_caller]
fn numbers(items: Items<u64>) -> (u64, Option<StreamError>) {
    let mut expected = 0;
    let mut items = items;
    for item in items.by_ref() {
        match item {
            Ok(number) => assert_eq!(number, expected, "in order, none twice"),
            Err(error) => {
                assert!(items.next().is_none() && items.next().is_none(), "an end is told once");
                return (expected, Some(error));
            }
        }
        expected += 1;
    }
    (expected, None)
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let source = Source.spawn().unwrap();
        let (read, error) = numbers(source.count(20_000).wait().unwrap());
        assert!(read == 20_000 && error.is_none(), "{read} {error:?}");
        assert!(source.is_there().wait().unwrap());
        source.stop().unwrap();
    });
}

#[test]
fn an_endless_stream_is_ended_by_its_reader() {
    isolated(|| {
        let (source, board) = (Source.spawn().unwrap(), Board::new(2));
        let some: Result<Vec<u64>, _> = source.noted(board.clone()).wait().unwrap().take(10).collect();
        assert_eq!(some.unwrap(), (0..10).collect::<Vec<_>>());
        until_ended(&board, 1);
        assert!(source.is_there().wait().unwrap());
        source.stop().unwrap();
    });
}

#[test]
fn an_actor_is_never_ahead_by_more_than_the_look_ahead() {
    isolated(|| {
        let (source, board) = (Source.spawn().unwrap(), Board::new(2));
        for (round, look_ahead) in [1, 2, 10, 64].into_iter().enumerate() {
            let call: StreamCall<_, u64> = source.noted(board.clone());
            let mut items = call.look_ahead(look_ahead).wait().unwrap();
            for read in 0..100 {
                until("it is as far ahead as it may be", || board[MADE].load(SeqCst) == read + look_ahead as u64);
                assert_eq!(items.next().unwrap().unwrap(), read);
                assert!(board[MADE].load(SeqCst) <= read + 1 + look_ahead as u64);
            }
            drop(items);
            until_ended(&board, round as u64 + 1);
        }
        source.stop().unwrap();
    });
}

#[test]
fn errors_come_where_they_belong() {
    isolated(|| {
        let source = Source.spawn().unwrap();
        assert!(matches!(source.halves(vec![]).wait(), Err(CallError::Handler(text)) if text == "of nothing"));
        let items: Vec<_> = source.halves(vec![2, 3, 4]).wait().unwrap().map(Result::unwrap).collect();
        assert_eq!(items, [Ok(1), Err("3 is odd".to_owned()), Ok(2)]);
        source.stop().unwrap();
        assert!(matches!(source.count(1).wait(), Err(CallError::NoProc(_))), "before there is a stream");
    });
}

#[test]
fn an_item_that_does_not_come_in_time_ends_the_stream_for_its_reader() {
    isolated(|| {
        let source = Source.spawn().unwrap();
        let mut items = source.never().timeout(Duration::from_millis(50)).wait().unwrap();
        assert!(matches!(items.next(), Some(Err(StreamError::Timeout(_)))));
        assert!(items.next().is_none());
        source.kill().unwrap();
    });
}

#[test]
fn large_items_come_whole() {
    isolated(|| {
        let source = Source.spawn().unwrap();
        let sizes = vec![0, 111, 113, 5_000, 3 << 20, 20, 20 << 20, 70_000];
        let items = source.texts(sizes.clone()).wait().unwrap();
        let read: Vec<usize> = items.take(3 * sizes.len()).map(|item| item.unwrap().len()).collect();
        assert_eq!(read, sizes.repeat(3));
        source.stop().unwrap();
    });
}
