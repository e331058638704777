//! The log thread: reads the rings of the node's processes and has the subscriber of this process hear of it.
//!
//! It alone calls the user's subscriber for others, and may wait there as long as that likes: the node thread
//! shares one lock with it, which is never held during such a call. Meanwhile rings fill, and their writers
//! drop. It begins with the first process that is started while somebody listens.
//!
//! The node thread calls no subscriber itself: what it has to say is said here, behind the last words of whom it
//! is about.
//!
//! A process that has died is handed over by the node thread with its ring, which then holds the last of what
//! it has logged. The ring is taken down here, when that has been heard; of too many that wait, unheard.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Level, Metadata, callsite};

use super::frame;
use super::level;
use super::mirror::Who;
use super::reading::Reading;
use crate::id::{Participant, ProcessId, WindowId};
use crate::planted::planted;
use crate::shm::log_ring::Reader;
use crate::shm::segment::{Segment, attached};

/// Rings of the dead that wait to be read.
const DEAD_MAX: usize = 256;
/// What the node thread has to say, and nobody has heard yet.
const OWN_MAX: usize = 1024;
/// How long the end of the program waits for what is still to be heard.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    has_thread: false,
    living: BTreeMap::new(),
    dead: VecDeque::new(),
    own: Vec::new(),
    begun: 0,
    finished: 0,
});
/// A pass has ended.
static FINISHED: Condvar = Condvar::new();
static IS_RUNNING: AtomicBool = AtomicBool::new(false);
static IS_AT_WORK: AtomicBool = AtomicBool::new(false);
/// Somebody has changed what is listened to.
static IS_LEVEL_STALE: AtomicBool = AtomicBool::new(false);
static HEARD: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// What the node thread and the log thread have in common.
struct Shared {
    has_thread: bool,
    /// The processes that live.
    living: BTreeMap<Participant, Living>,
    dead: VecDeque<Dead>,
    own: Vec<Box<dyn FnOnce() + Send>>,
    /// Passes over all that there is to read.
    begun: u64,
    finished: u64,
}

/// A process that has not ended.
struct Living {
    generation: u32,
    who: Who,
    /// The log thread has its ring, and nobody else may take it down.
    is_open: bool,
}

/// A process that has ended.
pub(super) struct Dead {
    pub(super) id: ProcessId,
    pub(super) who: Who,
    pub(super) ring: WindowId,
    is_open: bool,
}

/// A process is about to be started. Its log will be heard if somebody listens by now.
pub(crate) fn announce(segment: &'static Segment, id: ProcessId, name: &str, is_actor: bool) {
    let level = level::of_filter(LevelFilter::current());
    let mut shared = lock();
    // Also where nobody listens yet: somebody may by the time that the process has begun.
    let who = Who { name: Arc::from(name), is_actor, pid: 0 };
    shared.living.insert(id.participant, Living { generation: id.generation, who, is_open: false });
    let is_heard = level != 0 && shared.has_thread(segment);
    segment.set_log_level(if is_heard { level } else { 0 });
}

/// Has the log thread do what tells the subscriber something of the node's own.
pub(crate) fn later(tell: impl FnOnce() + Send + 'static) {
    let Some(segment) = attached().filter(|_| LevelFilter::current() != LevelFilter::OFF) else { return };
    let mut shared = lock();
    if shared.own.len() == OWN_MAX || !shared.has_thread(segment) {
        DROPPED.fetch_add(1, Relaxed);
        return;
    }
    shared.own.push(Box::new(tell));
    drop(shared);
    segment.log_bell().ring();
}

/// A process is dead, and its shared memory was repaired.
pub(crate) fn bury(segment: &'static Segment, participant: Participant) {
    let Some(Living { generation, mut who, is_open }) = lock().living.remove(&participant) else { return };
    who.pid = segment.record(participant).pid.load(Relaxed);
    segment.log_bell().repair();
    let Some(ring) = segment.record(participant).log().filter(|_| !planted!(ForgetLogs)) else { return };
    let id = ProcessId { participant, generation };
    let mut shared = lock();
    shared.dead.push_back(Dead { id, who, ring, is_open });
    let is_too_much = DEAD_MAX < shared.dead.len() || !shared.has_thread;
    let unheard = shared.dead.iter().position(|dead| is_too_much && !dead.is_open);
    let unheard = unheard.and_then(|at| shared.dead.remove(at));
    drop(shared);
    if let Some(reader) = unheard.and_then(|dead| dead.reader(segment)) {
        DROPPED.fetch_add(frame::count_events(reader), Relaxed);
    }
    segment.log_bell().ring();
}

