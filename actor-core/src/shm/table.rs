//! The table of windows: who has which part of the segment, and how it is given and taken.
//!
//! The table has a word for each window:
//! `state:3 | participant:14 | escaped:1 | attachments:14 | generation:32`.
//!
//! ```text
//! FREE ──claim (CAS)──► BUILDING(p) ──publish──► LIVE(p) ──node: nobody can be in it──► FREE
//!                            │ p died
//!                            └──────► FREE
//! ```
//!
//! Any process makes windows; only the node takes them down, because only it knows who is alive.
//! It withdraws every slot and extent first, so that nobody can be in the middle of a copy when
//! the memory is given to somebody else.
//!
//! A queue is held by those who are attached to it. To look at all of them takes a while, in which
//! a handle may go from one that comes later in the look to one that came before. So whoever
//! attaches sets his bit first and then counts himself in the word, and the node takes the queue
//! down only from the word that it has read before the look. Likewise a handle is noted as sent
//! before it is: who looks at the bits and finds nobody cannot have missed that.

use std::io;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::layout::Shape;
use super::segment::{Segment, TableEntry, WINDOW_CLASSES};
use super::window::{Kind, Window, flags, has_flags};
use crate::id::{Participant, WindowId};

/// The word of a window in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct TableWord(pub(super) u64);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Free = 0,
    Building = 1,
    Live = 2,
}

impl TableWord {
    const PARTICIPANT_SHIFT: u32 = 3;
    pub(super) const ESCAPED: u64 = 1 << 17;
    /// How many times somebody has attached: wraps, long after any look.
    const ATTACHMENTS_SHIFT: u32 = 18;
    const ATTACHMENTS_MASK: u64 = 0x3fff;
    const GENERATION_SHIFT: u32 = 32;

    pub(super) const fn new(life: Life, participant: Participant, generation: u32) -> TableWord {
        TableWord(
            life as u64
                | (participant.0 as u64) << Self::PARTICIPANT_SHIFT
                | (generation as u64) << Self::GENERATION_SHIFT,
        )
    }

    pub(super) const fn life(self) -> Life {
        match self.0 & 0b111 {
            1 => Life::Building,
            2 => Life::Live,
            _ => Life::Free,
        }
    }

    pub(super) const fn participant(self) -> Participant {
        Participant((self.0 >> Self::PARTICIPANT_SHIFT) as u16 & ((1 << Participant::BITS) - 1))
    }

    pub(super) const fn generation(self) -> u32 {
        (self.0 >> Self::GENERATION_SHIFT) as u32
    }

    pub(super) const fn is(self, id: WindowId) -> bool {
        matches!(self.life(), Life::Live) && self.generation() == id.generation
    }

    /// The same with one attachment more.
    const fn attached(self) -> TableWord {
        let count = (self.0 >> Self::ATTACHMENTS_SHIFT).wrapping_add(1) & Self::ATTACHMENTS_MASK;
        TableWord(self.0 & !(Self::ATTACHMENTS_MASK << Self::ATTACHMENTS_SHIFT) | count << Self::ATTACHMENTS_SHIFT)
    }

