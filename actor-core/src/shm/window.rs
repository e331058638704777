//! A window: the part of the segment that one queue, mailbox, reply box or blob has.
//!
//! A [`Window`] is the proof that the shape was read once, is in bounds and fits; everything later
//! is computed from that copy. See [`table`] for how windows come and go,
//! [`layout`](super::layout) for what lies where.

#![allow(unsafe_code)]

use std::io;
use std::marker::PhantomData;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::event::Event;
pub(crate) use super::kind::Kind;
use super::layout::{HAND_BYTES, Header, Layout, SLOT_BYTES, Shape, SlotHead};
use super::payload::Meta;
use super::segment::Segment;
use super::slots::{Position, Ring, SlotWord, State};
use super::table::{self, Life, MakeError, TableWord, claim};
use super::words::Mapped;
use crate::id::{Participant, WindowId};
use crate::sys::cpu;

/// A live window of known layout, in this process's addresses.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) id: WindowId,
    pub(crate) layout: Layout,
    pub(crate) segment: &'static Segment,
    base: *mut u8,
    _not_auto: PhantomData<*mut u8>,
}

// SAFETY: `base` points into the segment, which is never unmapped; everything behind it is
// accessed by atomics or by copies under a claim of the slot protocol.
unsafe impl Send for Window {}
// SAFETY: as for `Send`.
unsafe impl Sync for Window {}

