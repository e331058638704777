//! [`Image`]: a part of shared memory with messages in every state, whose bytes a test sets as it likes.
//!
//! What is done to it stands in [`deeds`]. The process must have no node thread, which would read as well,
//! at moments that no seed repeats. Nothing here judges: what is wrong shows as a panic, a fault or a
//! walk without end, and the only promise that is checked on the way is that of a length.

mod deeds;
mod sync;

use std::iter::once;
use std::ops::Range;

use crate::id::Participant;
use crate::reply::{Purpose, ReplySlot};
use crate::shm::hands::{self, Held};
use crate::shm::layout::{HAND_BYTES, PAGE, SLOT_BYTES, Shape};
use crate::shm::payload::Meta;
use crate::shm::segment::{Segment, segment};
use crate::shm::slots::{self, Claim};
use crate::shm::window::{Kind, Window};
use crate::shm::{barrier, blob, flag, lock, permits, region, roster, rwlock, table, waiters};
use crate::time::Deadline;

const DEAD: Participant = Participant(2);
const OTHER: Participant = Participant(3);
const SHAPE: Shape = Shape { capacity: 6, hands: 4, message_max: 3000, bytes: 4096 };
/// More than fits beside a slot word.
const LARGE: usize = 700;
/// Those of the node that say who there is, where the next window is and who spins.
const PROLOGUE_BYTES: u64 = 384;

/// What lies in the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Messages that are sent, taken, held, moved and given back.
    Queue,
    /// Messages with envelopes, and an actor that has died.
    Mailbox,
    /// Calls, and answers to them.
    Replies,
    /// The result of a process.
    Blob,
    /// Messages that are received in an order of their own.
    Ordered,
    /// Messages, and two ends that move.
    Pipe,
    /// A lock with two copies of its data.
    Lock,
    /// A lock that many may read.
    RwLock,
    /// The permits of a semaphore.
    Permits,
    /// Those who wait at a condition.
    Waiters,
    /// The parties of a barrier.
    Barrier,
    /// The flag of an event.
    Flag,
}

impl Subject {
    fn is_synchronising(self) -> bool {
        !matches!(self, Subject::Queue | Subject::Mailbox | Subject::Replies | Subject::Blob)
    }
}

/// Some bytes of shared memory, and where in them words lie that mean something.
pub struct Area {
    start: u64,
    pristine: Vec<u8>,
    /// Where words lie in it that mean something.
    pub words: Vec<usize>,
}

/// See the module.
pub struct Image {
    subject: Subject,
    segment: &'static Segment,
    window: Window,
    /// As it was made: `window` may be another view of what lies there.
    made: Window,
    /// Somebody may have written where the window has nothing.
    has_lied: bool,
    calls: Vec<ReplySlot>,
    held: Vec<Held>,
    claims: Vec<Claim>,
    hands: sync::Hands,
    buffer: Vec<u8>,
    /// The window, its line in the table, the records of this process and of the dead, and what is the
    /// node's own.
    pub areas: Vec<Area>,
}

impl Image {
    /// Makes one and brings it into a state in which every kind of claim is in it.
    ///
    /// # Panics
    /// There is no memory for it.
    pub fn new(subject: Subject) -> Image {
        let segment = segment().expect("there is memory");
        segment.raise_participants_end(4);
        let (window, calls) = match subject {
            Subject::Queue => (make(segment, Kind::Queue), Vec::new()),
            Subject::Mailbox => (make(segment, Kind::Mailbox), Vec::new()),
            Subject::Ordered => (make(segment, Kind::Ordered), Vec::new()),
            Subject::Pipe => (make(segment, Kind::Pipe), Vec::new()),
            Subject::Lock => (make_region(segment, Kind::Lock, region::shape(lock::DATA_AT + 64)), Vec::new()),
            Subject::RwLock => (make_region(segment, Kind::RwLock, region::shape(rwlock::DATA_AT)), Vec::new()),
            Subject::Permits => (make_region(segment, Kind::Permits, permits::shape(3)), Vec::new()),
            Subject::Waiters => (make_region(segment, Kind::Waiters, waiters::shape(4)), Vec::new()),
            Subject::Barrier => (make_region(segment, Kind::Barrier, barrier::shape(3)), Vec::new()),
            Subject::Flag => (make_region(segment, Kind::Flag, flag::shape()), Vec::new()),
            Subject::Blob => {
                let id = blob::make(segment, &[7; 5000]).expect("there is memory");
                segment.record(DEAD).set_result(id);
                (table::at(segment, id.index).expect("it was made just now"), Vec::new())
            }
            Subject::Replies => {
                let open = || ReplySlot::open(segment, Purpose::Call, Deadline::Now).expect("there is a slot");
                let calls: Vec<_> = (0..4).map(|_| open()).collect();
                let index = calls[0].address().window.index;
                (table::at(segment, index).expect("it was made just now"), calls)
            }
        };
        segment.record(DEAD).prepare(b"\x93no order").expect("it is short");
        segment.record(DEAD).attach(window.id.index);
        segment.record(DEAD).write_end(4, "it went wrong", "a.rs:1:1");
        let mut image = Image {
            subject,
            segment,
            window,
            made: window,
            has_lied: false,
            calls,
            held: Vec::new(),
            claims: Vec::new(),
            hands: sync::Hands::default(),
            buffer: Vec::new(),
            areas: Vec::new(),
        };
        image.fill(subject);
        image.areas = image.lay_out();
        image
    }

