//! Putting a message into a window: the same for queues and mailboxes.
//!
//! 1. A payload that does not fit beside a slot word goes into an extent first, so that no slot is
//!    held during a long copy.
//! 2. A slot is claimed: from here on consumers wait for this producer, or for its death.
//! 3. Payload or extent number, and the length, are written.
//! 4. The slot is published and a sleeping consumer woken.
//!
//! Dead after 1: the extent is freed by recovery, nothing refers to it. Dead after 2 or 3: the slot
//! is passed over. Dead after 4: the message is there.

use super::event::{Event, Waited};
use super::layout::INLINE_MAX;
use super::payload::Meta;
use super::slots::{self, Position, Refused};
use super::spin::spin;
use super::window::{Window, flags, has_flags};
use super::words::{Mapped, Memory};
use crate::planted::{self, planted};
use crate::time::Deadline;

/// Why a message was not posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostError {
    /// No room before the deadline.
    Full,
    /// Nothing is taken any more.
    Closed,
    /// The window is gone, or was never one.
    Gone,
    /// The encoded message does not fit.
    TooLarge { size: usize, max: usize },
    /// There is no memory for a large message.
    NoMemory,
}

/// Whether to look for a sleeping consumer after a message, or only after the last of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    Now,
    Later,
}

impl Window {
    /// Posts the two parts as one message, waiting for room until `deadline`. It is visible when
    /// this returns `Ok`.
    ///
    /// # Errors
    /// Nothing was posted, see [`PostError`].
    #[inline]
    pub(crate) fn post(&self, parts: [&[u8]; 2], deadline: Deadline, wake: Wake) -> Result<(), PostError> {
        self.post_while(parts, deadline, wake, || true)
    }

    /// [`Window::post`] that is `Closed` as well when it finds no room for a large message and is wanted no
    /// more. Whoever decides that wakes those who wait here.
    ///
    /// # Errors
    /// As for `post`.
    #[inline]
    pub(crate) fn post_while(
        &self,
        parts: [&[u8]; 2],
        deadline: Deadline,
        wake: Wake,
        is_wanted: impl Fn() -> bool,
    ) -> Result<(), PostError> {
        let length = parts[0].len() + parts[1].len();
        let (position, extent) = self.claim_place(parts, deadline, is_wanted)?;
        let slot = self.slot(position.index());
        if planted!(PublishBeforeCopy) {
            slots::publish(self, position);
            planted::widen();
        }
        if extent.is_none() {
            self.write_inline(slot, parts);
        }
        Meta { length: length as u32, extent }.store(slot);
        match wake {
            Wake::Now => {
                slots::publish(self, position);
                self.items().notify();
            }
            Wake::Later => slots::publish_quietly(self, position),
        }
        Ok(())
    }

    /// Steps 1 and 2: a slot for the parts, and the extent that they were copied into if they need one.
    #[inline]
    pub(super) fn claim_place(
        &self,
        parts: [&[u8]; 2],
        deadline: Deadline,
        is_wanted: impl Fn() -> bool,
    ) -> Result<(Position, Option<u32>), PostError> {
        let length = parts[0].len() + parts[1].len();
        let max = self.layout.shape.message_max as usize;
        if length > max {
            return Err(PostError::TooLarge { size: length, max });
        }
        let extent = match length as u64 > INLINE_MAX {
            // No extent is claimed in vain: its release wakes those who wait for one, and an async
            // sender that is one of them would wake itself again and again.
            true if deadline.has_passed() && self.refusal().is_none() && !self.has_room() => {
                return Err(PostError::Full);
            }
            true => Some(self.wait_for_extent(parts, deadline, is_wanted)?),
            false => None,
        };
        match self.claim_slot(deadline) {
            Ok(position) => Ok((position, extent)),
            Err(error) => {
                if let Some(number) = extent {
                    self.free_extent(number);
                }
                Err(error)
            }
        }
    }

    /// Wakes a consumer for what was posted with [`Wake::Later`].
    pub(crate) fn wake_consumer(&self) {
        Mapped::fence();
        self.items().notify();
    }

