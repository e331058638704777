//! A window: the part of the segment that one queue, mailbox, reply box or blob has.
//!
//! The table has a word for each window: `state:3 | participant:14 | escaped:1 | generation:32`.
//!
//! ```text
//! FREE ──claim (CAS)──► BUILDING(p) ──publish──► LIVE(p) ──node: nobody can be in it──► FREE
//!                            │ p died
//!                            └──────► FREE
//! ```
//!
//! Any process makes windows; only the node takes them down, because only it knows who is alive.
//! It withdraws every slot and extent first ([`Window::dismantle`]), so that nobody can be in the
//! middle of a copy when the memory is given to somebody else.

#![allow(unsafe_code)]

use std::io;
use std::marker::PhantomData;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::event::Event;
use super::extent;
use super::layout::{HAND_BYTES, Header, INLINE_MAX, Layout, SLOT_BYTES, Shape, SlotHead};
use super::segment::{Segment, TableEntry, WINDOW_CLASSES};
use super::slots::{self, Position, Ring, SlotWord, State};
use super::words::Mapped;
use crate::id::{Participant, WindowId};
use crate::sys::cpu;

/// What a window is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Queue = 1,
    Mailbox = 2,
    Replies = 3,
    Blob = 4,
}

/// The word of a window in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TableWord(u64);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Free = 0,
    Building = 1,
    Live = 2,
}

impl TableWord {
    const PARTICIPANT_SHIFT: u32 = 3;
    const ESCAPED: u64 = 1 << 17;
    const GENERATION_SHIFT: u32 = 32;

    const fn new(life: Life, participant: Participant, generation: u32) -> TableWord {
        TableWord(
            life as u64
                | (participant.0 as u64) << Self::PARTICIPANT_SHIFT
                | (generation as u64) << Self::GENERATION_SHIFT,
        )
    }

    const fn life(self) -> Life {
        match self.0 & 0b111 {
            1 => Life::Building,
            2 => Life::Live,
            _ => Life::Free,
        }
    }

    const fn participant(self) -> Participant {
        Participant((self.0 >> Self::PARTICIPANT_SHIFT) as u16 & ((1 << Participant::BITS) - 1))
    }

    const fn generation(self) -> u32 {
        (self.0 >> Self::GENERATION_SHIFT) as u32
    }

    const fn is(self, id: WindowId) -> bool {
        matches!(self.life(), Life::Live) && self.generation() == id.generation
    }
}

