//! Payloads: beside the slot word, or in an extent.
//!
//! No reference to payload bytes is ever made, because whoever wrote them may go on writing. They are
//! copied, and only then looked at; or they are seen in place as atomic words, of which a reader takes
//! each once.

#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::extent;
use super::layout::{INLINE_MAX, PAGE, SlotHead};
use super::slots::{SlotWord, State};
use super::window::Window;
use crate::id::Participant;
use crate::planted::planted;

/// How long the payload of a slot is and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) length: u32,
    pub(crate) extent: Option<u32>,
}

impl Meta {
    /// Whoever handled the message has come to its end; see [`mark_handled`].
    const HANDLED: u64 = 1 << 63;

    #[inline]
    pub(crate) fn load(slot: &SlotHead) -> Meta {
        let packed = slot.meta.load(Relaxed) & !Meta::HANDLED;
        Meta { length: packed as u32, extent: ((packed >> 32) as u32).checked_sub(1) }
    }

    #[inline]
    pub(crate) fn store(self, slot: &SlotHead) {
        let extent = self.extent.map_or(0, |number| number + 1);
        slot.meta.store(u64::from(self.length) | u64::from(extent) << 32, Relaxed);
    }
}

/// Notes in a claimed slot that its message was handled to the end, before anybody is told so. A
/// plain store: only the claimant writes here, or the node while the claimant waits or is dead. A new
/// message begins without the mark.
#[inline]
pub(crate) fn mark_handled(slot: &SlotHead, is_handled: bool) {
    let unmarked = slot.meta.load(Relaxed) & !Meta::HANDLED;
    slot.meta.store(if is_handled { unmarked | Meta::HANDLED } else { unmarked }, Relaxed);
}

pub(crate) fn is_handled(slot: &SlotHead) -> bool {
    slot.meta.load(Relaxed) & Meta::HANDLED != 0
}

impl Window {
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

