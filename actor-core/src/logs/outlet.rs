//! [`Outlet`]: what a process knows of its own log, and the way of all that into its ring.
//!
//! A site is described with the first event there, a span with the first event inside it or the first message
//! out of it: what nobody hears of costs the ring nothing. Under the lock nothing runs that is the user's, and
//! nobody waits for the node: what finds no room is dropped and counted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Metadata;

use super::frame::{self, Parent, Sent, Site};
use super::level;
use super::trace::TraceContext;
use crate::shm::log_ring::Writer;
use crate::shm::segment::Segment;

/// Sites of one process; a program has that many at most, unless it makes them.
const SITES_MAX: usize = 4096;

pub(super) struct Outlet {
    segment: &'static Segment,
    books: Mutex<Books>,
}

struct Books {
    ring: Ring,
    /// Under which number the node knows them.
    sites: HashMap<Key, u32>,
    spans: HashMap<u64, Span>,
    spans_made: u64,
    /// What the handlers are called, and the type that they are of.
    handlers: (&'static [&'static str], &'static str),
    frame: Vec<u8>,
}

/// The ring is made for the first frame.
enum Ring {
    NotYet,
    There(Box<Writer>),
    /// There is no memory for it.
    Never,
}

/// Where a span or an event comes from.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    Callsite(&'static Metadata<'static>),
    /// The handler with this number.
    Handler(u16),
}

/// An [`Origin`] that can be looked up: metadata by their address, since each site has its own.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Callsite(usize),
    Handler(u16),
}

struct Span {
    origin: Origin,
    /// Encoded.
    values: Vec<u8>,
    parent: Parent,
    references: u32,
    /// The node knows of it.
    is_told: bool,
    /// Something was logged in it, so that somebody may want to hear of its end.
    is_shown: bool,
    /// Who may refer to it when it has ended.
    sent: Sent,
}

/// Whether the node is to look soon.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Now,
    /// When there is something to be shown, or much to be read.
    Later,
}

impl Outlet {
    pub(super) fn new(segment: &'static Segment) -> Outlet {
        let books = Books {
            ring: Ring::NotYet,
            sites: HashMap::new(),
            spans: HashMap::new(),
            spans_made: 0,
            handlers: (&[], ""),
            frame: Vec::new(),
        };
        Outlet { segment, books: Mutex::new(books) }
    }

