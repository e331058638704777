//! The counting itself: by workers, and for comparison by one thread of this process.
//!
//! This process reads and adds up, each of its threads with one piece of text at a time: it takes
//! the next piece, calls a worker with it and adds the result to the totals. That a worker is
//! killed over the piece does not show here, since its successor answers the call. So a piece is
//! added up exactly once, by whoever waited for it. Who kills begins before anybody has started and
//! ends when all is counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use actor_core::node::{self, Counters};
use actor_core::prelude::*;
use actor_core::{Backoff, KilledBy, StartError, SupervisorBuilder, SupervisorEnd, SupervisorError};

use crate::chance::Chance;
use crate::chunks::{CHUNK_BYTES, Chunk, Chunks};
use crate::counter::{Counter, Text};
use crate::killer::Killer;
use crate::report::Losses;
use crate::tally::{Counts, Malformed, Totals, for_each_word, is_letter};

/// How many pieces are under way per worker: one in hand and one that waits, so that no worker
/// waits for the main process.
const IN_FLIGHT: usize = 2;

/// So many results are merged at a time. The table of all words is larger than a CPU's own cache, from
/// which every piece that is read drives it out: words that are frequent are then fetched anew for each
/// merge, which made the merge three times as expensive.
const MERGED_AT_ONCE: usize = 64;

/// A worker that does not live long enough for so little will never get anything done.
const PART_BYTES_MIN: usize = 1 << 10;

/// A supervisor does not begin with a child that dies while it starts for the first time. So often
/// it is tried anew if that was one of our kills; most starts are over before the next kill.
const STARTS_MAX: u64 = 1000;

/// How often restarts are looked up for the progress bar.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    pub(crate) workers: usize,
    pub(crate) kill_every: Option<Duration>,
    /// Decides who is killed.
    pub(crate) seed: u64,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CrewError {
    #[error("the workers cannot be started: {0}")]
    Start(actor_core::Error),
    #[error("the workers cannot be stopped: {0}")]
    Stop(SupervisorError),
    #[error("the supervisor gave up, too many workers have died; the last one: {0}")]
    GaveUp(Box<ExitReport>),
    #[error("no worker lives long enough to count {bytes} bytes of text; the last one: {end}")]
    NoLife { bytes: usize, end: Box<ExitReport> },
    #[error("a piece of text was not counted: {0}")]
    Call(#[from] CallError),
    #[error(transparent)]
    Counts(#[from] Malformed),
}

/// Counts all pieces with `crew`; `seen` is told of each piece when it has been counted.
pub(crate) fn count_with_workers(
    chunks: Chunks<'_>,
    crew: Crew,
    seen: &mut (dyn FnMut(&Chunk, Losses) + Send),
) -> Result<(Totals, Losses), CrewError> {
    let job = Job {
        source: Mutex::new(Ok(chunks)),
        part_bytes: AtomicUsize::new(CHUNK_BYTES),
        sink: Mutex::new(Sink::new(seen)),
        killer: Killer::default(),
        victims: Mutex::default(),
        killed_starts: AtomicU64::new(0),
        before: counters().map_err(CrewError::Start)?,
    };
    let supervisor = thread::scope(|scope| {
        let job = &job;
        if let Some(every) = crew.kill_every {
            let mut chance = Chance::new(crew.seed);
            scope.spawn(move || job.killer.work(every, || job.kill(chance.below(crew.workers))));
        }
        let _until = job.killer.until_dropped();
        let (supervisor, workers) = job.start(crew)?;
        thread::scope(|scope| {
            for worker in workers.iter().flat_map(|worker| [worker; IN_FLIGHT]) {
                scope.spawn(|| job.work_with(worker));
            }
        });
        Ok::<_, CrewError>(supervisor)
    })?;
    match supervisor.stop() {
        Ok(SupervisorEnd::GaveUp { report, .. }) => Err(CrewError::GaveUp(report)),
        Ok(_) => job.finish(),
        Err(error) => Err(CrewError::Stop(error)),
    }
}

impl Crew {
    /// A supervisor with the workers as its children, which it starts again whenever they die.
    fn supervisor(self) -> actor_core::Result<(SupervisorBuilder, Vec<ActorRef<Counter>>)> {
        let mut supervisor = Supervisor::builder().intensity(self.intensity());
        // Who is killed while it starts has not come up; it is tried again at once all the same.
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        let child = |number| ChildSpec { id: format!("counter {number}"), backoff, ..ChildSpec::new(Counter) };
        let workers = (1..=self.workers).map(|number| supervisor.child(child(number)));
        let workers = workers.collect::<Result<_, _>>()?;
        Ok((supervisor, workers))
    }

    /// How many restarts are too many: several times as many as there can be kills. Workers that
    /// crash over and over again though nobody kills them are then still found out.
    pub(crate) fn intensity(self) -> Intensity {
        let period = Duration::from_secs(1);
        let kills = self.kill_every.map_or(0.0, |every| period.div_duration_f64(every));
        Intensity { restarts: (10.0 + 4.0 * kills).ceil() as u32, period }
    }
}

/// What the threads of this process share.
struct Job<'a> {
    /// The pieces that nobody has taken, or why no more are taken.
    source: Mutex<Result<Chunks<'a>, CrewError>>,
    /// No more is given to a worker at once. Less than a piece if workers do not live long enough
    /// for a whole one.
    part_bytes: AtomicUsize,
    sink: Mutex<Sink<'a>>,
    killer: Killer,
    /// The workers, in any state, also not started yet.
    victims: Mutex<Vec<ActorRef<Counter>>>,
    /// First starts that a kill has prevented.
    killed_starts: AtomicU64,
    before: Counters,
}

/// Where results go.
struct Sink<'a> {
    totals: Totals,
    /// What the totals lack.
    unmerged: Vec<Counts>,
    losses: Losses,
    looked: Instant,
    seen: &'a mut (dyn FnMut(&Chunk, Losses) + Send),
}