    /// Appends the payload from `skip` on to `buffer`, wherever it lies. False: there is not that
    /// much.
    #[inline]
    pub(crate) fn read_payload(&self, slot: &SlotHead, meta: Meta, skip: usize, buffer: &mut Vec<u8>) -> bool {
        let Some(length) = (meta.length as usize).checked_sub(skip) else { return false };
        let Some(from) = self.payload(slot, meta.extent, skip, length) else { return false };
        buffer.reserve(length);
        // SAFETY: `payload` gives `length` readable bytes, and `reserve` made room for as many
        // behind the vector's length. What a broken peer writes meanwhile is bytes, too.
        unsafe {
            std::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr().add(buffer.len()), length);
            buffer.set_len(buffer.len() + length);
        }
        true
    }

    /// Copies the first bytes of a payload. False: there are fewer than `to` takes.
    #[inline]
    pub(crate) fn copy_payload(&self, slot: &SlotHead, meta: Meta, to: &mut [u8]) -> bool {
        let Some(from) = self.payload(slot, meta.extent, 0, to.len()) else { return false };
        // SAFETY: `payload` gives as many readable bytes; private memory does not overlap them.
        unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
        true
    }

    /// The words that a payload lies in; the last may have more bytes than the payload. `None`: there
    /// is not that much.
    #[inline]
    pub(crate) fn payload_words(&self, slot: &SlotHead, meta: Meta) -> Option<&[AtomicU64]> {
        let words = (meta.length as usize).div_ceil(size_of::<u64>());
        let from = self.payload(slot, meta.extent, 0, words * size_of::<u64>())?;
        // SAFETY: `payload` gives as many readable bytes, which are never unmapped; slots and extents
        // are aligned to more than a word, and so is what follows the two words of a slot. A broken
        // peer that writes meanwhile changes the value of atomic words.
        Some(unsafe { std::slice::from_raw_parts(from.cast::<AtomicU64>(), words) })
    }

    /// Whether there is room for as much as a message says that it has.
    pub(crate) fn has_payload(&self, slot: &SlotHead, meta: Meta) -> bool {
        self.payload(slot, meta.extent, 0, meta.length as usize).is_some()
    }

    /// Where `length` payload bytes lie from `skip` on, if there is room for so many.
    #[inline]
    fn payload(&self, slot: &SlotHead, extent: Option<u32>, skip: usize, length: usize) -> Option<*const u8> {
        let end = skip.checked_add(length)? as u64;
        match extent {
            None if end <= INLINE_MAX => {
                // SAFETY: 112 payload bytes follow the two words of a slot.
                Some(unsafe { std::ptr::from_ref(slot).cast::<u8>().add(size_of::<SlotHead>() + skip) })
            }
            None => None,
            Some(number) => {
                let (class, _) = self.layout.extent(number).filter(|(class, _)| end <= class.size)?;
                debug_assert!(end <= class.size);
                // SAFETY: the extent has `end` bytes.
                Some(unsafe { self.extent_bytes(number).add(skip) })
            }
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
        let (me, is_ours) = (self.segment.me(), || self.is_live());
        for (class, hint) in self.layout.classes().iter().zip(&self.header().extent_hints) {
            if class.size < length {
                continue;
            }
            let word = |index: u32| self.extent_word(class.first + index);
            let Some((index, is_cold)) = extent::claim(class.count, word, hint.load(Relaxed), me, is_ours) else {
                continue;
            };
            // A window that was taken down and given to another is zero like a new one, so a claim
            // that began before can succeed there. What is owned keeps its window.
            if !self.is_live() {
                match is_cold {
                    true => extent::free_cold(word(index)),
                    false => extent::free(word(index)),
                }
                // Somebody may have looked meanwhile, and found all in use.
                self.extent_room().notify_each();
                return Ok(None);
            }
            hint.store(index + 1, Relaxed);
            if is_cold {
                let offset = class.offset + u64::from(index) * class.size;
                if let Err(error) = self.segment.allocate(self.id.index, offset, class.size) {
                    extent::free_cold(word(index));
                    self.extent_room().notify_each();
                    return Err(error);
                }
                extent::warm(word(index), me);
            }
            return Ok(Some(class.first + index));
        }
        Ok(None)
    }

    /// Whether an extent for `length` bytes is free right now.
    pub(super) fn has_extent(&self, length: u64) -> bool {
        let mut fitting = self.layout.classes().iter().filter(|class| length <= class.size);
        fitting.any(|class| (0..class.count).any(|index| extent::is_free(self.extent_word(class.first + index))))
    }

    fn extent_bytes(&self, number: u32) -> *mut u8 {
        let (class, index) = self.layout.extent(number).expect("the number was checked");
        // SAFETY: the layout lies inside the window.
        unsafe { self.base().add((class.offset + u64::from(index) * class.size) as usize) }
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
        self.extent_room().notify_each();
    }

    /// Frees the extents of a dead participant that no slot or hand refers to, and says how many
    /// those were: it died before its message had them, or after.
    pub(crate) fn recover_extents(&self, dead: Participant) -> u32 {
        let refers = |number: u32| self.refers(number) && !planted!(FreeReferencedExtents) || planted!(KeepExtents);
        let (mut freed, mut has_warm) = (0, false);
        for number in 0..self.layout.extents() {
            let word = self.extent_word(number);
            if extent::inherit(word, dead, self.segment.me()) {
                self.make_cold(number);
                freed += 1;
            } else if extent::recover(word, dead, || refers(number)) {
                freed += 1;
            }
            has_warm |= extent::is_warm(word);
        }
        // Whoever frees one asks for its memory, but not who dies in between, or before he frees it.
        if has_warm {
            self.ask_for_trim();
        }
        self.extent_room().notify_all();
        freed
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

    /// Gives back the memory of free extents.
    pub(crate) fn trim(&self) {
        for number in 0..self.layout.extents() {
            let word = self.extent_word(number);
            if extent::claim_warm(word, self.segment.me()) {
                self.make_cold(number);
            }
        }
        // A sender may have looked while this held the only free one.
        self.extent_room().notify_each();
    }

    /// Takes the memory of an extent away that this process has as a cold one, and frees it.
    fn make_cold(&self, number: u32) {
        let (class, index) = self.layout.extent(number).expect("the number is below the end");
        self.segment.punch(self.id.index, class.offset + u64::from(index) * class.size, class.size);
        extent::free_cold(self.extent_word(number));
    }

    /// Withdraws every free extent for good. False: somebody owns one.
    pub(super) fn seal_extents(&self) -> bool {
        (0..self.layout.extents()).fold(true, |is_done, number| is_done & extent::seal(self.extent_word(number)))
    }

    fn extent_word(&self, number: u32) -> &'static AtomicU64 {
        assert!(number < self.layout.extents(), "extent {number} of {}", self.layout.extents());
        let offset = PAGE + u64::from(number) * 8;
        // SAFETY: the number was checked against the layout, whose extent words follow the header;
        // they are aligned to 8 bytes and never unmapped.
        unsafe { &*self.base().add(offset as usize).cast::<AtomicU64>() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::extent::{ExtentWord, State};
    use crate::shm::layout::Shape;
    use crate::shm::segment::segment;
    use crate::shm::window::Kind;

    const DEAD: Participant = Participant(77);

    /// A queue with one extent in use, of somebody who has died in this state.
    fn left_in(state: State) -> (Window, u32) {
        let shape = Shape { capacity: 1, hands: 0, message_max: 1000, bytes: 1000 };
        let window = Window::make(segment().unwrap(), Kind::Queue, shape).unwrap();
        let number = window.fill_extent([&[7; 500], &[]]).unwrap().expect("there is one");
        let word = window.extent_word(number);
        let left = ExtentWord(word.load(Relaxed)).then(state, DEAD);
        word.store(left.0, Relaxed);
        (window, number)
    }

    #[test]
    fn memory_that_somebody_was_making_when_he_died_is_given_back() {
        let (window, number) = left_in(State::ColdOwned);
        assert_eq!(window.recover_extents(DEAD), 1);
        assert_eq!(ExtentWord(window.extent_word(number).load(Relaxed)).state(), State::Cold);
        // SAFETY: the extent lies in the window, which is never unmapped.
        let byte = unsafe { window.extent_bytes(number).read_volatile() };
        assert_eq!(byte, 0, "it was punched out");
    }

    #[test]
    fn memory_that_nobody_alive_has_freed_is_asked_for() {
        let (window, _) = left_in(State::WarmOwned);
        assert_eq!(window.recover_extents(DEAD), 1);
        assert!(window.is_trim_asked());
        // Another, who has freed it and died before he asked.
        window.clear_trim_asked();
        assert_eq!(window.recover_extents(DEAD), 0);
        assert!(window.is_trim_asked());
    }
}