    /// Says what the handlers of this process are called.
    pub(super) fn set_handlers(&self, names: &'static [&'static str], of: &'static str) {
        self.lock().handlers = (names, of);
    }

    /// Whether an event would find no room, which is then counted. Asked before anything is formatted.
    pub(super) fn drops(&self) -> bool {
        let mut books = self.lock();
        let is_full = match &books.ring {
            Ring::There(ring) => ring.is_full(),
            Ring::NotYet => false,
            Ring::Never => true,
        };
        if is_full {
            books.count_dropped();
        }
        is_full
    }

    /// Writes an event with these encoded values.
    pub(super) fn event(&self, metadata: &'static Metadata<'static>, parent: Parent, values: &[u8]) {
        let mut books = self.lock();
        let is_written = books.tell_parent(self.segment, parent) && {
            let site = books.site(self.segment, Origin::Callsite(metadata));
            site.is_some_and(|site| books.write(self.segment, values, |frame| frame::put_event(frame, site, parent)))
        };
        match is_written {
            true => books.show(parent),
            false => books.count_dropped(),
        }
        drop(books);
        self.wake(Wake::Now);
    }

    /// Notes a span with these encoded values; it keeps the one that it is in.
    pub(super) fn open(&self, origin: Origin, parent: Parent, values: Vec<u8>) -> u64 {
        let mut books = self.lock();
        if let Parent::Own(parent) = parent {
            books.retain(parent);
        }
        books.spans_made += 1;
        let id = books.spans_made;
        let span = Span { origin, values, parent, references: 1, is_told: false, is_shown: false, sent: Sent::Nothing };
        books.spans.insert(id, span);
        id
    }

    /// Adds values to a span.
    pub(super) fn record(&self, id: u64, values: &[u8]) {
        let mut books = self.lock();
        let Some(span) = books.spans.get_mut(&id) else { return };
        if span.is_told {
            // One that finds no room is no event, and not counted as one.
            books.write(self.segment, values, |frame| frame::put_record(frame, id));
        } else {
            span.values.extend_from_slice(values);
        }
    }

    pub(super) fn retain(&self, id: u64) {
        self.lock().retain(id);
    }

    /// True: that was the last reference, and the span is closed.
    pub(super) fn release(&self, id: u64) -> bool {
        let mut books = self.lock();
        let (is_closed, wake) = books.release(self.segment, id);
        drop(books);
        self.wake(wake);
        is_closed
    }

    pub(super) fn metadata(&self, id: u64) -> Option<&'static Metadata<'static>> {
        match self.lock().spans.get(&id)?.origin {
            Origin::Callsite(metadata) => Some(metadata),
            Origin::Handler(_) => None,
        }
    }

    /// What a message out of this span says of it. `None`: there is no room to tell the node of it.
    pub(super) fn context(&self, id: u64, is_cast: bool) -> Option<TraceContext> {
        let mut books = self.lock();
        let is_news = books.spans.get(&id).is_some_and(|span| !span.is_told);
        if !books.tell_parent(self.segment, Parent::Own(id)) {
            return None;
        }
        if let Some(span) = books.spans.get_mut(&id) {
            span.sent = span.sent.max(if is_cast { Sent::Casts } else { Sent::Calls });
        }
        drop(books);
        // Of a cast nobody knows when it is handled, and by then what this span is in may be gone.
        self.wake(if is_cast && is_news { Wake::Now } else { Wake::Later });
        let participant = self.segment.me();
        Some(TraceContext { participant, generation: self.segment.record(participant).generation(), span: id })
    }

    fn wake(&self, wake: Wake) {
        let is_time = wake == Wake::Now || matches!(&self.lock().ring, Ring::There(ring) if ring.is_filling());
        if is_time {
            self.segment.note_log(self.segment.me());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// The ring, made if this is the first that is written.
    fn ring(&mut self, segment: &'static Segment) -> Option<&mut Writer> {
        if let Ring::NotYet = self.ring {
            self.ring = Writer::make(segment).map_or(Ring::Never, |ring| Ring::There(Box::new(ring)));
        }
        match &mut self.ring {
            Ring::There(ring) => Some(ring),
            Ring::NotYet | Ring::Never => None,
        }
    }

    /// Where there is no ring the node has no memory, and no log is its least trouble.
    fn count_dropped(&mut self) {
        if let Ring::There(ring) = &self.ring {
            ring.count_dropped(1);
        }
    }

    /// Writes the frame that begins with what `begin` puts and ends with `values`.
    fn write(&mut self, segment: &'static Segment, values: &[u8], begin: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut frame = std::mem::take(&mut self.frame);
        begin(&mut frame);
        let is_written = self.ring(segment).is_some_and(|ring| ring.write([&frame, values]));
        self.frame = frame;
        is_written
    }

    /// The number of a site, which the node knows then.
    fn site(&mut self, segment: &'static Segment, origin: Origin) -> Option<u32> {
        let key = match origin {
            Origin::Callsite(metadata) => Key::Callsite(std::ptr::from_ref(metadata).addr()),
            Origin::Handler(number) => Key::Handler(number),
        };
        if let Some(number) = self.sites.get(&key) {
            return Some(*number);
        }
        let number = self.sites.len() as u32;
        if SITES_MAX <= self.sites.len() {
            return None;
        }
        let (names, of) = self.handlers;
        let is_told = match origin {
            Origin::Callsite(metadata) => {
                let fields = metadata.fields().iter().map(|field| field.name()).collect();
                let site = Site {
                    is_span: metadata.is_span(),
                    level: level::to_number(*metadata.level()) as u8,
                    target: metadata.target(),
                    name: metadata.name(),
                    module: metadata.module_path().unwrap_or(""),
                    file: metadata.file().unwrap_or(""),
                    line: metadata.line().unwrap_or(0),
                    fields,
                };
                self.write(segment, &[], |frame| frame::put_site(frame, &site, number))
            }
            Origin::Handler(handler) => {
                let name = names.get(usize::from(handler)).copied().unwrap_or("handler");
                let site = Site {
                    is_span: true,
                    // Visible wherever anything is.
                    level: 1,
                    target: of,
                    name,
                    module: "",
                    file: "",
                    line: 0,
                    fields: Vec::new(),
                };
                self.write(segment, &[], |frame| frame::put_site(frame, &site, number))
            }
        };
        is_told.then(|| {
            self.sites.insert(key, number);
            number
        })
    }

    /// Lets the node know of a span and all that it is in, the outermost first. False: there is no room.
    fn tell_parent(&mut self, segment: &'static Segment, parent: Parent) -> bool {
        let mut untold = Vec::new();
        let mut at = parent;
        while let Parent::Own(id) = at {
            // Who has an id has a reference; a wrong one means no span.
            let Some(span) = self.spans.get(&id).filter(|span| !span.is_told) else { break };
            untold.push(id);
            at = span.parent;
        }
        untold.into_iter().rev().all(|id| self.tell(segment, id))
    }

    fn tell(&mut self, segment: &'static Segment, id: u64) -> bool {
        let Some(span) = self.spans.get_mut(&id) else { return true };
        let (origin, parent, values) = (span.origin, span.parent, std::mem::take(&mut span.values));
        let site = self.site(segment, origin);
        let is_told =
            site.is_some_and(|site| self.write(segment, &values, |frame| frame::put_span(frame, id, site, parent)));
        if let Some(span) = self.spans.get_mut(&id) {
            span.is_told = is_told;
            if !is_told {
                span.values = values;
            }
        }
        is_told
    }

    fn retain(&mut self, id: u64) {
        if let Some(span) = self.spans.get_mut(&id) {
            span.references += 1;
        }
    }

    /// Notes that something was logged in a span, and so in all that it is in.
    fn show(&mut self, parent: Parent) {
        let mut at = parent;
        while let Parent::Own(id) = at
            && let Some(span) = self.spans.get_mut(&id).filter(|span| !span.is_shown)
        {
            span.is_shown = true;
            at = span.parent;
        }
    }

    /// Whether the span is closed, and when the node is to hear of that.
    fn release(&mut self, segment: &'static Segment, id: u64) -> (bool, Wake) {
        let (mut is_closed, mut wake) = (false, Wake::Later);
        let mut next = Some(id);
        while let Some(id) = next.take() {
            let Some(span) = self.spans.get_mut(&id) else { break };
            span.references = span.references.saturating_sub(1);
            if span.references > 0 {
                break;
            }
            is_closed = true;
            let Some(span) = self.spans.remove(&id) else { break };
            if span.is_shown {
                wake = Wake::Now;
            }
            if span.is_told {
                // Without room for it the node closes the span when this process ends.
                self.write(segment, &[], |frame| frame::put_close(frame, id, span.sent));
            }
            next = if let Parent::Own(parent) = span.parent { Some(parent) } else { None };
        }
        (is_closed, wake)
    }
}