/// Why a window could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    /// The shape is out of bounds.
    #[error("a capacity of {} messages of {} bytes is out of bounds", .0.capacity, .0.message_max)]
    Shape(Shape),
    /// All windows of this size are in use.
    #[error("the node has no room for another queue of this size")]
    Exhausted,
    /// There is no memory.
    #[error("there is no memory for the queue")]
    Memory(#[source] io::Error),
}

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
        let layout = Layout::of(shape).ok_or(MakeError::Shape(shape))?;
        let (index, entry, generation) = claim(segment, layout.total)?;
        let id = WindowId { index, generation };
        segment.record(segment.me()).attach(index);
        let (base, _) = segment.window_place(index).ok_or(MakeError::Exhausted)?;
        let window = Window { id, layout, segment, base, _not_auto: PhantomData };
        if let Err(error) = segment.allocate(index, 0, layout.committed) {
            segment.punch(index, 0, layout.committed);
            segment.record(segment.me()).detach(index);
            entry.word.store(TableWord::new(Life::Free, Participant::NOBODY, generation).0, Release);
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
        if lap != 0 && kind != Kind::Blob {
            let free = SlotWord::new(State::Free, Participant::NOBODY, 0, lap);
            for index in 0..shape.capacity {
                self.slot(index).word.store(free.0, Relaxed);
            }
            self.header().producers.tail.store(Position::new(lap, 0).0, Relaxed);
            self.header().consumers.head.store(Position::new(lap, 0).0, Relaxed);
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
        let is_new = record.attach(id.index);
        // The node may have taken the window down before it could see the bit.
        if !is_ours() {
            if is_new {
                record.detach(id.index);
            }
            return None;
        }
        Window::view(segment, id).filter(|window| window.header().fixed.kind.load(Relaxed) == kind as u32)
    }

    /// The window as it lies there, without attaching: for the node and for those attached.
    fn view(segment: &'static Segment, id: WindowId) -> Option<Window> {
        let (base, size) = segment.window_place(id.index)?;
        // SAFETY: a window starts with a header, is aligned to pages and never unmapped; headers
        // consist of atomics, for which any bytes are valid.
        let fixed = unsafe { &(*base.cast::<Header>()).fixed };
        let layout = Layout::of(Shape {
            capacity: fixed.capacity.load(Relaxed),
            hands: fixed.hands.load(Relaxed),
            message_max: fixed.message_max.load(Relaxed),
            bytes: fixed.bytes.load(Relaxed),
        })?;
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

    /// Copies a short payload into a slot or hand that the caller has claimed.
    #[inline]
    pub(crate) fn write_inline(&self, slot: &SlotHead, parts: [&[u8]; 2]) {
        let length = parts[0].len() + parts[1].len();
        assert!(length as u64 <= INLINE_MAX, "{length} bytes do not fit into a slot");
        // SAFETY: 112 payload bytes follow the two words of each slot, and the parts fit; the slot
        // is claimed, so nobody else touches them; private memory does not overlap the segment.
        unsafe {
            let to = std::ptr::from_ref(slot).cast::<u8>().cast_mut().add(size_of::<SlotHead>());
            std::ptr::copy_nonoverlapping(parts[0].as_ptr(), to, parts[0].len());
            std::ptr::copy_nonoverlapping(parts[1].as_ptr(), to.add(parts[0].len()), parts[1].len());
        }
    }

    /// Appends `length` inline payload bytes of a slot from `skip` on to `buffer`. False: a slot has
    /// not that many.
    #[inline]
    pub(crate) fn read_inline(&self, slot: &SlotHead, skip: usize, length: usize, buffer: &mut Vec<u8>) -> bool {
        if skip.saturating_add(length) > INLINE_MAX as usize {
            return false;
        }
        buffer.reserve(length);
        // SAFETY: at most 112 bytes follow the two words; `reserve` made room for them behind the
        // vector's length; what a broken peer writes meanwhile is bytes, too.
        unsafe {
            let from = std::ptr::from_ref(slot).cast::<u8>().add(size_of::<SlotHead>() + skip);
            std::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr().add(buffer.len()), length);
            buffer.set_len(buffer.len() + length);
        }
        true
    }

    fn extent_word(&self, number: u32) -> &'static AtomicU64 {
        assert!(number < self.layout.extents(), "extent {number} of {}", self.layout.extents());
        let offset = super::layout::PAGE + u64::from(number) * 8;
        // SAFETY: the number was checked against the layout, whose extent words follow the header;
        // they are aligned to 8 bytes and never unmapped.
        unsafe { &*self.base.add(offset as usize).cast::<AtomicU64>() }
    }

    /// Appends `length` payload bytes from `skip` on, wherever the payload lies.
    #[inline]
    pub(crate) fn read_payload(&self, slot: &SlotHead, meta: Meta, skip: usize, buffer: &mut Vec<u8>) -> bool {
        let Some(length) = (meta.length as usize).checked_sub(skip) else { return false };
        match meta.extent {
            None => self.read_inline(slot, skip, length, buffer),
            Some(number) => self.read_extent(number, skip, length, buffer),
        }
    }

    /// Claims an extent for `length` bytes and copies the parts into it. `Ok(None)`: all extents
    /// that are large enough are in use.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn fill_extent(&self, parts: [&[u8]; 2]) -> io::Result<Option<u32>> {
        let length = (parts[0].len() + parts[1].len()) as u64;
        let Some(number) = self.claim_extent(length)? else { return Ok(None) };
        let to = self.extent_bytes(number);
        // SAFETY: the extent is ours by the claim and at least `length` bytes long; private memory
        // does not overlap the segment.
        unsafe {
            std::ptr::copy_nonoverlapping(parts[0].as_ptr(), to, parts[0].len());
            std::ptr::copy_nonoverlapping(parts[1].as_ptr(), to.add(parts[0].len()), parts[1].len());
        }
        Ok(Some(number))
    }

    fn claim_extent(&self, length: u64) -> io::Result<Option<u32>> {
        let me = self.segment.me();
        for (class, hint) in self.layout.classes().iter().zip(&self.header().extent_hints) {
            if class.size < length {
                continue;
            }
            let word = |index: u32| self.extent_word(class.first + index);
            let Some((index, is_cold)) = extent::claim(class.count, word, hint.load(Relaxed), me) else { continue };
            hint.store(index + 1, Relaxed);
            if is_cold {
                let offset = class.offset + u64::from(index) * class.size;
                if let Err(error) = self.segment.allocate(self.id.index, offset, class.size) {
                    extent::free_cold(word(index));
                    return Err(error);
                }
                extent::warm(word(index), me);
            }
            return Ok(Some(class.first + index));
        }
        Ok(None)
    }

    fn extent_bytes(&self, number: u32) -> *mut u8 {
        let (class, index) = self.layout.extent(number).expect("the number was checked");
        // SAFETY: the layout lies inside the window.
        unsafe { self.base.add((class.offset + u64::from(index) * class.size) as usize) }
    }

    /// Appends `length` bytes of an extent from `skip` on to `buffer`. False: no such extent, or it
    /// is shorter.
    pub(crate) fn read_extent(&self, number: u32, skip: usize, length: usize, buffer: &mut Vec<u8>) -> bool {
        let Some((class, _)) = self.layout.extent(number) else { return false };
        if skip.saturating_add(length) as u64 > class.size {
            return false;
        }
        buffer.reserve(length);
        // SAFETY: the extent has at least `skip + length` bytes, and the vector has `length` behind
        // its own length.
        unsafe {
            let to = buffer.as_mut_ptr().add(buffer.len());
            std::ptr::copy_nonoverlapping(self.extent_bytes(number).add(skip), to, length);
            buffer.set_len(buffer.len() + length);
        }
        true
    }

    /// Takes over the extent of a message that this process has claimed.
    pub(crate) fn take_over_extent(&self, number: u32) {
        if number < self.layout.extents() {
            extent::take_over(self.extent_word(number), self.segment.me());
        }
    }

    /// Frees an extent that this process owns, and wakes who waits for one.
    pub(crate) fn free_extent(&self, number: u32) {
        let Some((class, index)) = self.layout.extent(number) else { return };
        let hint = self
            .layout
            .classes()
            .iter()
            .position(|other| other.first == class.first)
            .map(|position| &self.header().extent_hints[position]);
        extent::free(self.extent_word(number));
        if let Some(hint) = hint
            && hint.load(Relaxed) > index
        {
            hint.store(index, Relaxed);
        }
        // Waiters want different sizes, so each has to look for itself.
        if self.header().extent_room.word.load(Acquire) & 1 != 0 {
            self.extent_room().notify_all();
        }
    }

    /// Frees the extents of a dead participant that no slot or hand refers to.
    pub(crate) fn recover_extents(&self, dead: Participant) {
        for number in 0..self.layout.extents() {
            extent::recover(self.extent_word(number), dead, || self.refers(number));
        }
        self.extent_room().notify_all();
    }

    /// Whether a message, under way or claimed ones included, has this extent.
    fn refers(&self, number: u32) -> bool {
        let has = |slot: &SlotHead| {
            let word = SlotWord(slot.word.load(Acquire));
            matches!(word.state(), State::Ready | State::Claimed | State::Returned)
                && Meta::load(slot).extent == Some(number)
        };
        (0..self.layout.shape.capacity).any(|index| has(self.slot(index)))
            || self.hands_allocated() && (0..self.layout.shape.hands).any(|index| has(self.hand(index)))
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

    /// Gives back the memory of free extents.
    pub(crate) fn trim(&self) {
        for number in 0..self.layout.extents() {
            let word = self.extent_word(number);
            if extent::claim_warm(word, self.segment.me()) {
                let (class, index) = self.layout.extent(number).expect("the number is below the end");
                self.segment.punch(self.id.index, class.offset + u64::from(index) * class.size, class.size);
                extent::free_cold(word);
            }
        }
    }

    /// Asks the node to give the memory of large messages back soon, unless it has been asked.
    pub(crate) fn ask_for_trim(&self) {
        let asked = &self.header().state.trim_asked;
        if asked.load(Relaxed) == 0 && asked.swap(1, AcqRel) == 0 {
            self.segment.ask_attention(self.id.index);
        }
    }

    /// Marks the window as sent somewhere: it then outlives the handles of this process.
    pub(crate) fn mark_escaped(&self) {
        if let Some(entry) = self.segment.table_entry(self.id.index)
            && entry.word.load(Relaxed) & TableWord::ESCAPED == 0
            && self.is_live()
        {
            entry.word.fetch_or(TableWord::ESCAPED, AcqRel);
        }
    }

    /// The participant that made the window.
    pub(crate) fn maker(&self) -> Participant {
        let entry = self.segment.table_entry(self.id.index);
        entry.map_or(Participant::NOBODY, |entry| TableWord(entry.word.load(Acquire)).participant())
    }

    pub(crate) fn is_escaped(&self) -> bool {
        self.segment.table_entry(self.id.index).is_some_and(|entry| entry.word.load(Acquire) & TableWord::ESCAPED != 0)
    }

    /// Withdraws every slot, hand and extent. False: a live participant is at work in one; try
    /// again after it. Called by the node only, on a window that nobody needs.
    fn dismantle(&self) -> bool {
        let withdraw = |word: &AtomicU64| {
            let seen = SlotWord(word.load(Acquire));
            match seen.state() {
                State::Sealed => true,
                State::Writing | State::Claimed => false,
                _ => {
                    let sealed = SlotWord::new(State::Sealed, Participant::NOBODY, 0, seen.lap());
                    word.compare_exchange(seen.0, sealed.0, AcqRel, Acquire).is_ok()
                }
            }
        };
        let mut is_done = true;
        for index in 0..self.layout.shape.capacity {
            is_done &= withdraw(&self.slot(index).word);
        }
        if self.hands_allocated() {
            for index in 0..self.layout.shape.hands {
                is_done &= withdraw(&self.hand(index).word);
            }
        }
        if !is_done {
            return false;
        }
        // No slot refers to an extent any more; who owns one is about to give up and free it.
        (0..self.layout.extents()).fold(true, |is_done, number| is_done & extent::seal(self.extent_word(number)))
    }

    /// The lap after the last one that any slot has seen.
    fn lap_end(&self) -> u64 {
        let last = (0..self.layout.shape.capacity).map(|index| SlotWord(self.slot(index).word.load(Relaxed)).lap());
        last.max().map_or(0, |lap| lap + 1)
    }
}

