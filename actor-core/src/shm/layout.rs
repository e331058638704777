//! Where things lie in a window: pure arithmetic over its shape, the same in every process.
//!
//! ```text
//! window  ┌──────────────────────────┐ 0
//!         │ Header                   │ one page: shape, hints, events, actor state
//!         ├──────────────────────────┤ 4096
//!         │ extent words, 8 B each   │ all classes, smallest class first
//!         ├──────────────────────────┤ SLOT_BYTES aligned
//!         │ slots, 128 B each        │ word 8 │ meta 8 │ payload 112
//!         ├──────────────────────────┤ of an ordered queue only
//!         │ index                    │ see `index.rs`
//!         ├──────────────────────────┤ page aligned            ▲ allocated when the window is made
//!         │ hands, 192 B each        │ slot 128 │ origin 8           ▼ allocated on first use
//!         ├──────────────────────────┤ page aligned
//!         │ extents, class by class  │
//!         └──────────────────────────┘
//! ```
//!
//! Only the [`Shape`] is stored. Each process computes the [`Layout`] from it and keeps it: later
//! writes to the shape by a broken peer move nothing.

use std::sync::atomic::{AtomicU32, AtomicU64};

use super::event::Event;
use super::index;
use super::kind::Kind;
use super::slots::CAPACITY_MAX;
use super::waits::WaitLine;
use super::words::Mapped;

pub(crate) const PAGE: u64 = 4096;
pub(crate) const SLOT_BYTES: u64 = 128;
/// A hand is a slot with a word behind it.
pub(crate) const HAND_BYTES: u64 = 192;
/// Payload bytes that fit beside the slot word.
pub(crate) const INLINE_MAX: u64 = SLOT_BYTES - 16;
/// The smallest extent; each further class is [`CLASS_FACTOR`] times as large.
const CLASS_FIRST: u64 = 1024;
const CLASS_FACTOR: u64 = 4;
pub(crate) const CLASSES_MAX: usize = 12;
/// Words of what an actor says that it waits for.
pub(crate) const WAIT_WORDS: usize = 12;
/// The largest message of any window.
pub(crate) const MESSAGE_MAX: u64 = 1 << 30;

/// What its maker decides about a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Slots.
    pub(crate) capacity: u32,
    /// Places for messages that consumers hold for long.
    pub(crate) hands: u32,
    /// Bytes of the largest message.
    pub(crate) message_max: u64,
    /// Bytes of each extent class taken together, before rounding.
    pub(crate) bytes: u64,
}

/// A size class of extents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) size: u64,
    pub(crate) count: u32,
    /// The number of the first extent of this class among all extents.
    pub(crate) first: u32,
    /// Where the first extent lies.
    pub(crate) offset: u64,
}

/// The places that follow from a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    classes: [Class; CLASSES_MAX],
    class_count: usize,
    pub(crate) slots: u64,
    /// Where the index of an ordered queue is.
    pub(crate) index: Option<u64>,
    pub(crate) hands: u64,
    /// The end of what is allocated when the window is made.
    pub(crate) committed: u64,
    pub(crate) total: u64,
}

impl Layout {
    /// The layout of `shape`, or `None` if the shape is out of bounds.
    #[cfg(test)]
    pub(crate) fn of(shape: Shape) -> Option<Layout> {
        Layout::of_kind(None, shape)
    }

    /// The layout of `shape` for a window of this kind, or `None` if the shape is out of bounds.
    pub(crate) fn of_kind(kind: Option<Kind>, shape: Shape) -> Option<Layout> {
        let in_bounds = (1..=CAPACITY_MAX).contains(&shape.capacity)
            && shape.hands <= CAPACITY_MAX
            && shape.message_max <= MESSAGE_MAX
            && shape.bytes <= 64 * MESSAGE_MAX;
        if !in_bounds {
            return None;
        }
        let (mut classes, class_count) = classes(shape);
        let extents: u32 = classes.iter().map(|class| class.count).sum();
        let slots = (PAGE + u64::from(extents) * 8).next_multiple_of(SLOT_BYTES);
        let behind = slots + u64::from(shape.capacity) * SLOT_BYTES;
        let index = (kind == Some(Kind::Ordered)).then_some(behind);
        let index_bytes = index.map_or(0, |_| index::bytes(shape.capacity, shape.hands));
        let committed = (behind + index_bytes).next_multiple_of(PAGE);
        let hands = committed;
        let mut end = (hands + u64::from(shape.hands) * HAND_BYTES).next_multiple_of(PAGE);
        for class in &mut classes {
            class.offset = end;
            end = (end + class.size * u64::from(class.count)).next_multiple_of(PAGE);
        }
        Some(Layout { shape, classes, class_count, slots, index, hands, committed, total: end })
    }