/// Events of other processes that were heard, and those that came too fast for that.
pub(crate) fn counts() -> (u64, u64) {
    (HEARD.load(Relaxed), DROPPED.load(Relaxed))
}

/// Waits a little until all is heard that was logged before. For whoever ends the program.
pub(crate) fn flush() {
    let Some(segment) = attached().filter(|_| IS_RUNNING.load(Relaxed)) else { return };
    let deadline = Instant::now() + FLUSH_PATIENCE;
    let mut shared = lock();
    let wanted = shared.begun + 1;
    segment.log_bell().ring();
    while shared.finished < wanted {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        shared = FINISHED.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Whether somebody listens to other processes.
#[inline]
pub(super) fn is_running() -> bool {
    IS_RUNNING.load(Relaxed)
}

/// Whether the log thread reads at this moment what was told before.
pub(super) fn is_at_work() -> bool {
    IS_AT_WORK.load(SeqCst)
}

impl Shared {
    /// Whether there is a log thread, which begins now if it has not yet.
    fn has_thread(&mut self, segment: &'static Segment) -> bool {
        if !self.has_thread {
            let thread = std::thread::Builder::new().name("actor-logs".into()).spawn(move || run(segment));
            self.has_thread = thread.is_ok();
            IS_RUNNING.store(self.has_thread, Relaxed);
        }
        self.has_thread
    }
}

impl Dead {
    pub(super) fn reader(&self, segment: &'static Segment) -> Option<Reader> {
        Reader::of(segment, self.ring, (self.id.participant, self.id.generation))
    }
}

/// The generation of a living process, and who it is. From now on its ring is the log thread's.
pub(super) fn open(segment: &Segment, participant: Participant) -> Option<(u32, Who)> {
    let mut shared = lock();
    let living = shared.living.get_mut(&participant)?;
    living.is_open = true;
    let pid = segment.record(participant).pid.load(Relaxed);
    Some((living.generation, Who { pid, ..living.who.clone() }))
}

pub(super) fn count(heard: u64, dropped: u64) {
    HEARD.fetch_add(heard, Relaxed);
    DROPPED.fetch_add(dropped, Relaxed);
}

fn run(segment: &'static Segment) {
    IS_LOG_THREAD.set(true);
    callsite::register(&CHANGES);
    // What has changed before that, nobody was told of.
    look_at_level(segment);
    let mut reading = Reading::new(segment);
    loop {
        segment.log_bell().wait(reading.look_again());
        // In this order: who finds nobody at work and nothing to be read has been read.
        IS_AT_WORK.store(true, SeqCst);
        segment.log_bell().silence();
        look_at_level(segment);
        let mut shared = lock();
        shared.begun += 1;
        let (pass, dead, own) = (shared.begun, std::mem::take(&mut shared.dead), std::mem::take(&mut shared.own));
        drop(shared);
        reading.pass(dead);
        for tell in own {
            let _ = panic::catch_unwind(AssertUnwindSafe(tell));
        }
        IS_AT_WORK.store(false, SeqCst);
        lock().finished = pass;
        FINISHED.notify_all();
    }
}

/// Has the processes send what is listened to by now.
fn look_at_level(segment: &Segment) {
    if IS_LEVEL_STALE.swap(false, SeqCst) {
        // Whoever has told of the change may not have finished it.
        callsite::rebuild_interest_cache();
    }
    segment.set_log_level(level::of_filter(LevelFilter::current()));
}

fn lock() -> MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static IS_LOG_THREAD: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A place from which nothing is ever logged: it is told when subscribers come, go or change their minds.
struct Changes;

static CHANGES: Changes = Changes;
static CHANGES_METADATA: Metadata<'static> = Metadata::new(
    "changes",
    "actor_core::logs",
    Level::ERROR,
    None,
    None,
    None,
    tracing::field::FieldSet::new(&[], callsite::Identifier(&CHANGES)),
    Kind::EVENT,
);

impl Callsite for Changes {
    /// Called under locks of `tracing`: only notes it.
    fn set_interest(&self, _: Interest) {
        if !IS_LOG_THREAD.get()
            && let Some(segment) = attached()
        {
            IS_LEVEL_STALE.store(true, SeqCst);
            segment.log_bell().ring();
        }
    }

    fn metadata(&self) -> &Metadata<'_> {
        &CHANGES_METADATA
    }
}
