//! The desk of a process: what there is to be told to its threads, and who waits for what.
//!
//! The node says by a word in the record of a process that it has news. Whoever waits here, in whatever
//! thread, takes it from the node (`fetch.rs`), sorts it, and wakes all others to look for what is theirs.
//! So the threads of a process need nobody who waits for them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use super::exits::ExitSignal;
use super::fetch;
use super::monitor::{Down, MonitorRef};
use crate::core::travelling;
use crate::exit::ExitReport;
use crate::id::{Peer, ProcessId};
use crate::mailbox::Mailbox;
use crate::node::{self, Batch, News};
use crate::shm::event::Waited;
use crate::shm::segment::{Segment, attached};
use crate::time::Deadline;
use crate::wait::{Registrations, Wakes};

/// What is to be told in this process.
#[derive(Default)]
pub(super) struct Desk {
    /// The last number that was given to a monitor.
    pub(super) last: u64,
    pub(super) monitors: BTreeMap<u64, Watched>,
    /// Exit signals that nobody has taken.
    pub(super) exits: VecDeque<(ExitSignal, bool)>,
    /// Ends that the actor is to be told of, by number.
    downs: VecDeque<Down>,
}

/// A monitor of this process.
pub(super) struct Watched {
    pub(super) peer: Peer,
    pub(super) process: Option<ProcessId>,
    /// It was made by the actor that lives here, to be told in its turn.
    pub(super) is_of_actor: bool,
    /// For who has a handle.
    pub(super) down: Option<Down>,
}

/// What an actor is told between two messages.
#[derive(Debug)]
pub(crate) enum Told {
    Down(Down),
    /// An exit signal, and whether it is of who has started this actor.
    Exit(ExitSignal, bool),
}

static DESK: Mutex<Desk> =
    Mutex::new(Desk { last: 0, monitors: BTreeMap::new(), exits: VecDeque::new(), downs: VecDeque::new() });
/// Something came to the desk past the loop of the actor, or is still with the node.
static HAS_LOCAL: AtomicBool = AtomicBool::new(false);
/// The mailbox at which the loop of the actor waits that lives here.
static ACTOR: OnceLock<Mailbox> = OnceLock::new();

/// How long until it is asked again if it did not.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Which process this is.
pub(crate) fn me(segment: &Segment) -> ProcessId {
    ProcessId { participant: segment.me(), generation: segment.record(segment.me()).generation() }
}

pub(super) fn desk() -> MutexGuard<'static, Desk> {
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the actor has to be told something that no news is announced for.
#[inline]
pub(crate) fn has_local() -> bool {
    HAS_LOCAL.load(Ordering::Relaxed)
}

/// Has the loop of the actor that lives here look again, though nothing was announced.
pub(crate) fn look_again() {
    HAS_LOCAL.store(true, Ordering::SeqCst);
}

/// An actor lives here: it is told what comes while it waits at its mailbox.
pub(crate) fn set_actor(mailbox: Mailbox) {
    // Each process has one; only tests have more of them.
    let _ = ACTOR.set(mailbox);
}

/// How long the loop of the actor may wait before it looks again.
pub(crate) fn patience() -> Deadline {
    if has_local() { Deadline::after(RETRY_AFTER) } else { Deadline::Never }
}

/// Fetches all that there is to be told to the actor that lives in this process, for [`next_told`].
pub(crate) fn look() {
    HAS_LOCAL.store(false, Ordering::SeqCst);
    fetch::fetch();
    HAS_LOCAL.fetch_or(is_late(), Ordering::SeqCst);
}

/// The next thing that the actor has to be told. One at a time: by the first it may give up the second.
pub(crate) fn next_told() -> Option<Told> {
    let mut desk = desk();
    match desk.next_exit() {
        Some((signal, is_parent)) => Some(Told::Exit(signal, is_parent)),
        None => desk.next_down().map(Told::Down),
    }
}

impl Desk {
    /// A monitor has given its notice. One that was given up has nobody to be told.
    pub(super) fn settle(&mut self, number: u64, report: &ExitReport) {
        let Some(watched) = self.monitors.get_mut(&number) else { return };
        let down = Down { monitor: MonitorRef::new(number), peer: watched.peer, report: Box::new(report.clone()) };
        match watched.is_of_actor {
            // Until the actor is told, it can be given up.
            true => self.downs.push_back(down),
            false => watched.down = watched.down.take().or(Some(down)),
        }
    }