impl Job<'_> {
    /// Starts the workers, in spite of kills.
    fn start(&self, crew: Crew) -> Result<(Supervisor, Vec<ActorRef<Counter>>), CrewError> {
        loop {
            let (supervisor, workers) = crew.supervisor().map_err(CrewError::Start)?;
            lock(&self.victims).clone_from(&workers);
            match supervisor.start() {
                Ok(supervisor) => return Ok((supervisor, workers)),
                Err(error) if is_our_kill(&error) && self.killed_starts.load(Ordering::Relaxed) < STARTS_MAX => {
                    self.killed_starts.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => return Err(CrewError::Start(error.into())),
            }
        }
    }

    /// Kills a worker by its number. False: there is nobody to be killed.
    fn kill(&self, number: usize) -> bool {
        let worker = lock(&self.victims).get(number).copied();
        worker.is_some_and(|worker| worker.kill().is_ok())
    }

    /// Has `worker` count until nothing is left.
    fn work_with(&self, worker: &ActorRef<Counter>) {
        let mut room = String::new();
        while let Some(mut chunk) = self.next(room) {
            match self.count(worker, std::mem::take(&mut chunk.text)) {
                Ok(text) => room = text,
                Err(error) => {
                    *lock(&self.source) = Err(error);
                    return;
                }
            }
            self.tell(&chunk);
        }
    }

    fn next(&self, room: String) -> Option<Chunk> {
        lock(&self.source).as_mut().ok()?.next_in(room)
    }

    /// Has `worker` count a piece, part by part if it must be, and adds up what it says. Gives a
    /// text back whose memory can be used again.
    fn count(&self, worker: &ActorRef<Counter>, text: String) -> Result<String, CrewError> {
        let mut parts = vec![Text::from(text)];
        let mut room = String::new();
        while let Some(part) = parts.pop() {
            if let Some((left, right)) = self.halves(part.as_str()) {
                parts.extend([right, left]);
                continue;
            }
            match worker.count(part.clone()).wait() {
                Ok(counts) => lock(&self.sink).add(counts)?,
                // As many lives as it may cost have ended over this part; it was not counted.
                Err(CallError::Died(end)) => {
                    self.make_smaller(part.as_str(), end)?;
                    parts.push(part);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            room = part.into_string();
        }
        Ok(room)
    }

    /// Cuts what is too large to be given to a worker at once, if it can be cut.
    fn halves(&self, part: &str) -> Option<(Text, Text)> {
        let is_small = part.len() <= self.part_bytes.load(Ordering::Relaxed);
        let (left, right) = part.split_at(if is_small { None } else { gap_in_the_middle(part) }?);
        Some((left.to_owned().into(), right.to_owned().into()))
    }

    /// From now on, no more than half of `part` is given to a worker at once.
    fn make_smaller(&self, part: &str, end: Box<ExitReport>) -> Result<(), CrewError> {
        let bytes = part.len();
        if bytes <= PART_BYTES_MIN || gap_in_the_middle(part).is_none() {
            return Err(CrewError::NoLife { bytes, end });
        }
        self.part_bytes.fetch_min(bytes / 2, Ordering::Relaxed);
        Ok(())
    }

    fn tell(&self, chunk: &Chunk) {
        let mut sink = lock(&self.sink);
        if LOOK_EVERY <= sink.looked.elapsed() {
            sink.looked = Instant::now();
            sink.losses = self.losses().unwrap_or(sink.losses);
        }
        let losses = sink.losses;
        (sink.seen)(chunk, losses);
    }

    fn losses(&self) -> actor_core::Result<Losses> {
        let (now, before) = (counters()?, self.before);
        Ok(Losses {
            kills: self.killer.kills(),
            killed_starts: self.killed_starts.load(Ordering::Relaxed),
            kills_at_work: now.died_at_work - before.died_at_work,
            restarts: now.restarts - before.restarts,
            redelivered: now.redelivered - before.redelivered,
            dead_letters: now.dead_letters - before.dead_letters,
        })
    }

    fn finish(self) -> Result<(Totals, Losses), CrewError> {
        let losses = self.losses();
        self.source.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        let mut sink = self.sink.into_inner().unwrap_or_else(PoisonError::into_inner);
        sink.merge()?;
        Ok((sink.totals, losses.unwrap_or(sink.losses)))
    }
}

impl<'a> Sink<'a> {
    fn new(seen: &'a mut (dyn FnMut(&Chunk, Losses) + Send)) -> Sink<'a> {
        Sink {
            totals: Totals::default(),
            unmerged: Vec::with_capacity(MERGED_AT_ONCE),
            losses: Losses::default(),
            looked: Instant::now(),
            seen,
        }
    }

    fn add(&mut self, counts: Counts) -> Result<(), Malformed> {
        self.unmerged.push(counts);
        if self.unmerged.len() < MERGED_AT_ONCE { Ok(()) } else { self.merge() }
    }

    fn merge(&mut self) -> Result<(), Malformed> {
        self.unmerged.drain(..).try_for_each(|counts| self.totals.merge(&counts))
    }
}

fn is_our_kill(error: &StartError) -> bool {
    let ours = ExitReason::Killed { by: KilledBy::User };
    matches!(error, StartError::Child { report, .. } if report.reason == ours)
}

fn counters() -> actor_core::Result<Counters> {
    Ok(node::counters()?)
}

/// A place near the middle of `text` where it can be cut without cutting a word.
fn gap_in_the_middle(text: &str) -> Option<usize> {
    let is_gap = |c| !is_letter(c);
    let middle = text.floor_char_boundary(text.len() / 2);
    let before = text[..middle].rfind(is_gap).filter(|at| *at > 0);
    before.or_else(|| text[middle..].find(is_gap).map(|at| middle + at)).filter(|at| *at > 0)
}

/// Nothing of ours is left half done by a panic, which ends the program anyway.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts all pieces here.
pub(crate) fn count_alone(chunks: Chunks<'_>, seen: &mut dyn FnMut(&Chunk)) -> Totals {
    let mut totals = Totals::default();
    for chunk in chunks {
        for_each_word(&chunk.text, |word| totals.add(&word, 1));
        seen(&chunk);
    }
    totals
}
