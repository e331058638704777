//! The queue of bytes below [`Queue`](super::Queue), and what its handles are.
//!
//! A handle is plain data: the number and the generation of a window. The handles of one process
//! are counted, so that the process is attached to the window while it has one; a window to which
//! nobody is attached, and of which no handle can be under way in a message, is freed by the node.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::error::RecvError;
use crate::id::WindowId;
use crate::planted::planted;
use crate::shm::event::{Event, Waited};
use crate::shm::hands::{self, Held};
use crate::shm::layout::Shape;
use crate::shm::post::{PostError, Wake};
use crate::shm::segment::{Segment, attached};
use crate::shm::slots::{self, Refused};
use crate::shm::spin::spin;
use crate::shm::table::MakeError;
use crate::shm::window::{self, Kind, Window, flags};
use crate::shm::words::{Mapped, Memory};
use crate::time::Deadline;
use crate::wait::{Wakes, Words};

/// A handle on a queue of bytes.
pub(crate) struct RawQueue {
    id: WindowId,
    /// `None`: the queue was gone when the handle arrived in this process.
    window: Option<Window>,
}

/// Handles of this process per window. An ordered map, because a zygote must not seed hash tables.
static HANDLES: Mutex<BTreeMap<u16, u32>> = Mutex::new(BTreeMap::new());

impl RawQueue {
    pub(crate) fn make(segment: &'static Segment, shape: Shape) -> Result<RawQueue, MakeError> {
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let window = Window::make(segment, Kind::Queue, shape)?;
        *handles.entry(window.id.index).or_default() += 1;
        Ok(RawQueue { id: window.id, window: Some(window) })
    }

    /// A further handle, in this process or from a message.
    pub(crate) fn from_id(id: WindowId) -> RawQueue {
        // Under the lock: the last handle of another thread may be about to detach this process.
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let window = attached().and_then(|segment| Window::attach(segment, id, Kind::Queue));
        if window.is_some() {
            *handles.entry(id.index).or_default() += 1;
        }
        RawQueue { id, window }
    }

    pub(crate) fn id(&self) -> WindowId {
        self.id
    }

    /// The window, as long as the queue exists.
    #[inline]
    pub(crate) fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// Notes that a handle leaves this process in a message.
    pub(super) fn mark_escaped(&self) {
        if let Some(window) = &self.window {
            window.mark_escaped();
        }
    }

    pub(super) fn post(&self, payload: &[u8], deadline: Deadline, wake: Wake) -> Result<(), PostError> {
        let window = self.window.as_ref().ok_or(PostError::Gone)?;
        window.post([payload, &[]], deadline, wake)?;
        // It was closed for good after this message had been accepted: it goes with the others.
        window.discard_if_closed();
        Ok(())
    }

    /// After messages that were posted with [`Wake::Later`].
    pub(super) fn end_batch(&self) {
        let Some(window) = &self.window else { return };
        window.wake_consumer();
        // Without the fence in that call, the looks after each message may have come too early.
        window.discard_if_closed();
    }

    /// Takes a message, waiting until `deadline`.
    #[inline]
    pub(super) fn take(&self, deadline: Deadline) -> Result<Held, RecvError> {
        let window = self.window.as_ref().ok_or(RecvError::Closed)?;
        match try_take(window) {
            Some(result) => result,
            None => wait_and_take(window, deadline),
        }
    }

    /// [`RawQueue::take`] without waiting; `None`: nothing is there.
    pub(crate) fn try_take(&self) -> Option<Result<Held, RecvError>> {
        self.window.as_ref().map_or(Some(Err(RecvError::Closed)), try_take)
    }

    /// Refuses new messages, and wakes everybody who waits. With `discards`, what is queued is
    /// gone as well.
    pub(crate) fn close(&self, discards: bool) {
        let Some(window) = self.window.as_ref().filter(|window| window.is_live()) else { return };
        window::raise_flags(window, flags::CLOSING | if discards { flags::CLOSED_NOW } else { 0 });
        window.discard_if_closed();
        window.idle().notify_all();
        // The node frees a closed queue that nobody has a handle on.
        window.segment.ask_attention(self.id.index);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.window
            .as_ref()
            .is_none_or(|window| !window.is_live() || window::has_flags(&window.header().state.flags, flags::CLOSING))
    }

    /// Waits until every message that was sent has been acknowledged. False: not before `deadline`.
    pub(super) fn join(&self, deadline: Deadline) -> bool {
        let Some(window) = &self.window else { return true };
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

#[inline]
fn try_take(window: &Window) -> Option<Result<Held, RecvError>> {
    let state = &window.header().state.flags;
    if !window.is_live() || window::has_flags(state, flags::CLOSED_NOW) {
        return Some(Err(RecvError::Closed));
    }
    match window.take() {
        Ok(held) => Some(Ok(held)),
        Err(Refused::Sealed) => Some(Err(RecvError::Closed)),
        Err(Refused::NotNow) => ends_empty(window).then_some(Err(RecvError::Closed)),
    }
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
        let Some(window) = &self.window else { return true };
        if !window.is_live() || window::has_flags(&window.header().state.flags, flags::CLOSED_NOW) {
            return true;
        }
        match hands::peek(window) {
            Ok(()) | Err(Refused::Sealed) => true,
            Err(Refused::NotNow) => ends_empty(window),
        }
    }

    fn register(&self, wakes: &mut Wakes) {
        if let Some(window) = &self.window {
            let line = &window.header().items;
            wakes.word((&line.word, line.event().register_async(u32::from(window.segment.me().0))));
        }
    }
}

#[cold]
fn wait_and_take(window: &Window, deadline: Deadline) -> Result<Held, RecvError> {
    if deadline.has_passed() {
        return Err(RecvError::Empty);
    }
    // What was finished without a wake may be what the producers wait for.
    wake_producer(window);
    let mut test = || try_take(window);
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
pub(super) fn wake_producer(window: &Window) {
    Mapped::fence();
    window.notify_freed();
    window.notify_if_idle();
}

impl Clone for RawQueue {
    fn clone(&self) -> RawQueue {
        RawQueue::from_id(self.id)
    }
}

impl Drop for RawQueue {
    fn drop(&mut self) {
        let Some(window) = &self.window else { return };
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let count = handles.entry(self.id.index).or_default();
        *count = count.saturating_sub(1);
        if *count == 0 {
            handles.remove(&self.id.index);
            let record = window.segment.record(window.segment.me());
            // Dead behind the detachment, recovery finds by this what nobody has asked to look at.
            record.set_leaving(Some(self.id.index));
            record.detach(self.id.index);
            window.segment.ask_attention(self.id.index);
            record.set_leaving(None);
        }
    }
}