    /// The same for one that this process knows of by itself.
    pub(super) fn settle_here(&mut self, number: u64, report: &ExitReport) {
        self.settle(number, report);
        // The actor's own thread, if it is for the actor: it comes to its loop after this.
        HAS_LOCAL.store(true, Ordering::SeqCst);
    }

    pub(super) fn sort(&mut self, batch: &Batch) {
        for news in &batch.news {
            match *news {
                News::Down { number, report } => {
                    if let Some(report) = batch.reports.get(report as usize) {
                        self.settle(number, report);
                    }
                }
                News::Exit { from, is_parent, report } => {
                    if let Some(report) = batch.reports.get(report as usize) {
                        let reason = travelling(&report.reason, from);
                        let signal = ExitSignal { from, reason, report: Box::new(report.clone()) };
                        self.exits.push_back((signal, is_parent));
                    }
                }
            }
        }
        self.count_exits();
    }

    /// The earliest exit signal, and whether it is of who has started this process.
    pub(super) fn next_exit(&mut self) -> Option<(ExitSignal, bool)> {
        let next = self.exits.pop_front();
        self.count_exits();
        next
    }

    /// Forgets what a link has brought that is no more.
    pub(super) fn forget_exits(&mut self, from: Peer) {
        self.exits.retain(|(signal, _)| signal.from != from);
        self.count_exits();
    }

    fn count_exits(&self) {
        node::EXITS_WAITING.store(self.exits.len(), Ordering::Relaxed);
    }

    /// The next end that the actor is told of. With that its monitor has done all that it does.
    fn next_down(&mut self) -> Option<Down> {
        loop {
            let down = self.downs.pop_front()?;
            if self.monitors.remove(&down.monitor.number()).is_some() {
                return Some(down);
            }
        }
    }
}

/// Whether there is news that could not be had.
fn is_late() -> bool {
    attached().is_some_and(|segment| segment.record(segment.me()).has_news())
}

/// Takes what the node has for this process, by any thread but that of the actor.
pub(super) fn collect() {
    if fetch::fetch() {
        tell_actor();
    }
}

/// [`collect`] that waits for nobody: what the node has not given yet is there later.
pub(super) fn collect_in_passing() {
    if fetch::fetch_in_passing() {
        tell_actor();
    }
}

/// Has the actor look if something is for it that another thread has sorted: it may have looked after the
/// node gave it and before it was sorted.
fn tell_actor() {
    if let Some(mailbox) = ACTOR.get() {
        HAS_LOCAL.store(true, Ordering::SeqCst);
        mailbox.announce_news();
    }
}

/// Waits until `take` finds something on the desk.
pub(super) fn wait<T>(deadline: Deadline, mut take: impl FnMut(&mut Desk) -> Option<T>) -> Option<T> {
    let mut look = || {
        collect();
        take(&mut desk())
    };
    let Some(segment) = attached() else { return look() };
    let news = segment.record(segment.me()).news.event();
    loop {
        // What could not be had is tried again, though nobody rings for it.
        let patience = if is_late() { Deadline::after(RETRY_AFTER) } else { Deadline::Never };
        match news.wait(deadline.min(patience), &mut look) {
            Waited::Ready(found) | Waited::Slept(found) => return Some(found),
            Waited::TimedOut if deadline.has_passed() => return None,
            Waited::TimedOut => {}
        }
    }
}

/// [`wait`] for one who has no thread to wait with.
pub(super) fn poll<T>(
    registrations: &mut Registrations,
    context: &mut Context<'_>,
    mut take: impl FnMut(&mut Desk) -> Option<T>,
) -> Poll<T> {
    let mut look = || {
        collect_in_passing();
        take(&mut desk())
    };
    if let Some(found) = look() {
        return Poll::Ready(found);
    }
    let Some(segment) = attached() else { return Poll::Pending };
    let mut wakes = Wakes::new();
    register(&mut wakes);
    // It may have come before the registration; then nobody rings.
    if let Some(found) = look() {
        return Poll::Ready(found);
    }
    registrations.set(segment, &wakes, context.waker());
    Poll::Pending
}

/// Has whoever waits look when something may have come to the desk.
pub(super) fn register(wakes: &mut Wakes) {
    let Some(segment) = attached() else { return };
    let news = &segment.record(segment.me()).news;
    wakes.word((&news.word, news.event().register_async(u32::from(segment.me().0))));
    fetch::register(wakes);
    if is_late() {
        // What could not be asked for is tried again, though nobody rings for it.
        wakes.at(Deadline::after(RETRY_AFTER));
    }
}
