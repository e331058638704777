//! [`Options`]: what a pool is like, and the start of one.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::board::{Board, WorkerNumber};
use super::error::{StartError, SubmitError};
use super::handle::Pool;
use super::hub::Hub;
use super::keeper::Keeper;
use super::message;
use super::recycling::Limits;
use super::tasks::Tasks;
use super::wiring::Wiring;
use super::worker::{self, Assignment};
use crate::boot::{Function, StartMethod};
use crate::id::{Participant, ProcessId};
use crate::node::{self, Stderr};
use crate::process::{self, Process};
use crate::queue::{CreateError, RawQueue};
use crate::shm::layout::Shape;
use crate::shm::segment::Segment;
use crate::wire::{self, Bytes};

/// What a pool is like; [`start`](Options::start) makes one.
///
/// ```
/// use std::time::Duration;
///
/// use actor_core::pool::{Initializer, Options};
///
/// fn set_up(threads: u32) -> Result<(), String> {
///     if threads == 0 { Err("no threads".into()) } else { Ok(()) }
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let pool = Options {
///     workers: 2,
///     initializer: Some(Initializer::new(set_up, 4)?),
///     max_tasks_per_worker: Some(1000),
///     retries: 1,
///     task_timeout: Some(Duration::from_secs(60)),
///     ..Options::default()
/// }
/// .start()?;
/// assert_eq!(pool.apply(|n: u32| n + 1, 41)?, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// What `ps` and reports call the workers, with a number behind it.
    pub name: String,
    /// How many processes, from 1 to 8192.
    #[doc(alias = "processes")]
    #[doc(alias = "max_workers")]
    pub workers: usize,
    /// What each worker does before its first task.
    #[doc(alias = "initargs")]
    pub initializer: Option<Initializer>,
    /// How often workers that do not come up are replaced, in a row, before the pool has its error.
    pub initializer_retries: u32,
    /// After how many tasks a worker is replaced; a chunk of a `map` is one task.
    #[doc(alias("maxtasksperchild", "max_tasks_per_child"))]
    pub max_tasks_per_worker: Option<u64>,
    /// Bytes of memory of its own with which a worker is replaced after its task. A limit below what a fresh
    /// worker has is logged once, and then there is none; see [`Counts`](super::Counts).
    pub max_worker_memory: Option<u64>,
    /// How old a worker may be when it begins another task.
    pub max_worker_age: Option<Duration>,
    /// How many tasks may be under way before whoever submits one has to wait, from 1 to 1 048 576. A chunk of
    /// a `map` is one task.
    pub max_pending: usize,
    /// How often a task is tried again whose worker died at it.
    pub retries: u32,
    /// How long a task may take, or an item of a chunk, from its begin: then its worker is killed. It is not
    /// tried again.
    pub task_timeout: Option<Duration>,
    /// Bytes of the largest task or result, encoded, up to 1 GiB. Room is reserved as address space, not as
    /// memory.
    pub bytes_max: usize,
    /// How long a worker may take until it comes to its initializer.
    pub start_timeout: Duration,
    /// Where stderr of the workers goes.
    pub stderr: Stderr,
    /// How workers are started; without one as [the node](crate::node::set_start_method) says.
    #[doc(alias = "mp_context")]
    pub start_method: Option<StartMethod>,
}

impl Default for Options {
    /// As many workers as there are CPUs to run them, 1024 pending tasks of up to 16 MiB, no limits, no retries.
    fn default() -> Options {
        Options {
            name: "worker".to_owned(),
            workers: std::thread::available_parallelism().map_or(1, Into::into),
            initializer: None,
            initializer_retries: 3,
            max_tasks_per_worker: None,
            max_worker_memory: None,
            max_worker_age: None,
            max_pending: 1024,
            retries: 0,
            task_timeout: None,
            bytes_max: 16 << 20,
            start_timeout: Duration::from_secs(5),
            stderr: Stderr::Capture,
            start_method: None,
        }
    }
}

const WORKERS_MAX: usize = 8192;
const PENDING_MAX: usize = 1 << 20;
/// Bytes of large tasks that can be under way at once; one of the largest always can.
const LARGE_BYTES: u64 = 32 << 20;
/// Messages of results beyond one per task: those of chunks that come in parts.
const SPARE: u32 = 64;