impl Ring for Window {
    type Memory = Mapped;

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

/// How long the payload of a slot is and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) length: u32,
    pub(crate) extent: Option<u32>,
}

impl Meta {
    #[inline]
    pub(crate) fn load(slot: &SlotHead) -> Meta {
        let packed = slot.meta.load(Relaxed);
        Meta { length: packed as u32, extent: ((packed >> 32) as u32).checked_sub(1) }
    }

    #[inline]
    pub(crate) fn store(self, slot: &SlotHead) {
        let extent = self.extent.map_or(0, |number| number + 1);
        slot.meta.store(u64::from(self.length) | u64::from(extent) << 32, Relaxed);
    }
}

/// Claims a free window of at least `bytes`.
fn claim(segment: &Segment, bytes: u64) -> Result<(u16, &'static TableEntry, u32), MakeError> {
    let mut first = 0_u32;
    for (class, (size, count)) in WINDOW_CLASSES.into_iter().enumerate() {
        let hint = segment.window_hint(class);
        let start = hint.load(Relaxed) % count;
        if size >= bytes {
            for at in (start..count).chain(0..start) {
                let index = (first + at) as u16;
                let Some(entry) = segment.table_entry(index) else { continue };
                let seen = TableWord(entry.word.load(Relaxed));
                if seen.life() != Life::Free {
                    continue;
                }
                let generation = seen.generation().wrapping_add(1).max(1);
                let mine = TableWord::new(Life::Building, segment.me(), generation);
                if entry.word.compare_exchange(seen.0, mine.0, AcqRel, Acquire).is_ok() {
                    hint.store(at + 1, Relaxed);
                    return Ok((index, entry, generation));
                }
            }
        }
        first += count;
    }
    Err(MakeError::Exhausted)
}