    /// The size classes, smallest first.
    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes[..self.class_count]
    }

    /// The class of the extent with this number, and its place in the class.
    pub(crate) fn extent(&self, number: u32) -> Option<(Class, u32)> {
        self.classes()
            .iter()
            .find(|class| number >= class.first && number - class.first < class.count)
            .map(|class| (*class, number - class.first))
    }

    pub(crate) fn extents(&self) -> u32 {
        self.classes().iter().map(|class| class.count).sum()
    }
}

/// Powers of [`CLASS_FACTOR`] up to the first that takes the largest message, cut to that size.
fn classes(shape: Shape) -> ([Class; CLASSES_MAX], usize) {
    let mut classes = [Class::default(); CLASSES_MAX];
    let (mut used, mut size, mut first) = (0, CLASS_FIRST, 0);
    let mut covered = INLINE_MAX;
    while covered < shape.message_max && used < CLASSES_MAX {
        let size_here = if size < shape.message_max { size } else { shape.message_max.next_multiple_of(PAGE) };
        let count = (shape.bytes / size_here).clamp(1, u64::from(shape.capacity) + u64::from(shape.hands)) as u32;
        classes[used] = Class { size: size_here, count, first, offset: 0 };
        first += count;
        used += 1;
        covered = size_here;
        size *= CLASS_FACTOR;
    }
    (classes, used)
}

const _: () = {
    // The last class must reach the largest message.
    let mut size = CLASS_FIRST;
    let mut class = 1;
    while class < CLASSES_MAX {
        size *= CLASS_FACTOR;
        class += 1;
    }
    assert!(size >= MESSAGE_MAX);
    assert!(size_of::<Header>() <= PAGE as usize);
    assert!(size_of::<SlotHead>() == 16);
};

/// The first words of a slot: its payload follows.
#[repr(C)]
pub(crate) struct SlotHead {
    /// See [`slots`](super::slots).
    pub(crate) word: AtomicU64,
    /// `length:32 | extent:31 | handled:1`, low bits first; extent 0 is inline, n is extent n - 1.
    pub(crate) meta: AtomicU64,
}

/// The first page of a window. One cache line per group of words that change together.
#[repr(C, align(64))]
pub(crate) struct Header {
    pub(crate) fixed: Fixed,
    pub(crate) producers: Producers,
    pub(crate) consumers: Consumers,
    pub(crate) items: EventLine,
    pub(crate) room: EventLine,
    pub(crate) extent_room: EventLine,
    pub(crate) idle: EventLine,
    /// An ordered queue: the order can be taken.
    pub(crate) turn: EventLine,
    pub(crate) order: OrderLine,
    pub(crate) state: StateLine,
    pub(crate) actor: ActorLine,
    pub(crate) log: LogLine,
    pub(crate) ends: EndsLine,
    /// For each class, where the search for a free extent starts.
    pub(crate) extent_hints: [AtomicU32; CLASSES_MAX],
    /// A mailbox: what its actor waits for.
    pub(crate) waits: WaitLine<AtomicU64, WAIT_WORDS>,
}

/// Written once, before the window is live.
#[repr(C, align(64))]
pub(crate) struct Fixed {
    pub(crate) kind: AtomicU32,
    pub(crate) generation: AtomicU32,
    pub(crate) capacity: AtomicU32,
    pub(crate) hands: AtomicU32,
    pub(crate) message_max: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Length of what a blob or a region holds.
    pub(crate) length: AtomicU64,
}

/// Words that producers write.
#[repr(C, align(64))]
pub(crate) struct Producers {
    pub(crate) tail: AtomicU64,
    /// An ordered queue: how many messages were sent.
    pub(crate) sequence: AtomicU64,
}

/// Words that consumers write.
#[repr(C, align(64))]
pub(crate) struct Consumers {
    pub(crate) head: AtomicU64,
    pub(crate) returns_made: AtomicU64,
    pub(crate) returns_seen: AtomicU64,
    /// Not zero: the hands have memory.
    pub(crate) hands_allocated: AtomicU32,
}

