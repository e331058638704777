//! [`Reading`]: a pass over the rings of all processes that have logged something.
//!
//! What one process has logged is read in its order. What it has logged because of a message comes after what
//! the sender has told of the span that it came from: where that is not read yet, the sender's ring is read first.
//! A subscriber that panics loses the event that it was given, and nothing else.

use std::collections::{HashMap, VecDeque};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::callers;
use super::frame::{Frame, Parent, Sent};
use super::mirror::{Mirror, Mirrored};
use super::relay::{self, Dead};
use super::sites::Sites;
use super::trace::TraceContext;
use crate::id::Participant;
use crate::shm::log_ring::{Found, Reader};
use crate::shm::segment::Segment;
use crate::time::Deadline;

/// How long a span is kept that has ended, and out of which casts were sent.
const LINGER: Duration = Duration::from_secs(1);
/// Spans that are kept so at most.
const LINGERING_MAX: usize = 4096;
/// How soon to look again for casts that were handled.
const CASTS_AGAIN: Duration = Duration::from_millis(20);
/// Handled messages whose spans are held until all has been read that was logged about them.
const HANDLED_MAX: usize = 4096;
/// Senders whose rings are read in the midst of a receiver's.
const NESTED_MAX: u32 = 16;
/// What is read of one process before others get their turn.
const TURN_FRAMES_MAX: u32 = 16 << 10;

/// A process, by its participant and generation.
type Name = (Participant, u32);

/// What the log thread knows.
pub(super) struct Reading {
    segment: &'static Segment,
    sites: Sites,
    open: HashMap<Name, Open>,
    /// The earliest first.
    lingering: VecDeque<(Instant, Name, u64)>,
    /// Spans that ended in this pass, and in the one before.
    ended: [Vec<(Name, u64)>; 2],
    /// Messages of this process that were handled before what is being read, see [`callers`].
    handled: Vec<u64>,
    are_casts_held: bool,
    buffer: Vec<u8>,
}

/// A process that has logged something.
struct Open {
    reader: Reader,
    mirror: Mirror,
}

impl Reading {
    pub(super) fn new(segment: &'static Segment) -> Reading {
        Reading {
            segment,
            sites: Sites::default(),
            open: HashMap::new(),
            lingering: VecDeque::new(),
            ended: [Vec::new(), Vec::new()],
            handled: Vec::new(),
            are_casts_held: false,
            buffer: Vec::new(),
        }
    }

    /// When to look even if nobody rings.
    pub(super) fn look_again(&self) -> Deadline {
        if self.are_casts_held {
            return Deadline::after(CASTS_AGAIN);
        }
        self.lingering.front().map_or(Deadline::Never, |(until, ..)| Deadline::from(*until))
    }

    /// Reads what there is to be read.
    pub(super) fn pass(&mut self, dead: VecDeque<Dead>) {
        // Before anything is read: a message that is handled during this may have been logged about behind
        // what is read of its handler.
        self.handled.append(&mut callers::handled(self.segment));
        let (mut logged, mut is_more) = (Vec::new(), false);
        self.segment.take_logs(|who| logged.push(who));
        for participant in logged {
            if let Some((generation, who)) = relay::open(self.segment, participant) {
                let name = (participant, generation);
                self.open(name, || who);
                is_more |= self.read(name, NESTED_MAX);
            }
        }
        dead.into_iter().for_each(|dead| self.read_last(dead));
        if !is_more || HANDLED_MAX < self.handled.len() {
            callers::let_go(&std::mem::take(&mut self.handled));
        }
        self.are_casts_held = callers::look_after_casts();
        self.forget_lingering();
    }

    /// Finds the ring of a process that lives.
    fn open(&mut self, name: Name, who: impl FnOnce() -> super::mirror::Who) {
        if self.open.contains_key(&name) {
            return;
        }
        let ring = self.segment.record(name.0).log();
        if let Some(reader) = ring.and_then(|ring| Reader::of(self.segment, ring, name)) {
            self.open.insert(name, Open { reader, mirror: Mirror::new(who()) });
        }
    }

    /// Reads the last of one that has died, and gives its ring back.
    fn read_last(&mut self, dead: Dead) {
        let name = (dead.id.participant, dead.id.generation);
        if !self.open.contains_key(&name)
            && let Some(reader) = Reader::of(self.segment, dead.ring, name)
        {
            self.open.insert(name, Open { reader, mirror: Mirror::new(dead.who) });
        }
        while self.read(name, NESTED_MAX) {}
        if let Some(open) = self.open.remove(&name) {
            // The spans that it has left open end here, and their subscriber hears of it.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(open.mirror)));
            open.reader.take_down();
        }
    }

