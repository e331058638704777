//! The queue of bytes below [`Queue`](super::Queue). What a handle on it is stands in
//! [`handle`](crate::shm::handle).

use super::error::RecvError;
use super::passed::Passed;
use crate::id::WindowId;
use crate::planted::planted;
use crate::shm::event::{Event, Waited};
use crate::shm::handle::Handle;
use crate::shm::hands::{self, Held};
use crate::shm::layout::Shape;
use crate::shm::post::{PostError, Wake};
use crate::shm::segment::Segment;
use crate::shm::slots::{self, Refused};
use crate::shm::spin::spin;
use crate::shm::table::MakeError;
use crate::shm::window::{self, Kind, Window, flags};
use crate::shm::words::{Mapped, Memory};
use crate::time::Deadline;
use crate::wait::{Wakes, Words};
use crate::wire::travel::Travellers;

/// A handle on a queue of bytes.
#[derive(Clone)]
pub(crate) struct RawQueue {
    handle: Handle,
    passed: Passed,
}

impl RawQueue {
    pub(crate) fn make(segment: &'static Segment, shape: Shape) -> Result<RawQueue, MakeError> {
        RawQueue::make_kind(segment, Kind::Queue, shape)
    }

    pub(super) fn make_kind(segment: &'static Segment, kind: Kind, shape: Shape) -> Result<RawQueue, MakeError> {
        Ok(RawQueue::of_handle(Handle::make(segment, kind, shape)?))
    }

    /// A further handle, in this process or from a message.
    pub(crate) fn from_id(id: WindowId) -> RawQueue {
        RawQueue::of_handle(Handle::from_id(id, Kind::Queue))
    }

    pub(crate) fn id(&self) -> WindowId {
        self.handle.id()
    }

    /// The window, as long as the queue exists.
    #[inline]
    pub(crate) fn window(&self) -> Option<&Window> {
        self.handle.window()
    }

    /// What is written of it into a message.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What this handle has put back, and does not take again.
    #[inline]
    pub(super) fn passed(&self) -> &Passed {
        &self.passed
    }

    /// What has come in a message.
    pub(crate) fn of_handle(handle: Handle) -> RawQueue {
        RawQueue { handle, passed: Passed::default() }
    }

    pub(crate) fn post(&self, payload: &[u8], deadline: Deadline, wake: Wake) -> Result<(), PostError> {
        let window = self.window().ok_or(PostError::Gone)?;
        window.post([payload, &[]], deadline, wake)?;
        // It was closed for good after this message had been accepted: it goes with the others.
        window.discard_if_closed();
        Ok(())
    }

    /// Posts a message, and lets those go who travel in it once it is accepted.
    #[inline]
    pub(crate) fn post_with(
        &self,
        payload: &[u8],
        travellers: &Travellers,
        deadline: Deadline,
        wake: Wake,
    ) -> Result<(), PostError> {
        self.carry(travellers, || self.post(payload, deadline, wake))
    }

    /// Posts, and lets those go who travel in the message once it is accepted.
    #[inline]
    pub(super) fn carry(
        &self,
        travellers: &Travellers,
        post: impl FnOnce() -> Result<(), PostError>,
    ) -> Result<(), PostError> {
        if !travellers.is_empty() {
            // Before the message is there: who throws it away looks for them.
            self.window().inspect(|window| window::set_flags(window, flags::CARRIES));
        }
        post()?;
        travellers.let_go();
        Ok(())
    }

    /// After messages that were posted with [`Wake::Later`].
    pub(super) fn end_batch(&self) {
        let Some(window) = self.window() else { return };
        window.wake_consumer();
        // Without the fence in that call, the looks after each message may have come too early.
        window.discard_if_closed();
    }

    /// Takes a message, waiting until `deadline`.
    #[inline]
    pub(crate) fn take(&self, deadline: Deadline) -> Result<Held, RecvError> {
        let window = self.window().ok_or(RecvError::Closed)?;
        match self.try_take_of(window) {
            Some(result) => result,
            None => wait_and_take(window, deadline, || self.try_take_of(window)),
        }
    }

    /// [`RawQueue::take`] without waiting; `None`: nothing is there.
    pub(crate) fn try_take(&self) -> Option<Result<Held, RecvError>> {
        self.window().map_or(Some(Err(RecvError::Closed)), |window| self.try_take_of(window))
    }

