//! [`Barrier`]: nobody goes on before all have come, and nobody waits for the dead.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::failure::{BrokenBarrier, CreateError, DeadParty};
use super::line::{self, plain_data};
use crate::id::{Participant, WindowId};
use crate::shm::barrier::{self, Arrival, Arrived, End, Ended, PARTIES_MAX};
use crate::shm::handle::Handle;
use crate::shm::segment::Segment;
use crate::shm::window::Kind;
use crate::time::Deadline;
use crate::waker::Place;

/// A point that nobody passes before all parties have come; see the [module](super) for what a handle is.
///
/// A party is whoever waits: threads of one process or of several. It is for many rounds: when all have passed,
/// the next one begins.
///
/// # Broken
/// When one gives up, all who wait get [`BrokenBarrier`] with the reason, and so does who comes after that,
/// until [`reset`](Barrier::reset). It is broken by
/// - the death of a party that waits, and of any process with a handle on it unless it has ended in good
///   order (drop the handle of who is no party),
/// - a party whose time is up, or that drops its future: one that is stopped makes the others time out,
/// - [`abort`](Barrier::abort), and an action that panics.
///
/// | waits | for a time | until a time | async |
/// |---|---|---|---|
/// | [`wait`](Barrier::wait) | [`wait_timeout`](Barrier::wait_timeout) | [`wait_deadline`](Barrier::wait_deadline) | [`wait_async`](Barrier::wait_async) |
/// | [`wait_with`](Barrier::wait_with) | [`wait_with_timeout`](Barrier::wait_with_timeout) | [`wait_with_deadline`](Barrier::wait_with_deadline) | |
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::sync::Barrier;
///
/// fn work(barrier: Barrier) -> bool {
///     // Its part of the first step, then:
///     barrier.wait().is_ok_and(|passed| passed.is_leader)
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let barrier = Barrier::new(3)?;
/// let workers = [0, 1].map(|_| Process::spawn(work, barrier.clone()));
/// let mut leaders = u32::from(barrier.wait()?.is_leader);
/// for worker in workers {
///     leaders += u32::from(worker?.join()?);
/// }
/// assert_eq!(leaders, 1);
/// barrier.close();
/// # Ok(())
/// # }
/// ```
pub struct Barrier {
    handle: Handle,
}

plain_data!(Barrier, Barrier);

/// How many parties there are, and how long they wait; the start is [`BarrierOptions::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierOptions {
    /// Parties, from 1 to 4096.
    pub parties: usize,
    /// How long [`wait`](Barrier::wait), [`wait_with`](Barrier::wait_with) and
    /// [`wait_async`](Barrier::wait_async) wait at most; `None` is for ever.
    pub timeout: Option<Duration>,
}

impl BarrierOptions {
    /// So many parties that wait without a limit.
    pub fn new(parties: usize) -> BarrierOptions {
        BarrierOptions { parties, timeout: None }
    }

    /// Makes the barrier.
    ///
    /// # Errors
    /// See [`CreateError`]: a number out of bounds, the node is full, no memory.
    pub fn create(self) -> Result<Barrier, CreateError> {
        let handle = line::make(Kind::Barrier, barrier::shape(self.parties), self.parties, PARTIES_MAX)?;
        handle.window().iter().for_each(|window| barrier::initialise(window, self.parties, self.timeout));
        Ok(Barrier { handle })
    }
}

/// What a party learns that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWait {
    /// From 0 to the number of parties less one; each party of a round has another one, in no order.
    pub index: usize,
    /// Whether this is the one of all parties with index 0.
    pub is_leader: bool,
}

impl Barrier {
    /// Makes a barrier for so many parties, from 1 to 4096; see [`BarrierOptions`] for a usual time limit.
    ///
    /// # Errors
    /// See [`CreateError`]: a number out of bounds, the node is full, no memory.
    pub fn new(parties: usize) -> Result<Barrier, CreateError> {
        BarrierOptions::new(parties).create()
    }

    /// Waits until all parties have come.
    ///
    /// # Errors
    /// See [`BrokenBarrier`]: somebody died or gave up, or it is gone.
    pub fn wait(&self) -> Result<BarrierWait, BrokenBarrier> {
        self.wait_with(|| {})
    }