impl Options {
    /// Starts the workers, and returns when all have begun; their initializers may still be at work.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left then.
    pub fn start(&self) -> Result<Pool, StartError> {
        let Options { workers, max_pending, .. } = *self;
        let out_of_bounds = StartError::OutOfBounds { workers, max_pending };
        if !(1..=WORKERS_MAX).contains(&workers) || !(1..=PENDING_MAX).contains(&max_pending) {
            return Err(out_of_bounds);
        }
        let (seats, pending) = (workers as u32, max_pending as u32);
        let segment = node::ensure().map_err(CreateError::Memory)?;
        let wiring = self.wire(segment, pending, seats)?;
        let me = segment.me();
        let owner = match me {
            Participant::NODE => ProcessId::MAIN,
            me => ProcessId { participant: me, generation: segment.record(me).generation() },
        };
        let hub = Wiring::another(&wiring);
        let tasks = Tasks::new(hub.tasks, hub.board.another());
        let hub = Hub::new(segment, (tasks, hub.results), hub.board, (pending, seats));
        let crew = Crew::new(self, wiring, owner);
        let members = (0..workers).map(|_| None).collect();
        // From here on it is the keeper that leaves nothing behind.
        let mut keeper = Keeper { hub: hub.clone(), crew, members, started: 0, failures: 0, has_killed: false };
        (0..workers).try_for_each(|number| keeper.start(number))?;
        hub.open().tally.workers = workers;
        let thread = std::thread::Builder::new().name("pool-keeper".into());
        let thread = thread.spawn(move || keeper.run()).map_err(StartError::Thread)?;
        Ok(Pool::started(hub, thread, self))
    }

    fn wire(&self, segment: &'static Segment, pending: u32, seats: u32) -> Result<Wiring, CreateError> {
        let message_max = self.bytes_max as u64;
        let queue = |capacity: u32, hands: u32| {
            let shape = Shape { capacity, hands, message_max, bytes: LARGE_BYTES };
            RawQueue::make(segment, shape).map_err(CreateError::from)
        };
        Ok(Wiring {
            tasks: queue(pending + SPARE, (seats + SPARE).min(1024))?,
            results: queue(pending + SPARE, 0)?,
            board: Board::make(segment, pending, seats)?,
        })
    }
}

/// What makes workers.
pub(super) struct Crew {
    pub(super) name: String,
    pub(super) wiring: Wiring,
    pub(super) initializer_retries: u32,
    owner: ProcessId,
    initializer: Option<Initializer>,
    limits: Limits,
    start_timeout: Duration,
    stderr: Stderr,
    start_method: Option<StartMethod>,
}

impl Crew {
    fn new(options: &Options, wiring: Wiring, owner: ProcessId) -> Crew {
        Crew {
            name: options.name.clone(),
            wiring,
            initializer_retries: options.initializer_retries,
            owner,
            initializer: options.initializer.clone(),
            limits: Limits {
                tasks: options.max_tasks_per_worker,
                age: options.max_worker_age,
                memory: options.max_worker_memory,
            },
            start_timeout: options.start_timeout,
            stderr: options.stderr,
            start_method: options.start_method,
        }
    }

    /// A worker for this seat.
    ///
    /// # Errors
    /// It has not begun.
    pub(super) fn start(
        &self,
        seat: u32,
        worker: WorkerNumber,
    ) -> Result<Process<Result<(), String>>, process::SpawnError> {
        let options = process::Options {
            // A pool ends with who has it: nobody waits for what it has not asked for.
            daemon: true,
            name: Some(format!("{}-{}", self.name, seat + 1)),
            start_timeout: self.start_timeout,
            stderr: self.stderr,
            start_method: self.start_method,
        };
        let assignment = Assignment {
            wiring: self.wiring.another(),
            seat,
            worker,
            owner: self.owner,
            initializer: self.initializer.clone(),
            limits: self.limits,
        };
        options.spawn(worker::work, assignment)
    }
}

/// What each worker of a pool does before its first task, replacements too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Initializer {
    entry: Function<Setup, Result<(), String>>,
    function: u64,
    args: Bytes,
}

/// What the entry gets, made for the types of one function.
pub(super) struct Setup {
    function: u64,
    args: Vec<u8>,
}

impl Initializer {
    /// `f(args)` in each worker. An error, a panic, or any other end of it is that of its worker.
    ///
    /// # Errors
    /// [`SubmitError::Encode`] or [`SubmitError::NotInExecutable`].
    pub fn new<A, E>(f: fn(A) -> Result<(), E>, args: A) -> Result<Initializer, SubmitError>
    where
        A: Serialize + DeserializeOwned,
        E: std::fmt::Display,
    {
        let places = Function::of(f).zip(Function::of(set_up::<A, E> as fn(Setup) -> Result<(), String>));
        let Some((function, entry)) = places else { return Err(SubmitError::NotInExecutable) };
        let mut bytes = Vec::new();
        wire::encode_into(&mut bytes, &args)?;
        Ok(Initializer { entry, function: message::raw(function)?, args: Bytes(bytes) })
    }

    /// In the worker.
    ///
    /// # Errors
    /// What the function says.
    pub(super) fn run(self) -> Result<(), String> {
        let Some(entry) = self.entry.get() else { return Err("the initializer is not in this executable".to_owned()) };
        entry(Setup { function: self.function, args: self.args.0 })
    }
}

fn set_up<A: DeserializeOwned, E: std::fmt::Display>(setup: Setup) -> Result<(), String> {
    let Some(function) = message::function::<A, Result<(), E>>(setup.function) else {
        return Err("the initializer is not in this executable".to_owned());
    };
    let args = wire::decode::<A>(&setup.args).map_err(|error| error.to_string())?;
    function(args).map_err(|error| error.to_string())
}