impl Window {
    /// Makes a window. It stays until the node takes it down.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub(crate) fn make(segment: &'static Segment, kind: Kind, shape: Shape) -> Result<Window, MakeError> {
        let layout = Layout::of_kind(Some(kind), shape).ok_or(MakeError::Shape(shape))?;
        let record = segment.record(segment.me());
        let attaching = attaching();
        let (index, entry, generation) = claim(segment, layout.total)?;
        let id = WindowId { index, generation };
        record.attach(index);
        record.set_building(None);
        drop(attaching);
        let (base, _) = segment.window_place(index).ok_or(MakeError::Exhausted)?;
        let window = Window { id, layout, segment, base, _not_auto: PhantomData };
        if let Err(error) = segment.allocate(index, 0, layout.committed) {
            segment.punch(index, 0, layout.committed);
            // In this order: what is not attached is not found by the recovery of the dead.
            entry.word.store(TableWord::new(Life::Free, Participant::NOBODY, generation).0, Release);
            record.detach(index);
            return Err(MakeError::Memory(error));
        }
        window.initialise(kind, entry.lap_base.load(Acquire));
        entry.word.store(TableWord::new(Life::Live, segment.me(), generation).0, Release); // PAIR: window-live
        Ok(window)
    }

    /// The memory is zero: what is left to write is what is not zero.
    fn initialise(&self, kind: Kind, lap: u64) {
        let (fixed, shape) = (&self.header().fixed, self.layout.shape);
        fixed.kind.store(kind as u32, Relaxed);
        fixed.generation.store(self.id.generation, Relaxed);
        fixed.capacity.store(shape.capacity, Relaxed);
        fixed.hands.store(shape.hands, Relaxed);
        fixed.message_max.store(shape.message_max, Relaxed);
        fixed.bytes.store(shape.bytes, Relaxed);
        if !kind.has_slots() {
            // Its bytes are not to be taken for slots by who claims one of the window before.
            self.slot(0).word.store(SlotWord::new(State::Sealed, Participant::NOBODY, 0, 0).0, Relaxed);
        } else if lap != 0 {
            let free = SlotWord::new(State::Free, Participant::NOBODY, 0, lap);
            for index in 0..shape.capacity {
                self.slot(index).word.store(free.0, Relaxed);
            }
            self.header().producers.tail.store(Position::new(lap, 0).0, Relaxed);
            self.header().consumers.head.store(Position::new(lap, 0).0, Relaxed);
        }
        if self.is_ordered() {
            self.begin_order();
        }
    }

    /// Attaches this process to a window. `None`: it is gone, or is something else.
    pub(crate) fn attach(segment: &'static Segment, id: WindowId, kind: Kind) -> Option<Window> {
        let entry = segment.table_entry(id.index)?;
        let is_ours = || TableWord(entry.word.load(Acquire)).is(id); // PAIR: window-live
        if !is_ours() {
            return None;
        }
        let record = segment.record(segment.me());
        let attaching = attaching();
        if record.attach(id.index) && !table::count_attachment(entry, id) {
            // The node has taken the window down before it could see the bit.
            record.detach(id.index);
        }
        drop(attaching);
        if !is_ours() {
            return None;
        }
        Window::view(segment, id).filter(|window| window.is_of(kind))
    }

    /// The window as somebody sees it who is not attached and claims nothing. `None`: it is gone, or is
    /// something else; what is read later may be of what comes after it, see [`Window::is_live`].
    pub(crate) fn look(segment: &'static Segment, id: WindowId, kind: Kind) -> Option<Window> {
        let entry = segment.table_entry(id.index)?;
        TableWord(entry.word.load(Acquire)).is(id).then_some(())?; // PAIR: window-live
        let window = Window::view(segment, id)?;
        window.is_of(kind).then_some(window)
    }

    /// The window as it lies there, without attaching: for the node and for those attached.
    pub(super) fn view(segment: &'static Segment, id: WindowId) -> Option<Window> {
        let (base, size) = segment.window_place(id.index)?;
        // SAFETY: a window starts with a header, is aligned to pages and never unmapped; headers
        // consist of atomics, for which any bytes are valid.
        let fixed = unsafe { &(*base.cast::<Header>()).fixed };
        let shape = Shape {
            capacity: fixed.capacity.load(Relaxed),
            hands: fixed.hands.load(Relaxed),
            message_max: fixed.message_max.load(Relaxed),
            bytes: fixed.bytes.load(Relaxed),
        };
        let layout = Layout::of_kind(Kind::of(fixed.kind.load(Relaxed)), shape)?;
        (layout.total <= size).then_some(Window { id, layout, segment, base, _not_auto: PhantomData })
    }

    /// Whether the window still is what its handle says.
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.segment.table_entry(self.id.index).is_some_and(|entry| TableWord(entry.word.load(Acquire)).is(self.id))
    }

    #[inline]
    pub(crate) fn header(&self) -> &'static Header {
        // SAFETY: the window starts with a header (see `view`), which is never unmapped.
        unsafe { &*self.base.cast::<Header>() }
    }

    pub(crate) fn items(&self) -> Event<'_, Mapped> {
        self.header().items.event()
    }

    pub(crate) fn room(&self) -> Event<'_, Mapped> {
        self.header().room.event()
    }

    pub(crate) fn extent_room(&self) -> Event<'_, Mapped> {
        self.header().extent_room.event()
    }

    pub(crate) fn idle(&self) -> Event<'_, Mapped> {
        self.header().idle.event()
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base
    }

    /// The slot with this index; an index past the end is a bug of ours.
    #[inline]
    pub(crate) fn slot(&self, index: u32) -> &'static SlotHead {
        assert!(index < self.layout.shape.capacity, "slot {index} of {}", self.layout.shape.capacity);
        self.slot_at(self.layout.slots + u64::from(index) * SLOT_BYTES)
    }

    /// The hand with this index.
    pub(crate) fn hand(&self, index: u32) -> &'static SlotHead {
        assert!(index < self.layout.shape.hands, "hand {index} of {}", self.layout.shape.hands);
        self.slot_at(self.layout.hands + u64::from(index) * HAND_BYTES)
    }

    /// The position that a hand was filled from.
    pub(crate) fn origin(&self, index: u32) -> &'static AtomicU64 {
        let hand = std::ptr::from_ref(self.hand(index)).cast::<u8>();
        // SAFETY: a hand has one aligned word behind the bytes of a slot; it is never unmapped.
        unsafe { &*hand.add(SLOT_BYTES as usize).cast::<AtomicU64>() }
    }

    #[inline]
    fn slot_at(&self, offset: u64) -> &'static SlotHead {
        // SAFETY: the callers checked the index against the layout, whose parts lie inside the
        // window; slots and hands are aligned to 64 bytes and start with two atomics; they are
        // never unmapped.
        unsafe { &*self.base.add(offset as usize).cast::<SlotHead>() }
    }

    pub(crate) fn hands_allocated(&self) -> bool {
        self.header().consumers.hands_allocated.load(Acquire) != 0 // PAIR: hands
    }

    /// Puts memory behind the hands.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn allocate_hands(&self) -> io::Result<()> {
        if !self.hands_allocated() {
            let length = u64::from(self.layout.shape.hands) * HAND_BYTES;
            self.segment.allocate(self.id.index, self.layout.hands, length)?;
            self.header().consumers.hands_allocated.store(1, Release); // PAIR: hands
        }
        Ok(())
    }

    /// Asks the node to give the memory of large messages back soon, unless it has been asked.
    pub(crate) fn ask_for_trim(&self) {
        let asked = &self.header().state.trim_asked;
        if asked.load(Relaxed) == 0 && asked.swap(1, AcqRel) == 0 {
            self.segment.ask_attention(self.id.index);
        }
    }

    pub(crate) fn is_trim_asked(&self) -> bool {
        self.header().state.trim_asked.load(Acquire) != 0
    }

    pub(crate) fn clear_trim_asked(&self) {
        self.header().state.trim_asked.store(0, Release);
    }

    /// Lets everybody who waits here look again: a participant that may have swallowed a wake has
    /// died, or facts have changed that no event stands for.
    pub(crate) fn wake_everybody(&self) {
        for event in [self.items(), self.room(), self.extent_room(), self.idle(), self.turn()] {
            event.notify_all();
        }
    }

    /// Marks the window as sent somewhere: it then outlives the handles of this process.
    pub(crate) fn mark_escaped(&self) {
        if let Some(entry) = self.segment.table_entry(self.id.index) {
            table::note_escape(entry, self.id);
        }
    }

    /// The participant that made the window.
    pub(crate) fn maker(&self) -> Participant {
        let entry = self.segment.table_entry(self.id.index);
        entry.map_or(Participant::NOBODY, |entry| TableWord(entry.word.load(Acquire)).participant())
    }

    /// Withdraws every slot, hand and extent. False: a live participant is at work in one; try
    /// again after it. Called by the node only, on a window that nobody needs.
    pub(super) fn dismantle(&self) -> bool {
        let withdraw = |slot: &SlotHead| {
            let seen = SlotWord(slot.word.load(Acquire));
            match seen.state() {
                State::Sealed => true,
                State::Writing | State::Claimed => false,
                state => {
                    let sealed = SlotWord::new(State::Sealed, Participant::NOBODY, 0, seen.lap());
                    let is_ours = slot.word.compare_exchange(seen.0, sealed.0, AcqRel, Acquire).is_ok();
                    if is_ours && let State::Ready | State::Returned = state {
                        self.throw_away_payload(slot);
                        if let Some(number) = Meta::load(slot).extent {
                            // Whoever has written it is done with it, and nobody else will take it over.
                            self.take_over_extent(number);
                            self.free_extent(number);
                        }
                    }
                    is_ours
                }
            }
        };
        let mut is_done = true;
        for index in 0..self.layout.shape.capacity {
            is_done &= withdraw(self.slot(index));
        }
        if self.hands_allocated() {
            for index in 0..self.layout.shape.hands {
                is_done &= withdraw(self.hand(index));
            }
        }
        if !is_done {
            return false;
        }
        // No slot refers to an extent any more; who owns one is about to give up and free it.
        self.seal_extents()
    }

    /// The lap after the last one that any slot has seen.
    pub(super) fn lap_end(&self) -> u64 {
        if !table::kind(self).is_some_and(Kind::has_slots) {
            // Those before it still count.
            return 0;
        }
        let last = (0..self.layout.shape.capacity).map(|index| SlotWord(self.slot(index).word.load(Relaxed)).lap());
        last.max().map_or(0, |lap| lap + 1)
    }
}