    /// Waits until there is a free slot, which a producer finds free who is the only one.
    ///
    /// # Errors
    /// See [`PostError`]; `Closed` as well once it `is_wanted` no more, as for [`Window::post_while`].
    #[inline]
    pub(crate) fn wait_until_room(&self, deadline: Deadline, is_wanted: impl Fn() -> bool) -> Result<(), PostError> {
        self.wait_for_room(deadline, &self.room(), || match self.has_room() {
            true => Some(Ok(())),
            false => (!is_wanted()).then_some(Err(PostError::Closed)),
        })
    }

    #[inline]
    fn claim_slot(&self, deadline: Deadline) -> Result<Position, PostError> {
        self.wait_for_room(deadline, &self.room(), || self.try_claim_slot())
    }

    /// A slot of this window, if there is room.
    #[inline]
    fn try_claim_slot(&self) -> Option<Result<Position, PostError>> {
        let claimed = match self.is_ordered() {
            true => self.claim_free(),
            false => slots::claim_write(self, self.segment.me()),
        };
        match claimed {
            // The node takes the mailbox of an actor that has ended from those who post to it. Who
            // was stopped on the way to his claim has made it in zeroes, or in the next window
            // here. A claim keeps its window, so one look after it is enough.
            Ok(position) if self.is_live() => Some(Ok(position)),
            Ok(position) => Some(Err(self.withdraw(position))),
            Err(Refused::Sealed) => Some(Err(PostError::Closed)),
            Err(Refused::NotNow) => None,
        }
    }

    /// Lets go of a slot of somebody else's, as if its writer had died.
    #[cold]
    fn withdraw(&self, position: Position) -> PostError {
        slots::pass_over(self, position, self.segment.me());
        self.wake_everybody();
        PostError::Gone
    }

    /// Copies the parts into an extent, waiting for one until `deadline`.
    ///
    /// # Errors
    /// There is none, see [`PostError`]; `Closed` as well once it `is_wanted` no more. Whoever
    /// decides that wakes those who wait for extents.
    pub(crate) fn wait_for_extent(
        &self,
        parts: [&[u8]; 2],
        deadline: Deadline,
        is_wanted: impl Fn() -> bool,
    ) -> Result<u32, PostError> {
        self.wait_for_room(deadline, &self.extent_room(), || {
            if !is_wanted() {
                return Some(Err(PostError::Closed));
            }
            match self.fill_extent(parts) {
                Ok(number) => number.map(Ok),
                Err(_) => Some(Err(PostError::NoMemory)),
            }
        })
    }

    /// Repeats `attempt` until it gives something, nothing is taken any more, or `deadline`.
    #[inline]
    fn wait_for_room<T>(
        &self,
        deadline: Deadline,
        room: &Event<'_, Mapped>,
        mut attempt: impl FnMut() -> Option<Result<T, PostError>>,
    ) -> Result<T, PostError> {
        let mut test = || match self.refusal() {
            Some(error) => Some(Err(error)),
            None => attempt(),
        };
        match test() {
            Some(result) => result,
            None => self.wait_slowly(deadline, room, test),
        }
    }

    #[cold]
    fn wait_slowly<T>(
        &self,
        deadline: Deadline,
        room: &Event<'_, Mapped>,
        mut test: impl FnMut() -> Option<Result<T, PostError>>,
    ) -> Result<T, PostError> {
        if deadline.has_passed() {
            return Err(PostError::Full);
        }
        // What was posted without a wake may be what makes room.
        self.wake_consumer();
        let may_be_room = || self.is_ordered() || slots::has_room_ahead(self);
        if let Some(result) = spin(self.segment, deadline, || may_be_room().then(&mut test).flatten()) {
            return result;
        }
        match room.wait(deadline, test) {
            Waited::Ready(result) => result,
            Waited::Slept(result) => {
                // There may be room for more than one.
                room.chain();
                result
            }
            Waited::TimedOut => Err(PostError::Full),
        }
    }

    #[inline]
    pub(super) fn refusal(&self) -> Option<PostError> {
        if !self.is_live() {
            return Some(PostError::Gone);
        }
        has_flags(&self.header().state.flags, flags::CLOSING | flags::CLOSED_NOW).then_some(PostError::Closed)
    }