/// The live window with this index, whoever made it; for the node.
pub(crate) fn at(segment: &'static Segment, index: u16) -> Option<Window> {
    let word = TableWord(segment.table_entry(index)?.word.load(Acquire));
    let id = WindowId { index, generation: word.generation() };
    if word.is(id) { Window::view(segment, id) } else { None }
}

/// The kind of a live window.
pub(crate) fn kind(window: &Window) -> Option<Kind> {
    match window.header().fixed.kind.load(Relaxed) {
        1 => Some(Kind::Queue),
        2 => Some(Kind::Mailbox),
        3 => Some(Kind::Replies),
        4 => Some(Kind::Blob),
        _ => None,
    }
}

/// Takes a window down that nobody needs any more. False: somebody is still at work in it. Called
/// by the node only.
pub(crate) fn take_down(window: &Window) -> bool {
    let segment = window.segment;
    let Some(entry) = segment.table_entry(window.id.index) else { return true };
    if !TableWord(entry.word.load(Acquire)).is(window.id) {
        return true;
    }
    if kind(window) != Some(Kind::Blob) && !window.dismantle() {
        return false;
    }
    let lap = window.lap_end();
    for participant in 1..segment.participants_end() {
        segment.record(Participant(participant)).detach(window.id.index);
    }
    free(segment, window.id, entry, lap);
    true
}