/// One thread of this process at a time makes a window or attaches to one. The record has one word
/// for the window that is being made; and a bit that one thread has set and is about to take back
/// must not be taken by another for one that stays.
fn attaching() -> MutexGuard<'static, ()> {
    static ATTACHING: Mutex<()> = Mutex::new(());
    ATTACHING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring for Window {
    type Memory = Mapped;

    #[inline]
    fn is_ours(&self) -> bool {
        self.is_live()
    }

    #[inline]
    fn capacity(&self) -> u32 {
        self.layout.shape.capacity
    }
    #[inline]
    fn word(&self, index: u32) -> &AtomicU64 {
        &self.slot(index).word
    }
    #[inline]
    fn tail(&self) -> &AtomicU64 {
        &self.header().producers.tail
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        &self.header().consumers.head
    }
    #[inline]
    fn returns_made(&self) -> &AtomicU64 {
        &self.header().consumers.returns_made
    }
    #[inline]
    fn returns_seen(&self) -> &AtomicU64 {
        &self.header().consumers.returns_seen
    }
    #[inline]
    fn prefetch(&self, index: u32) {
        let slot = std::ptr::from_ref(self.slot(index)).cast::<u8>();
        cpu::prefetch_for_write(slot);
        // A slot has two lines; the second holds most of a payload of ordinary size.
        cpu::prefetch_for_write(slot.wrapping_add(64));
    }
}

/// The close flags of a queue or mailbox.
pub(crate) mod flags {
    /// No new messages; what is there is still handed out.
    pub(crate) const CLOSING: u32 = 1;
    /// Nothing is handed out any more.
    pub(crate) const CLOSED_NOW: u32 = 2;
    /// A mailbox: the actor is asked to stop after what is queued.
    pub(crate) const STOP_AFTER: u32 = 4;
    /// A mailbox: the actor is asked to stop after what it has in hand.
    pub(crate) const STOP_NOW: u32 = 8;
    /// A mailbox: there is news for the process of the actor, which is to look before the next message.
    pub(crate) const NEWS: u32 = 16;
    /// A queue or pipe: messages with ends of pipes were sent into it.
    pub(crate) const CARRIES: u32 = 32;
}

pub(crate) fn raise_flags(window: &Window, flags: u32) {
    window.header().state.flags.fetch_or(flags, AcqRel);
    window.items().notify_all();
    window.room().notify_all();
    window.extent_room().notify_all();
    if window.is_ordered() {
        window.turn().notify_all();
    }
}

/// Sets flags that only the receiver looks at, and wakes nobody.
pub(crate) fn set_flags(window: &Window, flags: u32) {
    window.header().state.flags.fetch_or(flags, AcqRel);
}

pub(crate) fn clear_flags(window: &Window, flags: u32) {
    window.header().state.flags.fetch_and(!flags, AcqRel);
}

#[inline]
pub(crate) fn has_flags(word: &AtomicU32, flags: u32) -> bool {
    word.load(Acquire) & flags != 0
}