    /// Whether a slot is free for a producer right now.
    pub(crate) fn has_room(&self) -> bool {
        if self.is_ordered() {
            return self.has_free();
        }
        let ring = self;
        let tail = slots::exact_tail(ring);
        slots::is_free(ring, tail)
    }
}

/// The word that an async sender waits for: [`Event::register_async`] of the right event.
pub(crate) fn register_room(window: &Window, is_extent: bool) -> (&'static std::sync::atomic::AtomicU32, u32) {
    let line = if is_extent { &window.header().extent_room } else { &window.header().room };
    let seen = line.event().register_async(u32::from(window.segment.me().0));
    (&line.word, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::layout::{Layout, Shape};
    use crate::shm::segment::segment;
    use crate::shm::table;
    use crate::shm::window::Kind;

    const SHAPE: Shape = Shape { capacity: 4, hands: 0, message_max: 64, bytes: 0 };

    fn make(kind: Kind) -> Window {
        Window::make(segment().unwrap(), kind, SHAPE).unwrap()
    }

    /// A window that was taken down, and what is in its place now.
    fn replaced(kind: Kind) -> (Window, Window) {
        replaced_of(SHAPE, kind)
    }

    fn replaced_of(shape: Shape, kind: Kind) -> (Window, Window) {
        // Other tests make windows as well, and may be faster.
        loop {
            let stale = Window::make(segment().unwrap(), Kind::Mailbox, shape).unwrap();
            assert!(table::take_down(&stale));
            let window = make(kind);
            if window.id.index == stale.id.index {
                return (stale, window);
            }
            assert!(table::take_down(&window));
        }
    }

    #[test]
    fn smoke() {
        let window = make(Kind::Mailbox);
        for _ in 0..4 {
            window.post([b"a", b"b"], Deadline::Now, Wake::Now).unwrap();
        }
        assert_eq!(window.post([b"a", b"b"], Deadline::Now, Wake::Now), Err(PostError::Full));
        assert_eq!(slots::len(&window), 4);
    }

    /// Each claim is that of a sender who was stopped after he had seen the window alive.
    #[test]
    fn nothing_is_claimed_in_what_was_taken_down() {
        let stale = make(Kind::Mailbox);
        assert!(table::take_down(&stale));
        assert!(matches!(stale.try_claim_slot(), Some(Err(PostError::Gone)) | None));

        let (stale, window) = replaced(Kind::Mailbox);
        for _ in 0..3 {
            assert!(matches!(stale.try_claim_slot(), Some(Err(PostError::Gone)) | None));
            // As if he had been stopped between his last look and the claim.
            let position = slots::claim_write(&window, window.segment.me()).unwrap();
            assert_eq!(stale.withdraw(position), PostError::Gone);
            window.post([b"a", b"b"], Deadline::Now, Wake::Now).unwrap();
            let claim = slots::take_next(&window, window.segment.me()).unwrap();
            slots::release(&window, claim.position);
            slots::pass(&window, claim.position);
        }
        assert_eq!(slots::len(&window), 0);

        let (stale, blob) = replaced(Kind::Blob);
        for _ in 0..3 {
            assert!(stale.try_claim_slot().is_none_or(|claim| claim.is_err()), "what is in a blob stays as it is");
        }
        assert!(table::take_down(&blob));
    }

    /// The slots of the one lie where others of the other do. A claim would leave a gap at the tail.
    #[test]
    fn nothing_is_claimed_in_a_window_of_another_shape() {
        let shape = Shape { capacity: 8, hands: 0, message_max: 1000, bytes: 16_000 };
        assert_ne!(Layout::of(shape).unwrap().slots, Layout::of(SHAPE).unwrap().slots);
        for claims in 1..4 {
            let (stale, window) = replaced_of(shape, Kind::Mailbox);
            for _ in 0..claims {
                assert!(matches!(stale.try_claim_slot(), Some(Err(PostError::Gone)) | None));
            }
            for _ in 0..3 * SHAPE.capacity {
                window.post([b"a", b"b"], Deadline::Now, Wake::Now).unwrap();
                let claim = slots::take_next(&window, window.segment.me()).expect("nothing is in its way");
                slots::release(&window, claim.position);
                slots::pass(&window, claim.position);
            }
            assert!(table::take_down(&window));
        }
    }
}