/// Who has the order of an ordered queue; see [`order`](super::order).
#[repr(C, align(64))]
pub(crate) struct OrderLine {
    pub(crate) word: AtomicU64,
    /// How many places are in the heap.
    pub(crate) count: AtomicU32,
}

/// One condition to wait for; see [`event`](super::event).
#[repr(C, align(64))]
pub(crate) struct EventLine {
    pub(crate) word: AtomicU32,
    /// Bit g: some process of group g has async waiters.
    pub(crate) async_groups: AtomicU64,
}

impl EventLine {
    pub(crate) fn event(&self) -> Event<'_, Mapped> {
        Event { word: &self.word, async_groups: &self.async_groups }
    }
}

/// Words that rarely change.
#[repr(C, align(64))]
pub(crate) struct StateLine {
    /// Close flags, see [`window`](super::window).
    pub(crate) flags: AtomicU32,
    /// Not zero: the node has been asked to trim the extents.
    pub(crate) trim_asked: AtomicU32,
}

/// What a mailbox says about its actor.
#[repr(C, align(64))]
pub(crate) struct ActorLine {
    /// The number of the current life, 0 before the first.
    pub(crate) life: AtomicU32,
    /// The participant that lives it, 0 between lives.
    pub(crate) participant: AtomicU32,
    /// The handler in hand plus one, 0 when idle.
    pub(crate) handling: AtomicU32,
    /// Messages handled in this life.
    pub(crate) handled: AtomicU64,
    /// Since when, in coarse monotonic nanoseconds.
    pub(crate) since_ns: AtomicU64,
    /// The window that the receiver waits for room in: `index:16 | generation:32`, plus one; 0 is none.
    pub(crate) waits_in: AtomicU64,
}

/// Who has the two ends of a pipe; see [`ends`](super::ends).
#[repr(C, align(64))]
pub(crate) struct EndsLine {
    pub(crate) sender: AtomicU64,
    pub(crate) receiver: AtomicU64,
}

/// What a ring of log events says about its writer.
#[repr(C, align(64))]
pub(crate) struct LogLine {
    /// Events that found no room.
    pub(crate) dropped: AtomicU64,
    /// The generation of the process that writes: its participant is the window's maker.
    pub(crate) writer: AtomicU32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Shape = Shape { capacity: 4, hands: 4, message_max: 100, bytes: 0 };

    #[test]
    fn smoke() {
        let layout = Layout::of(SMALL).unwrap();
        assert_eq!(layout.extents(), 0);
        assert_eq!((layout.slots, layout.committed, layout.hands), (4096, 8192, 8192));
        assert_eq!(layout.total, 12288);
    }

    #[test]
    fn classes_cover_every_size_and_do_not_overlap() {
        let layout = Layout::of(Shape { capacity: 256, hands: 0, message_max: 1_000_000, bytes: 2 << 20 }).unwrap();
        let mut end = layout.committed;
        for class in layout.classes() {
            assert!(class.offset >= end, "{class:?} starts before {end}");
            assert!(class.count >= 1);
            end = class.offset + class.size * u64::from(class.count);
        }
        assert!(layout.total >= end);
        assert!(layout.classes().last().unwrap().size >= 1_000_000);
        let last = layout.extents() - 1;
        assert_eq!(layout.extent(last).unwrap().0.size, layout.classes().last().unwrap().size);
        assert_eq!(layout.extent(last + 1), None);
    }

    #[test]
    fn absurd_shapes_are_refused() {
        for shape in [
            Shape { capacity: 0, ..SMALL },
            Shape { capacity: u32::MAX, ..SMALL },
            Shape { hands: u32::MAX, ..SMALL },
            Shape { message_max: u64::MAX, ..SMALL },
            Shape { bytes: u64::MAX, ..SMALL },
        ] {
            assert_eq!(Layout::of(shape), None, "{shape:?}");
        }
    }

    #[test]
    fn a_queue_of_1024_small_messages_is_small() {
        let shape = Shape { capacity: 1024, hands: 1024, message_max: 1 << 20, bytes: 8 << 20 };
        assert!(Layout::of(shape).unwrap().committed < 256 << 10);
    }
}