    /// [`wait`](Barrier::wait) for a time.
    ///
    /// # Errors
    /// As `wait`; [`BrokenBarrier::Timeout`] if the time was up, and then it is broken for all.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWait, BrokenBarrier> {
        self.wait_with_timeout(timeout, || {})
    }

    /// [`wait`](Barrier::wait) until a point in time.
    ///
    /// # Errors
    /// As [`wait_timeout`](Barrier::wait_timeout).
    pub fn wait_deadline(&self, deadline: Instant) -> Result<BarrierWait, BrokenBarrier> {
        self.wait_with_deadline(deadline, || {})
    }

    /// [`wait`](Barrier::wait) with something to be done when all have come and nobody has passed. Of the
    /// actions of all parties one is run, by the party that came last.
    ///
    /// # Errors
    /// As `wait`; for the others [`BrokenBarrier::ActionFailed`] if the action panics.
    ///
    /// # Panics
    /// `action` does.
    pub fn wait_with(&self, action: impl FnOnce()) -> Result<BarrierWait, BrokenBarrier> {
        self.wait_until(self.usual_deadline(), action)
    }

    /// [`wait_with`](Barrier::wait_with) for a time, the action of another party included. Who runs its own
    /// is not interrupted.
    ///
    /// # Errors
    /// As [`wait_timeout`](Barrier::wait_timeout).
    pub fn wait_with_timeout(&self, timeout: Duration, action: impl FnOnce()) -> Result<BarrierWait, BrokenBarrier> {
        self.wait_until(Deadline::after(timeout), action)
    }

    /// [`wait_with`](Barrier::wait_with) until a point in time.
    ///
    /// # Errors
    /// As [`wait_timeout`](Barrier::wait_timeout).
    pub fn wait_with_deadline(&self, deadline: Instant, action: impl FnOnce()) -> Result<BarrierWait, BrokenBarrier> {
        self.wait_until(deadline.into(), action)
    }

    /// [`wait`](Barrier::wait), async. It comes to the barrier with the first poll; dropped after that, it breaks it
    /// for all.
    pub fn wait_async(&self) -> BarrierFuture<'_> {
        BarrierFuture { barrier: self, deadline: self.usual_deadline(), stage: Stage::Outside, place: Place::default() }
    }

    /// Breaks it: all who wait, and all who come, get [`BrokenBarrier::Aborted`].
    pub fn abort(&self) {
        self.there().into_iter().for_each(|there| there.words.abort(there.me));
    }

    /// Makes a broken one usable again. Who waits by then gets [`BrokenBarrier::Reset`].
    pub fn reset(&self) {
        self.there().into_iter().for_each(|there| there.words.reset(there.me));
    }

    /// How many there must be; 0 if it is gone.
    pub fn parties(&self) -> usize {
        self.there().map_or(0, |there| there.words.parties())
    }

    /// How many wait now: a snapshot that may be old when it is returned.
    #[doc(alias = "n_waiting")]
    pub fn waiting(&self) -> usize {
        self.there().map_or(0, |there| there.words.waiting())
    }

    /// Whether who comes now is told that it is broken. One that is gone is so for good.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.there().is_none_or(|there| there.words.broken().is_some())
    }

    /// Ends it for everybody, those who wait included; see the [module](super) for when that is needed.
    pub fn close(&self) {
        let there = self.there();
        self.handle.close();
        if let Some(there) = there {
            there.words.turned.event().notify_all();
            there.words.room.event().notify_all();
        }
    }

    fn usual_deadline(&self) -> Deadline {
        self.there().and_then(|there| there.words.timeout()).map_or(Deadline::Never, Deadline::after)
    }

    fn wait_until(&self, deadline: Deadline, action: impl FnOnce()) -> Result<BarrierWait, BrokenBarrier> {
        let there = self.there().ok_or(BrokenBarrier::Gone)?;
        let entered = line::wait(there.segment, there.words.room, deadline, || self.enter());
        let mut arrived = entered.ok_or(BrokenBarrier::Timeout)??;
        loop {
            let arrival = match arrived {
                Arrived::Broken(ended) => return Err(there.error(ended)),
                Arrived::Leads(arrival) => break there.lead(arrival, action),
                Arrived::Waits(arrival) => arrival,
            };
            let looked = line::wait(there.segment, there.words.turned, deadline, || self.look(arrival));
            match looked {
                Some(Some(ended)) => break there.leave(arrival, ended?),
                Some(None) => arrived = there.words.arrive(arrival.place, there.me),
                None => break there.give_up(arrival, End::TimedOut),
            }
        }
    }

    fn enter(&self) -> Option<Result<Arrived, BrokenBarrier>> {
        match self.there() {
            Some(there) => there.words.enter(there.me).map(Ok),
            None => Some(Err(BrokenBarrier::Gone)),
        }
    }

    /// `Some(None)`: it is to arrive again.
    fn look(&self, arrival: Arrival) -> Option<Option<Result<Ended, BrokenBarrier>>> {
        match self.there() {
            Some(there) => there.words.look(arrival).map(|ended| ended.map(Ok)),
            None => Some(Some(Err(BrokenBarrier::Gone))),
        }
    }

    fn there(&self) -> Option<There> {
        let window = self.handle.open()?;
        let (segment, id) = (window.segment, window.id);
        Some(There { segment, me: segment.me(), id, words: barrier::of(window)? })
    }
}

