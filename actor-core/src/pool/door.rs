//! A door for tests with hostile input: what goes through the queues of a pool, and what stands on its board,
//! read as workers and the pool read it.

use std::ops::Range;

use super::board::{Board, TaskId, WorkerNumber};
use super::burial::Blame;
use super::error::TaskError;
use super::ledger::{Ledger, Pending};
use super::message::{Draft, Head, OUTCOMES, Results, Task, failures, item};
use super::part::What;
use super::run::{self, Run};
use crate::boot::Function;
use crate::shm::segment::segment;
use crate::wire;

/// Items of the tasks that results are said to be of.
const ITEMS: [u32; 2] = [3, 5];

/// Reads what is said to be a task: how many items it has. `None`: it is none.
pub(crate) fn task(bytes: &[u8]) -> Option<u32> {
    let task = Task::of(bytes)?;
    let mut at = Some(task.items);
    for _ in 0..task.count {
        at = at.and_then(|at| Some(item(bytes, at)?.1));
    }
    let _ = task.head.entry.get();
    Some(task.count)
}

/// Enters what are said to be results, each with its length in front, and gives up the rest. The numbers of the
/// items that have one, and how often.
pub(crate) fn results(mut bytes: &[u8]) -> Vec<u64> {
    let mut ledger = Ledger::new(ITEMS.len() as u32);
    let job = ledger.new_job();
    let mut first = 0;
    let ids = ITEMS.map(|count| {
        let id = ledger.open(Pending::new(job, first, count, 1, None)).expect("there is room");
        first += u64::from(count);
        id
    });
    while let Some((length, rest)) = bytes.split_first() {
        let (message, rest) = rest.split_at(rest.len().min((*length).into()));
        bytes = rest;
        if let Some(Results { id, first, count, failed }) = Results::of(message) {
            ledger.settle(id, first, count, failed, What::Outcomes(message.to_vec(), OUTCOMES));
        }
    }
    ids.into_iter().for_each(|id| ledger.settle_rest(id, &TaskError::Cancelled));
    assert!(ledger.is_settled(job) && ledger.pending() == 0);
    assert!(ledger.tally.done == ledger.tally.submitted && ledger.tally.failed <= ledger.tally.done);
    let mut told = Vec::new();
    for part in ledger.take_parts(job) {
        part.items::<Vec<u8>>(|number, _| told.push(number));
    }
    told
}

/// Lays bytes down on a board, and does what the pool and a worker do with a task of which they say something.
pub(crate) fn board(bytes: &[u8]) {
    let segment = segment().expect("there is memory");
    let board = Board::make(segment, 2, 2).expect("there is memory");
    board.lay_down(bytes);
    let generation = bytes.get(132..136).map_or(1, |four| u32::from_le_bytes(four.try_into().expect("there are four")));
    let worker = WorkerNumber::new(generation.wrapping_add(1));
    for number in 0..3 {
        let Some(seat) = board.seat(number) else { continue };
        for index in 0..3 {
            let id = TaskId { index, generation };
            if let Some(left) = seat.left() {
                let failed = failures(&left.bytes, 0, left.count);
                assert!(failed <= left.count);
                let _ = Blame::of(board.stand(left.id), (worker, Some(left.attempt.item)), left.attempt, failed);
            }
            if let Some(attempt) = board.claim(id, (generation, u32::MAX), worker, &seat) {
                let _ = board.begin(id, attempt, worker, &seat);
                let _ = board.time_out(id, worker, attempt.item);
            }
            let _ = board.is_doomed(id, worker, &seat);
            let _ = board.doom(id);
            board.close(id);
            let _ = board.stand(id);
            let _ = board.queue((number % 2) as usize);
        }
        seat.clear();
    }
    board.retire();
}

/// A task and results as they are sent.
pub(crate) fn samples() -> [Vec<u8>; 2] {
    let id = TaskId { index: 1, generation: 1 };
    let entry = Function::of(run::enter::<u32, u32> as fn(Box<Run>) -> Box<Run>).expect("it is code of this program");
    let (mut head, written) = (Vec::new(), Head { entry, function: 1, retries: 1, timeout: None });
    wire::encode_into(&mut head, &written).expect("it can be sent");
    let mut draft = Draft::new(&head);
    draft.push(&7_u32).expect("it can be sent");
    draft.push(&"text").expect("it can be sent");
    draft.address(id);
    let mut results = vec![0; OUTCOMES];
    let outcomes: [(u8, Range<u8>); 2] = [(0, 0..1), (2, 1..4)];
    for (kind, text) in outcomes {
        results.push(kind);
        results.extend_from_slice(&(text.len() as u32).to_le_bytes());
        results.extend(text);
    }
    Results { id, first: 0, count: 2, failed: 1 }.write(&mut results);
    [draft.bytes, results]
}
