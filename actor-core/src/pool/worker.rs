//! The worker: a process that takes tasks until there are none any more, or until it has done its part.
//!
//! A task that it has taken stays in its hands, by name, until its results are in the other queue; so it comes
//! back when the worker dies. What is written down when stands in `board.rs`.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::board::{AREA_BYTES, Attempt, Board, Seat, Stand, TaskId, WorkerNumber};
use super::message::{OUTCOMES, Outcome, Results, Task, item};
use super::options::Initializer;
use super::recycling::{Limits, Progress};
use super::run::{self, Run};
use super::tasks::Tasks;
use super::wiring::Wiring;
use crate::id::ProcessId;
use crate::link;
use crate::planted::planted;
use crate::queue::RawQueue;
use crate::shm::post::{PostError, Wake};
use crate::sys::process;
use crate::time::{Deadline, Moment};

/// What a worker begins with.
#[derive(Serialize, Deserialize)]
pub(super) struct Assignment {
    pub(super) wiring: Wiring,
    pub(super) seat: u32,
    pub(super) worker: WorkerNumber,
    pub(super) owner: ProcessId,
    pub(super) initializer: Option<Initializer>,
    pub(super) limits: Limits,
}

/// The function of the process.
///
/// # Errors
/// The initializer has failed; the text says how.
pub(super) fn work(assignment: Assignment) -> Result<(), String> {
    let Assignment { wiring, seat, worker, owner, initializer, limits } = assignment;
    if owner != ProcessId::MAIN {
        follow(owner, wiring.another())?;
    }
    if let Some(initializer) = initializer {
        initializer.run()?;
    }
    let Some(seat) = wiring.board.seat(seat) else { return Ok(()) };
    seat.ready().store(1, std::sync::atomic::Ordering::Release);
    run::listen_to_panics();
    let progress = Progress::new(limits, &wiring.board);
    let tasks = Tasks::new(wiring.tasks, wiring.board.another());
    Worker { tasks, results: wiring.results, board: wiring.board, number: worker, seat, progress }.work();
    Ok(())
}

/// Ends this process when the one with the pool has ended, whatever a task does here. The first one to find
/// it also closes what that has left open.
fn follow(owner: ProcessId, wiring: Wiring) -> Result<(), String> {
    let monitor = link::monitor(owner).map_err(|error| error.to_string())?;
    let thread = std::thread::Builder::new().name("pool-owner".into());
    let follow = move || {
        monitor.wait();
        wiring.close();
        process::exit_now(0)
    };
    thread.spawn(follow).map(drop).map_err(|error| error.to_string())
}

struct Worker {
    tasks: Tasks,
    results: RawQueue,
    board: Board,
    number: WorkerNumber,
    seat: Seat,
    progress: Progress,
}

impl Worker {
    fn work(mut self) {
        let mut buffers = Box::new(Run { function: 0, task: Vec::new(), item: 0..0, results: Vec::new() });
        while let Some((window, held)) = self.tasks.take() {
            // A slot that is held for long would keep those who send.
            let held = window.move_to_hand(held);
            buffers.task.clear();
            let is_read = window.read_held(held, &mut buffers.task);
            if planted!(FinishBeforeWork) {
                window.finish(held, Wake::Now);
            }
            if is_read && let Some(task) = Task::of(&buffers.task) {
                buffers = self.task(&task, buffers);
            }
            if !planted!(FinishBeforeWork) {
                window.finish(held, Wake::Now);
            }
            self.seat.leave();
            if self.progress.is_over() {
                return;
            }
            buffers.task.shrink_to(BUFFER_BYTES_MAX);
            buffers.results.shrink_to(BUFFER_BYTES_MAX);
        }
    }