    #[inline]
    fn try_take_of(&self, window: &Window) -> Option<Result<Held, RecvError>> {
        if is_over(window) {
            return Some(Err(RecvError::Closed));
        }
        match window.take_unless(&|origin| self.passed.has(origin)) {
            Ok(held) => Some(Ok(held)),
            Err(Refused::Sealed) => Some(Err(RecvError::Closed)),
            Err(Refused::NotNow) => ends_empty(window).then_some(Err(RecvError::Closed)),
        }
    }

    /// Refuses new messages, and wakes everybody who waits. With `discards`, what is queued is
    /// gone as well.
    pub(crate) fn close(&self, discards: bool) {
        if let Some(window) = self.window().filter(|window| window.is_live()) {
            window.close(discards);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.window()
            .is_none_or(|window| !window.is_live() || window::has_flags(&window.header().state.flags, flags::CLOSING))
    }

    /// Waits until there is something to take, or nothing will be. False: not before `deadline`.
    pub(crate) fn wait_ready(&self, deadline: Deadline) -> bool {
        let Some(window) = self.window() else { return true };
        let mut test = || self.is_ready().then_some(());
        if test().is_some() {
            return true;
        }
        if deadline.has_passed() {
            return false;
        }
        if spin(window.segment, deadline, &mut test).is_some() {
            return true;
        }
        match window.items().wait(deadline, test) {
            Waited::Ready(()) => true,
            Waited::Slept(()) => {
                // It was not taken, so others may.
                window.items().chain();
                true
            }
            Waited::TimedOut => false,
        }
    }

    /// Waits until every message that was sent has been acknowledged. False: not before `deadline`.
    pub(super) fn join(&self, deadline: Deadline) -> bool {
        let Some(window) = self.window() else { return true };
        let is_idle = || (!window.is_live() || window.is_idle()).then_some(());
        match window.idle().wait(deadline, is_idle) {
            Waited::Ready(()) => true,
            Waited::Slept(()) => {
                window.idle().chain();
                true
            }
            Waited::TimedOut => false,
        }
    }
}

/// Whether nothing is received any more, whatever is there.
#[inline]
pub(super) fn is_over(window: &Window) -> bool {
    !window.is_live() || window::has_flags(&window.header().state.flags, flags::CLOSED_NOW)
}

/// Who finds a closing queue empty ends it there: nothing can be accepted behind its back.
fn ends_empty(window: &Window) -> bool {
    let is_over = window::has_flags(&window.header().state.flags, flags::CLOSING) && slots::seal(window);
    if is_over {
        window.idle().notify_all();
    }
    is_over
}

/// Ready is who would not have to wait for an item, or to be told that there will be none.
impl Words for RawQueue {
    fn is_ready(&self) -> bool {
        let Some(window) = self.window() else { return true };
        if is_over(window) {
            return true;
        }
        let skips = |origin| self.passed.has(origin);
        if window.is_ordered() {
            return window.is_anything_first(&skips);
        }
        match hands::peek(window, &skips) {
            Ok(()) | Err(Refused::Sealed) => true,
            Err(Refused::NotNow) => ends_empty(window),
        }
    }

    fn register(&self, wakes: &mut Wakes) {
        if let Some(window) = self.window() {
            let line = &window.header().items;
            wakes.word((&line.word, line.event().register_async(u32::from(window.segment.me().0))));
        }
    }
}

#[cold]
fn wait_and_take(
    window: &Window,
    deadline: Deadline,
    mut test: impl FnMut() -> Option<Result<Held, RecvError>>,
) -> Result<Held, RecvError> {
    if deadline.has_passed() {
        return Err(RecvError::Empty);
    }
    // What was finished without a wake may be what the producers wait for.
    wake_producer(window);
    if let Some(result) = spin(window.segment, deadline, &mut test) {
        return result;
    }
    let items: Event<'_, Mapped> = window.items();
    match items.wait(deadline, test) {
        Waited::Ready(result) => result,
        Waited::Slept(result) => {
            items.chain();
            result
        }
        Waited::TimedOut => {
            if planted!(RecoverOnTimeout) {
                window.recover_claimed_by_others();
            }
            Err(RecvError::Empty)
        }
    }
}

/// Wakes a producer for slots that were released quietly, and who waits for the last of them.
pub(crate) fn wake_producer(window: &Window) {
    Mapped::fence();
    window.notify_freed();
    window.notify_if_idle();
}