/// The barrier as long as it is open.
#[derive(Clone, Copy)]
struct There {
    segment: &'static Segment,
    me: Participant,
    id: WindowId,
    words: barrier::Barrier,
}

impl There {
    fn lead(self, arrival: Arrival, action: impl FnOnce()) -> Result<BarrierWait, BrokenBarrier> {
        let leading = Leading { there: self, arrival };
        action();
        // It has not panicked.
        std::mem::forget(leading);
        if self.words.pass(arrival, self.me) {
            return self.leave(arrival, Ended { end: End::Passed, by: self.me });
        }
        self.give_up(arrival, End::TimedOut)
    }

    /// Breaks the round unless it has ended; how it ended.
    fn give_up(self, arrival: Arrival, end: End) -> Result<BarrierWait, BrokenBarrier> {
        self.words.give_up(arrival, end, self.me);
        let ended = self.words.look(arrival).flatten().unwrap_or(Ended { end, by: self.me });
        self.leave(arrival, ended)
    }

    fn leave(self, arrival: Arrival, ended: Ended) -> Result<BarrierWait, BrokenBarrier> {
        self.words.leave(arrival.place);
        let index = arrival.place as usize;
        match ended.end {
            End::Passed => Ok(BarrierWait { index, is_leader: index == 0 }),
            _ => Err(self.error(ended)),
        }
    }

    fn error(self, ended: Ended) -> BrokenBarrier {
        match ended.end {
            End::Died => BrokenBarrier::Died(DeadParty { process: self.words.culprit(ended.by), left: self.id }),
            End::TimedOut => BrokenBarrier::Timeout,
            End::Reset => BrokenBarrier::Reset,
            End::ActionFailed => BrokenBarrier::ActionFailed,
            End::GivenUp => BrokenBarrier::GivenUp,
            End::Aborted | End::Passed => BrokenBarrier::Aborted,
        }
    }
}

/// One who runs the action: a panic in it breaks the barrier.
struct Leading {
    there: There,
    arrival: Arrival,
}

impl Drop for Leading {
    fn drop(&mut self) {
        let _ = self.there.give_up(self.arrival, End::ActionFailed);
    }
}

/// The future of [`Barrier::wait_async`]. Dropped while it waits, it breaks the barrier for all.
#[must_use = "futures do nothing unless awaited"]
pub struct BarrierFuture<'a> {
    barrier: &'a Barrier,
    deadline: Deadline,
    stage: Stage,
    place: Place,
}

#[derive(Clone, Copy)]
enum Stage {
    Outside,
    Waits(Arrival),
    Over,
}

impl BarrierFuture<'_> {
    /// `None`: it waits.
    fn on_arrival(&mut self, there: There, arrived: Arrived) -> Option<Result<BarrierWait, BrokenBarrier>> {
        self.stage = Stage::Over;
        match arrived {
            Arrived::Broken(ended) => Some(Err(there.error(ended))),
            Arrived::Leads(arrival) => Some(there.lead(arrival, || {})),
            Arrived::Waits(arrival) => {
                self.stage = Stage::Waits(arrival);
                None
            }
        }
    }
}

impl Future for BarrierFuture<'_> {
    type Output = Result<BarrierWait, BrokenBarrier>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (barrier, deadline) = (this.barrier, this.deadline);
        let Some(there) = barrier.there() else { return Poll::Ready(Err(BrokenBarrier::Gone)) };
        loop {
            let arrived = match this.stage {
                Stage::Outside => {
                    let line = there.words.room;
                    let entered = this.place.poll(there.segment, &line.event(), deadline, context, || barrier.enter());
                    let entered = ready!(entered).unwrap_or(Err(BrokenBarrier::Timeout));
                    match entered {
                        Ok(arrived) => arrived,
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                Stage::Waits(arrival) => {
                    let line = there.words.turned;
                    let looked =
                        this.place.poll(there.segment, &line.event(), deadline, context, || barrier.look(arrival));
                    let looked = ready!(looked);
                    this.stage = Stage::Over;
                    match looked {
                        Some(Some(ended)) => return Poll::Ready(ended.and_then(|ended| there.leave(arrival, ended))),
                        Some(None) => there.words.arrive(arrival.place, there.me),
                        None => return Poll::Ready(there.give_up(arrival, End::TimedOut)),
                    }
                }
                Stage::Over => return Poll::Pending,
            };
            if let Some(result) = this.on_arrival(there, arrived) {
                return Poll::Ready(result);
            }
        }
    }
}

impl Drop for BarrierFuture<'_> {
    fn drop(&mut self) {
        if let (Stage::Waits(arrival), Some(there)) = (self.stage, self.barrier.there()) {
            let _ = there.give_up(arrival, End::GivenUp);
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.handle.id();
        write!(f, "Barrier({}.{}, {} of {} wait)", id.index, id.generation, self.waiting(), self.parties())
    }
}