    fn task(&mut self, task: &Task, mut buffers: Box<Run>) -> Box<Run> {
        let Task { id, count, head, items } = *task;
        let limits = (head.retries, count);
        let Some(mut attempt) = self.board.claim(id, limits, self.number, &self.seat) else { return buffers };
        self.seat.begun().fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (Some(entry), Some(mut next)) = (head.entry.get(), skip(&buffers.task, items, attempt.item)) else {
            return buffers;
        };
        let mut outbox = Outbox::new(Results { id, first: attempt.item, count: 0, failed: 0 }, &mut buffers);
        buffers.function = head.function;
        while attempt.item < count {
            self.seat.due().store(due(head.timeout), std::sync::atomic::Ordering::Relaxed);
            if !self.board.begin(id, attempt, self.number, &self.seat) {
                self.wait_if_doomed(id);
                return buffers;
            }
            let (start, end) = item(&buffers.task, next).unwrap_or((0..0, buffers.task.len()));
            (buffers.item, next) = (start, end);
            let at = buffers.results.len();
            buffers = entry(buffers);
            outbox.add(self, &mut buffers, at);
            attempt = Attempt::first(attempt.item + 1);
        }
        if !self.board.change(id, Stand::Running(self.number), Stand::Ended) {
            // Or its last results were sent already, and entered.
            self.wait_if_doomed(id);
        }
        outbox.send(self, &mut buffers);
        buffers
    }

    /// A worker that was given up is about to be killed, and does nothing else until then.
    fn wait_if_doomed(&self, id: TaskId) {
        while self.board.is_doomed(id, self.number, &self.seat) {
            std::thread::park();
        }
    }

    /// Sends results, waiting for room: the process with the pool takes them whenever it waits for some.
    fn post(&self, bytes: &[u8]) -> Result<(), PostError> {
        self.results.post(bytes, Deadline::Never, Wake::Now)
    }
}

/// Buffers that have grown past this are not kept.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// Where the item of this number begins.
fn skip(task: &[u8], mut at: usize, count: u32) -> Option<usize> {
    for _ in 0..count {
        at = item(task, at)?.1;
    }
    Some(at)
}

/// When an item that begins now is to be done; 0 is never.
fn due(timeout: Option<Duration>) -> u64 {
    let at = timeout.and_then(|timeout| Moment::of(Instant::now().checked_add(timeout)?));
    at.map_or(0, Moment::nanos)
}

/// The results of a task that are to be sent.
struct Outbox {
    results: Results,
}

impl Outbox {
    fn new(results: Results, buffers: &mut Run) -> Outbox {
        buffers.results.clear();
        buffers.results.resize(OUTCOMES, 0);
        Outbox { results }
    }

    /// One more, from this place on. It is kept at the seat, or sent if there is no room for it.
    fn add(&mut self, worker: &Worker, buffers: &mut Run, at: usize) {
        let failed = u32::from(buffers.results.get(at) != Some(&(Outcome::Returned as u8)));
        if buffers.results.len() - OUTCOMES <= AREA_BYTES {
            self.count(failed);
            worker.seat.keep(at - OUTCOMES, &buffers.results[at..], self.results.first, self.results.count);
            return;
        }
        let last = buffers.results.split_off(at);
        self.send(worker, buffers);
        self.count(failed);
        buffers.results.extend_from_slice(&last);
        match last.len() <= AREA_BYTES {
            true => worker.seat.keep(0, &last, self.results.first, self.results.count),
            false => self.send(worker, buffers),
        }
    }

    fn count(&mut self, failed: u32) {
        self.results.count += 1;
        self.results.failed += failed;
    }

    /// Sends what there is.
    fn send(&mut self, worker: &Worker, buffers: &mut Run) {
        if self.results.count == 0 {
            return;
        }
        self.results.write(&mut buffers.results);
        if let Err(error) = worker.post(&buffers.results) {
            // One alone is too large, or there is no memory for them: that is what there is to tell of each.
            buffers.results.truncate(OUTCOMES);
            for _ in 0..self.results.count {
                run::refuse(&mut buffers.results, Outcome::Unsent, &text(&error));
            }
            self.results.failed = self.results.count;
            self.results.write(&mut buffers.results);
            let _ = worker.post(&buffers.results);
        }
        let next = self.results.first + self.results.count;
        worker.seat.sent(next);
        self.results = Results { first: next, count: 0, failed: 0, ..self.results };
        buffers.results.truncate(OUTCOMES);
    }
}

fn text(error: &PostError) -> String {
    match error {
        PostError::TooLarge { size, max } => format!("it has {size} bytes, the pool takes {max}"),
        PostError::NoMemory => "there is no memory for it".to_owned(),
        PostError::Full | PostError::Closed | PostError::Gone => "the pool is gone".to_owned(),
    }
}