/// Frees a window whose maker died while building it. Called by the node only.
pub(crate) fn recover_building(segment: &'static Segment, index: u16, dead: Participant) {
    let Some(entry) = segment.table_entry(index) else { return };
    let seen = TableWord(entry.word.load(Acquire));
    if seen.life() == Life::Building && seen.participant() == dead {
        let lap = entry.lap_base.load(Relaxed);
        free(segment, WindowId { index, generation: seen.generation() }, entry, lap);
    }
}

fn free(segment: &Segment, id: WindowId, entry: &TableEntry, lap: u64) {
    if let Some((_, size)) = segment.window_place(id.index) {
        segment.punch(id.index, 0, size);
    }
    entry.lap_base.store(lap, Relaxed);
    entry.word.store(TableWord::new(Life::Free, Participant::NOBODY, id.generation).0, Release);
    lower_hint(segment, id.index);
}

/// Lets the next search start at a window that was freed, so that low ones are used again.
fn lower_hint(segment: &Segment, index: u16) {
    let mut rest = u32::from(index);
    for (class, (_, count)) in WINDOW_CLASSES.into_iter().enumerate() {
        if rest < count {
            segment.window_hint(class).fetch_min(rest, Relaxed);
            return;
        }
        rest -= count;
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
}

pub(crate) fn raise_flags(window: &Window, flags: u32) {
    window.header().state.flags.fetch_or(flags, AcqRel);
    window.items().notify_all();
    window.room().notify_all();
    window.extent_room().notify_all();
}

pub(crate) fn clear_flags(window: &Window, flags: u32) {
    window.header().state.flags.fetch_and(!flags, AcqRel);
}

#[inline]
pub(crate) fn has_flags(word: &AtomicU32, flags: u32) -> bool {
    word.load(Acquire) & flags != 0
}

/// What the death of a participant leaves in the ring of a window, repaired, and everybody woken.
pub(crate) fn recover(window: &Window, dead: Participant, settle: impl FnMut(slots::Claim) -> slots::Settled) {
    slots::recover(window, dead, settle);
    window.recover_extents(dead);
    for event in [window.items(), window.room(), window.idle()] {
        event.notify_all();
    }
}