    /// The same, sent somewhere.
    const fn escaped(self) -> TableWord {
        TableWord(self.0 | Self::ESCAPED)
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

/// Claims a free window of at least `bytes`.
pub(super) fn claim(segment: &Segment, bytes: u64) -> Result<(u16, &'static TableEntry, u32), MakeError> {
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
                // Dead after the claim, recovery finds it by this.
                segment.record(segment.me()).set_building(Some(index));
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

/// The windows that somebody makes or has.
///
/// # Errors
/// The system does not let us read the table.
#[cfg(feature = "testing")]
pub(crate) fn used(segment: &Segment) -> io::Result<Vec<WindowId>> {
    let words = segment.table_words()?.into_iter().map(TableWord).enumerate();
    let used = words.filter(|(_, word)| word.life() != Life::Free);
    Ok(used.map(|(index, word)| WindowId { index: index as u16, generation: word.generation() }).collect())
}

/// The kind of a live window.
pub(crate) fn kind(window: &Window) -> Option<Kind> {
    Kind::of(window.header().fixed.kind.load(Relaxed))
}

/// Counts whoever has set his bit for this window. False: it is gone.
pub(super) fn count_attachment(entry: &TableEntry, id: WindowId) -> bool {
    change(entry, id, TableWord::attached)
}

/// Notes that a handle on this window, which the caller has, is about to be sent.
pub(super) fn note_escape(entry: &TableEntry, id: WindowId) {
    change(entry, id, TableWord::escaped);
}

/// Changes the word of a live window. False: it is gone.
fn change(entry: &TableEntry, id: WindowId, to: impl Fn(TableWord) -> TableWord) -> bool {
    let mut seen = TableWord(entry.word.load(Acquire));
    while seen.is(id) {
        if to(seen) == seen {
            return true;
        }
        match entry.word.compare_exchange(seen.0, to(seen).0, AcqRel, Acquire) {
            Ok(_) => return true,
            Err(now) => seen = TableWord(now),
        }
    }
    false
}

/// Takes a queue down on which nobody has a handle, and to which none can be under way. False:
/// somebody has one, or may get one. Called by the node only, which says who is attached.
pub(crate) fn take_down_unused(window: &Window, is_attached: impl Fn(Participant) -> bool) -> bool {
    let segment = window.segment;
    let Some(entry) = segment.table_entry(window.id.index) else { return false };
    let seen = TableWord(entry.word.load(Acquire));
    let is_pipe = kind(window) == Some(Kind::Pipe);
    if !seen.is(window.id)
        || !is_pipe && may_be_under_way(seen, window)
        || (1..segment.participants_end()).map(Participant).any(is_attached)
    {
        return false;
    }
    // After the look: who has sent an end was attached until he had, or counted himself during the look.
    if is_pipe && window.has_end_under_way() {
        return false;
    }
    // Whoever attached or sent a handle during the look has changed the word, and asks for another
    // look when he lets go.
    let leaving = TableWord::new(Life::Building, segment.me(), window.id.generation);
    if entry.word.compare_exchange(seen.0, leaving.0, AcqRel, Acquire).is_err() {
        return false;
    }
    // Nobody is at work in it: to be so takes a handle.
    window.throw_away_left();
    free(segment, window.id, entry, window.lap_end().max(entry.lap_base.load(Relaxed)));
    true
}

/// Whether a handle that was sent may not have arrived yet.
fn may_be_under_way(seen: TableWord, window: &Window) -> bool {
    seen == seen.escaped() && !has_flags(&window.header().state.flags, flags::CLOSING)
}

/// Takes a window down that nobody needs any more. False: somebody is still at work in it. Called
/// by the node only.
pub(crate) fn take_down(window: &Window) -> bool {
    let segment = window.segment;
    let Some(entry) = segment.table_entry(window.id.index) else { return true };
    if !TableWord(entry.word.load(Acquire)).is(window.id) {
        return true;
    }
    if kind(window).is_none_or(Kind::has_slots) && !window.dismantle() {
        return false;
    }
    if kind(window) == Some(Kind::Replies) {
        // Who waits for room to answer finds the call gone. Not later: the next window is zero.
        window.extent_room().notify_all();
    }
    let lap = window.lap_end().max(entry.lap_base.load(Relaxed));
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
    // Not live before it is zero: whoever was stopped in the middle of a claim, finds what it has
    // expected in the zeroes and then asks whether the window is still its own, is told so.
    entry.word.swap(TableWord::new(Life::Building, segment.me(), id.generation).0, AcqRel);
    // Nobody is counted any more, so a bit that is set from here on is taken back by who has set it.
    for participant in 1..segment.participants_end() {
        segment.record(Participant(participant)).detach(id.index);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::payload::Meta;
    use crate::shm::segment::segment;
    use crate::shm::slots::{SlotWord, State};

    #[test]
    fn laps_go_on_behind_a_blob() {
        let segment = segment().unwrap();
        let queue = Shape { capacity: 1, hands: 0, message_max: 64, bytes: 0 };
        let window = Window::make(segment, Kind::Queue, queue).unwrap();
        window.slot(0).word.store(SlotWord::new(State::Free, Participant::NOBODY, 0, 1000).0, Relaxed);
        assert!(take_down(&window));
        let entry = segment.table_entry(window.id.index).unwrap();
        assert_eq!(entry.lap_base.load(Relaxed), 1001);
        // Whoever has it now: other tests make windows as well.
        let blob = Window::make(segment, Kind::Blob, queue).unwrap();
        let entry = segment.table_entry(blob.id.index).unwrap();
        let before = entry.lap_base.load(Relaxed);
        assert!(take_down(&blob));
        assert!(before <= entry.lap_base.load(Relaxed));
    }

    /// Its reader is dead, and whoever has written it has no more to do with it.
    #[test]
    fn a_large_answer_that_nobody_reads_keeps_no_window() {
        let shape = Shape { capacity: 1, hands: 0, message_max: 1000, bytes: 1000 };
        let window = Window::make(segment().unwrap(), Kind::Replies, shape).unwrap();
        let extent = window.fill_extent([&[7; 500], &[]]).unwrap();
        assert!(extent.is_some());
        Meta { length: 500, extent }.store(window.slot(0));
        let answered = SlotWord::new(State::Ready, Participant::NOBODY, 0, 0);
        window.slot(0).word.store(answered.0, Relaxed);
        assert!(take_down(&window));
    }

    fn queue() -> Window {
        let shape = Shape { capacity: 1, hands: 0, message_max: 64, bytes: 0 };
        Window::make(segment().unwrap(), Kind::Queue, shape).unwrap()
    }

    /// Each look finds nobody, and something happens during it.
    #[test]
    fn a_queue_stays_when_a_handle_moves_during_the_look() {
        let window = queue();
        let entry = window.segment.table_entry(window.id.index).unwrap();
        let look = |act: &dyn Fn()| {
            take_down_unused(&window, |_| {
                act();
                false
            })
        };
        assert!(!look(&|| window.mark_escaped()), "it was sent");
        assert!(!look(&|| ()), "it is under way");
        crate::shm::window::raise_flags(&window, flags::CLOSING);
        assert!(!look(&|| assert!(count_attachment(entry, window.id))), "it has arrived");
        assert!(!take_down_unused(&window, |_| true), "somebody has it");
        assert!(window.is_live());
        assert!(look(&|| ()));
        assert!(!window.is_live() && !count_attachment(entry, window.id), "who comes now comes too late");
    }

    #[test]
    fn attachments_wrap_and_change_nothing_else() {
        let mut word = TableWord::new(Life::Live, Participant(9), 7).escaped();
        let id = WindowId { index: 1, generation: 7 };
        for _ in 0..=TableWord::ATTACHMENTS_MASK {
            let next = word.attached();
            assert!(next != word && next.is(id) && next == next.escaped());
            assert_eq!(next.participant(), Participant(9));
            word = next;
        }
        assert!(word == TableWord::new(Life::Live, Participant(9), 7).escaped());
    }
}