    fn fill(&mut self, subject: Subject) {
        match subject {
            Subject::Queue => {
                self.window.allocate_hands().expect("there is memory");
                for length in [10, LARGE, 20, LARGE, 30] {
                    self.post(length);
                }
                let claim = slots::claim_new(&self.window, DEAD).expect("a message is there");
                let held = Held::Slot(slots::claim_new(&self.window, OTHER).expect("a message is there"));
                let moved = self.window.take().map(|held| self.window.move_to_hand(held));
                self.window.give_back(moved.expect("a message is there"), true);
                let empty = hands::claim(&self.window, DEAD).expect("a hand is free");
                hands::fill(&self.window, DEAD, empty, claim);
                self.window.give_back(held, false);
            }
            Subject::Mailbox => {
                for length in [10, LARGE, 20, LARGE] {
                    self.post(length);
                }
                slots::take_next(&self.window, DEAD).expect("a message is there");
            }
            Subject::Replies => self.answer(0, LARGE),
            Subject::Blob => return,
            Subject::Permits => return permits::initialise(&self.window, 2, 3),
            Subject::Waiters => return waiters::initialise(&self.window, 4),
            Subject::Barrier => return barrier::initialise(&self.window, 3, None),
            Subject::Lock | Subject::RwLock | Subject::Flag => return,
            Subject::Ordered => return (0..8).for_each(|step| self.synchronise(step, step)),
            Subject::Pipe => {
                self.synchronise(0, 0);
                [10, LARGE].into_iter().for_each(|length| self.post(length));
            }
        }
        // What is under way when its writer dies.
        if subject != Subject::Replies {
            slots::claim_write(&self.window, DEAD).expect("there is room");
        }
    }

    fn lay_out(&self) -> Vec<Area> {
        let window = &self.window;
        let hands = if window.hands_allocated() { u64::from(window.layout.shape.hands) * HAND_BYTES } else { 0 };
        let slots = window.layout.slots as usize;
        let heads = |at: usize, count: u32, bytes: u64| (0..count as usize).map(move |n| at + n * bytes as usize);
        let mut spots = vec![0..768, PAGE as usize..PAGE as usize + 8 * window.layout.extents() as usize];
        spots.extend(heads(slots, window.layout.shape.capacity.min(8), SLOT_BYTES).map(|at| at..at + 48));
        if hands != 0 {
            let at = window.layout.hands as usize;
            spots.extend(
                heads(at, window.layout.shape.hands, HAND_BYTES).flat_map(|at| [at..at + 48, at + 128..at + 136]),
            );
        }
        // What lies in a region, and the bits and the heap of an order.
        if let Some(behind) = self.behind_slots() {
            spots.push(behind);
        }
        spots.retain(|spot| !spot.is_empty());
        let places = self.segment.places(window.id.index);
        let mut areas = vec![self.area(places.window, window.layout.committed + hands, spots)];
        areas.push(self.area(places.table, 16, once(0..16)));
        for participant in [DEAD, self.segment.me()] {
            let (spots, length) = roster::spots(window.id.index);
            areas.push(self.area(places.record(participant), length as u64, spots));
        }
        areas.push(self.area(0, PROLOGUE_BYTES, once(0..PROLOGUE_BYTES as usize)));
        areas
    }

    /// Words that lie where others have slots, or behind those.
    fn behind_slots(&self) -> Option<Range<usize>> {
        let (layout, first) = (&self.window.layout, self.window.layout.slots as usize);
        let end = layout.committed as usize;
        match layout.index {
            Some(index) => Some(index as usize..end.min(index as usize + 640)),
            None if table::kind(&self.window).is_some_and(Kind::is_region) => {
                Some(first + SLOT_BYTES as usize..end.min(first + SLOT_BYTES as usize + 640))
            }
            None => None,
        }
    }

    fn area(&self, start: u64, length: u64, spots: impl IntoIterator<Item = Range<usize>>) -> Area {
        let mut pristine = vec![0; length as usize];
        rustix::io::pread(self.segment.fd(), &mut pristine, start).expect("the segment can be read");
        let words = spots.into_iter().flat_map(|spot| spot.step_by(8)).collect();
        Area { start, pristine, words }
    }

    /// Changes the word that begins at this place of an area.
    ///
    /// # Panics
    /// No word begins there.
    pub fn change(&self, area: usize, at: usize, to: impl FnOnce(u64) -> u64) {
        let (mut word, area) = ([0; 8], &self.areas[area]);
        assert!(at + word.len() <= area.pristine.len(), "{at} is behind the end");
        let at = area.start + at as u64;
        rustix::io::pread(self.segment.fd(), &mut word, at).expect("the segment can be read");
        self.write(at, &to(u64::from_le_bytes(word)).to_le_bytes());
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        let written = rustix::io::pwrite(self.segment.fd(), bytes, at);
        assert_eq!(written, Ok(bytes.len()), "the segment can be written");
    }

    /// Makes everything as it was in the beginning, whatever was done to this or to another image.
    pub fn reset(&mut self) {
        // Behind what was made there may be slots of a shape that somebody has lied about.
        if self.has_lied {
            let (end, index) = (self.areas[0].pristine.len() as u64, self.made.id.index);
            let size = self.segment.window_place(index).map_or(0, |(_, size)| size);
            self.segment.punch(index, end, size - end);
            self.has_lied = false;
        }
        self.areas.iter().for_each(|area| self.write(area.start, &area.pristine));
        self.window = self.made;
        self.held.clear();
        self.claims.clear();
        self.hands = sync::Hands::default();
    }
}

/// Without what would make it one in use: that is written by who fills it.
fn make_region(segment: &'static Segment, kind: Kind, shape: Option<Shape>) -> Window {
    Window::make(segment, kind, shape.expect("it is small")).expect("there is memory")
}

fn make(segment: &'static Segment, kind: Kind) -> Window {
    let window = Window::make(segment, kind, SHAPE).expect("there is memory");
    // Not what a slot begins with, so that a length from the word before is seen.
    Meta { length: 0, extent: None }.store(window.slot(0));
    window
}