    /// Reads a turn's worth of one process. True: there is more, of which the log thread has to be told.
    fn read(&mut self, name: Name, nested: u32) -> bool {
        // Taken out, so that nobody reads it in the midst of itself.
        let Some(mut open) = self.open.remove(&name) else { return false };
        let mut buffer = std::mem::take(&mut self.buffer);
        let (mut frames, mut heard) = (0, 0);
        let mut found = Found::Nothing;
        while frames < TURN_FRAMES_MAX {
            found = open.reader.next(&mut buffer);
            if found != Found::Frame {
                break;
            }
            frames += 1;
            if let Some(frame) = Frame::of(&buffer) {
                heard += u64::from(matches!(frame, Frame::Event { .. }));
                let take = AssertUnwindSafe(|| self.take(name, &mut open.mirror, frame, nested));
                let _ = panic::catch_unwind(take);
            }
            // Soon, since its writer may be waiting for nothing but room.
            if frames % 64 == 0 {
                open.reader.give_room();
            }
        }
        open.reader.give_room();
        let dropped = open.reader.take_dropped();
        relay::count(heard, dropped);
        if 0 < dropped {
            let _ = panic::catch_unwind(AssertUnwindSafe(|| open.mirror.tell_dropped(dropped)));
        }
        self.buffer = buffer;
        self.open.insert(name, open);
        let is_more = found == Found::Frame;
        if is_more {
            self.segment.note_log(name.0);
        }
        is_more
    }

    /// Reads all of one ring and tells how many frames that were. For tests.
    #[cfg(feature = "testing")]
    pub(super) fn read_alone(mut self, mut reader: Reader, who: super::mirror::Who) -> u64 {
        let (mut mirror, mut buffer, mut frames) = (Mirror::new(who), Vec::new(), 0);
        while reader.next(&mut buffer) == Found::Frame {
            frames += 1;
            if let Some(frame) = Frame::of(&buffer) {
                self.take((Participant::NOBODY, 0), &mut mirror, frame, 1);
            }
        }
        frames
    }

    fn take(&mut self, name: Name, mirror: &mut Mirror, frame: Frame<'_>, nested: u32) {
        match frame {
            Frame::Site(site, number) => mirror.site(&site, number, &mut self.sites),
            Frame::Span { id, site, parent, values } => {
                let parent = self.parent(mirror, parent, nested);
                mirror.open(id, site, parent, &values);
            }
            Frame::Record { id, values } => mirror.record(id, &values),
            Frame::Event { site, parent, values } => {
                let parent = self.parent(mirror, parent, nested);
                mirror.event(site, parent, &values);
            }
            Frame::Close { id, sent: Sent::Calls } => self.ended[0].push((name, id)),
            Frame::Close { id, sent: Sent::Casts } if self.lingering.len() < LINGERING_MAX => {
                self.lingering.push_back((Instant::now() + LINGER, name, id));
            }
            Frame::Close { id, .. } => mirror.close(id),
        }
    }

    fn parent(&mut self, mirror: &Mirror, parent: Parent, nested: u32) -> Option<Rc<Mirrored>> {
        match parent {
            Parent::None => None,
            Parent::Own(id) => mirror.span(id),
            Parent::Foreign(context) if context.is_of_node() => {
                callers::find(context).map(|held| Rc::new(Mirrored::Ours(held)))
            }
            Parent::Foreign(context) => self.foreign(context, nested),
        }
    }

    /// The span of another process, whose ring is read until it comes up.
    fn foreign(&mut self, context: TraceContext, nested: u32) -> Option<Rc<Mirrored>> {
        let name = (context.participant, context.generation);
        let find = |reading: &Reading| reading.open.get(&name)?.mirror.span(context.span);
        if let Some(span) = find(self) {
            return Some(span);
        }
        if nested == 0 {
            return None;
        }
        if let Some((generation, who)) =
            relay::open(self.segment, name.0).filter(|(generation, _)| *generation == name.1)
        {
            self.open((name.0, generation), || who);
        }
        self.read(name, nested - 1);
        find(self)
    }

    fn forget_lingering(&mut self) {
        // What the handlers of its calls have logged was told before it ended, so that the next pass finds it.
        let [now, before] = std::mem::take(&mut self.ended);
        if !now.is_empty() {
            self.segment.log_bell().ring();
        }
        self.ended[1] = now;
        before.into_iter().for_each(|(name, id)| self.close(name, id));
        let now = Instant::now();
        while let Some((_, name, id)) = self.lingering.pop_front_if(|(until, ..)| *until <= now) {
            self.close(name, id);
        }
    }

    fn close(&mut self, name: Name, id: u64) {
        if let Some(open) = self.open.get_mut(&name) {
            let _ = panic::catch_unwind(AssertUnwindSafe(|| open.mirror.close(id)));
        }
    }
}
