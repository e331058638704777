//! [`Mirror`]: the spans and events of one process as this process's subscriber gets them.
//!
//! A span of another process becomes a real one of the subscriber here, with the first event in it: a span in
//! which nothing happens that anybody wants costs nobody anything. Its reference is dropped when the span has
//! ended over there, or its process has. Bounded whatever the process sends: numbers of its own choice are keys,
//! never sizes.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tracing::field::{DisplayValue, Field, Value as Recorded, ValueSet, display};
use tracing::span::{Id, Record};
use tracing::{Dispatch, Event, Span, dispatcher};

use super::callers::Held;
use super::frame::{self, FIELDS_MAX, Value, Values};
use super::sites::{FIELDS_ADDED, Site, Sites};

/// Sites that one process may describe.
const SITES_MAX: usize = 8192;
/// Open spans of one process.
const SPANS_MAX: usize = 1 << 16;
/// Spans that are in each other.
const DEPTH_MAX: u16 = 128;

/// Whose log it is.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) name: Arc<str>,
    pub(super) is_actor: bool,
    pub(super) pid: u32,
}

/// What is known of the log of one process.
pub(super) struct Mirror {
    pub(super) who: Who,
    sites: HashMap<u32, Place>,
    spans: HashMap<u64, Rc<Mirrored>>,
}

/// A site of the process.
enum Place {
    Known(&'static Site),
    /// One of too many: its level, target and the number of its message.
    Other {
        level: u8,
        target: String,
        message: Option<u8>,
    },
}

/// A span that is somewhere open.
pub(super) enum Mirrored {
    /// One of this process.
    Ours(Held),
    Theirs {
        site: &'static Site,
        values: RefCell<Vec<(u8, Kept)>>,
        parent: Option<Rc<Mirrored>>,
        depth: u16,
        /// Once something has happened in it.
        span: OnceCell<Span>,
    },
}

/// A value that is kept until it is needed.
#[derive(Clone)]
pub(super) enum Kept {
    Plain(Value<'static>),
    Str(String),
    Text(String),
}

impl Mirror {
    pub(super) fn new(who: Who) -> Mirror {
        Mirror { who, sites: HashMap::new(), spans: HashMap::new() }
    }

    /// Learns of a site.
    pub(super) fn site(&mut self, site: &frame::Site<'_>, number: u32, sites: &mut Sites) {
        if SITES_MAX <= self.sites.len() {
            return;
        }
        let place = sites.intern(site, self.who.is_actor).map_or_else(|| Place::other(site), Place::Known);
        self.sites.insert(number, place);
    }

    /// Learns of a span.
    pub(super) fn open(&mut self, id: u64, site: u32, parent: Option<Rc<Mirrored>>, values: &Values<'_>) {
        let Some(Place::Known(site)) = self.sites.get(&site) else { return };
        if SPANS_MAX <= self.spans.len() {
            return;
        }
        let depth = parent.as_ref().map_or(0, |parent| parent.depth() + 1);
        let parent = parent.filter(|_| depth < DEPTH_MAX);
        let values = RefCell::new(values.iter().map(|(field, value)| (*field, Kept::of(value))).collect());
        let depth = if parent.is_none() { 0 } else { depth };
        self.spans.insert(id, Rc::new(Mirrored::Theirs { site, values, parent, depth, span: OnceCell::new() }));
    }

    /// Adds values to a span.
    pub(super) fn record(&self, id: u64, values: &Values<'_>) {
        let Some(Mirrored::Theirs { site, values: before, span, .. }) = self.spans.get(&id).map(Rc::as_ref) else {
            return;
        };
        match span.get() {
            Some(span) => with_value_set(site, values, &[], |values| {
                span.with_subscriber(|(id, dispatch)| dispatch.record(id, &Record::new(values)));
            }),
            // It is told with the span.
            None => {
                let mut before = before.borrow_mut();
                let room = FIELDS_MAX.saturating_sub(before.len());
                before.extend(values.iter().take(room).map(|(field, value)| (*field, Kept::of(value))));
            }
        }
    }

    pub(super) fn span(&self, id: u64) -> Option<Rc<Mirrored>> {
        self.spans.get(&id).cloned()
    }

    pub(super) fn close(&mut self, id: u64) {
        self.spans.remove(&id);
    }

    /// Has the subscriber hear of an event.
    pub(super) fn event(&self, site: u32, parent: Option<Rc<Mirrored>>, values: &Values<'_>) {
        let Some(place) = self.sites.get(&site) else { return };
        let parent = parent.and_then(|parent| parent.here());
        let emit = |dispatch: &Dispatch, parent: Option<Id>| match place {
            Place::Known(site) => self.emit(dispatch, site, parent, values),
            Place::Other { level, target, message } => self.emit_other(*level, target, *message, values),
        };
        match parent {
            Some((dispatch, id)) => emit(&dispatch, Some(id)),
            None => dispatcher::get_default(|dispatch| emit(dispatch, None)),
        }
    }

    fn emit(&self, dispatch: &Dispatch, site: &'static Site, parent: Option<Id>, values: &Values<'_>) {
        if !site.is_enabled(dispatch) {
            return;
        }
        let (name, pid) = (&*self.who.name, self.who.pid);
        let emit = |values: &ValueSet<'_>| dispatch.event(&Event::new_child_of(parent, site.metadata(), values));
        with_value_set(site, values, &[&name, &pid], emit);
    }

    /// An event of a site that is one of too many.
    #[cold]
    fn emit_other(&self, level: u8, target: &str, message: Option<u8>, values: &Values<'_>) {
        let text = values.iter().find(|(field, _)| Some(*field) == message);
        let message = match text {
            Some((_, Value::Str(text) | Value::Text(text))) => text,
            _ => "",
        };
        let (actor, pid) = (&*self.who.name, self.who.pid);
        macro_rules! emit {
            ($macro:ident) => {
                tracing::$macro!(target: "actor_core::logs", actor, pid, of = target, "{message}")
            };
        }
        match level {
            1 => emit!(error),
            2 => emit!(warn),
            3 => emit!(info),
            4 => emit!(debug),
            _ => emit!(trace),
        }
    }

    /// Says that so many events are missing.
    pub(super) fn tell_dropped(&self, dropped: u64) {
        let (name, pid) = (&*self.who.name, self.who.pid);
        if self.who.is_actor {
            tracing::warn!(target: "actor_core", actor = name, pid, dropped, "events are missing: they came faster than they were heard");
        } else {
            tracing::warn!(target: "actor_core", process = name, pid, dropped, "events are missing: they came faster than they were heard");
        }
    }
}

impl Place {
    fn other(site: &frame::Site<'_>) -> Place {
        let message = site.fields.iter().position(|name| *name == "message").map(|at| at as u8);
        Place::Other { level: site.level, target: site.target.to_owned(), message }
    }
}

impl Mirrored {
    fn depth(&self) -> u16 {
        match self {
            Mirrored::Ours(_) => 0,
            Mirrored::Theirs { depth, .. } => *depth,
        }
    }

    /// This span in the subscriber here, or the innermost one around it that the subscriber wants.
    fn here(&self) -> Option<(Dispatch, Id)> {
        match self {
            Mirrored::Ours(held) => Some((held.dispatch.clone(), held.id.clone())),
            Mirrored::Theirs { site, values, parent, span, .. } => {
                let around = || parent.as_ref().and_then(|parent| parent.here());
                let span = span.get_or_init(|| match around() {
                    Some((dispatch, id)) => {
                        dispatcher::with_default(&dispatch, || open(site, Some(id), &values.borrow()))
                    }
                    None => open(site, None, &values.borrow()),
                });
                span.with_subscriber(|(id, dispatch)| (dispatch.clone(), id.clone())).or_else(around)
            }
        }
    }
}

fn open(site: &'static Site, parent: Option<Id>, values: &[(u8, Kept)]) -> Span {
    if !dispatcher::get_default(|dispatch| site.is_enabled(dispatch)) {
        return Span::none();
    }
    let values: Values<'_> = values.iter().map(|(field, value)| (*field, value.value())).collect();
    with_value_set(site, &values, &[], |values| match parent {
        Some(parent) => Span::child_of(parent, site.metadata(), values),
        None => Span::new_root(site.metadata(), values),
    })
}

impl Kept {
    fn of(value: &Value<'_>) -> Kept {
        match *value {
            Value::Str(text) => Kept::Str(text.to_owned()),
            Value::Text(text) => Kept::Text(text.to_owned()),
            Value::I64(value) => Kept::Plain(Value::I64(value)),
            Value::U64(value) => Kept::Plain(Value::U64(value)),
            Value::I128(value) => Kept::Plain(Value::I128(value)),
            Value::U128(value) => Kept::Plain(Value::U128(value)),
            Value::F64(value) => Kept::Plain(Value::F64(value)),
            Value::Bool(value) => Kept::Plain(Value::Bool(value)),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Kept::Plain(value) => *value,
            Kept::Str(text) => Value::Str(text),
            Kept::Text(text) => Value::Text(text),
        }
    }
}

/// A text that is written as it is, and not as a text is in code.
enum Shown<'a> {
    Text(DisplayValue<&'a str>),
    Other(Value<'a>),
}

impl Shown<'_> {
    fn recorded(&self) -> &dyn Recorded {
        match self {
            Shown::Text(text) => text,
            Shown::Other(value) => match value {
                Value::I64(value) => value,
                Value::U64(value) => value,
                Value::I128(value) => value,
                Value::U128(value) => value,
                Value::F64(value) => value,
                Value::Bool(value) => value,
                Value::Str(text) | Value::Text(text) => text,
            },
        }
    }
}

/// Gives `then` the values of a site's fields, and those that are added at their end.
fn with_value_set<T>(
    site: &'static Site,
    values: &Values<'_>,
    added: &[&dyn Recorded],
    then: impl FnOnce(&ValueSet<'_>) -> T,
) -> T {
    const ALL: usize = FIELDS_MAX + FIELDS_ADDED;
    let fields = site.fields();
    let own = fields.len() - added.len().min(fields.len());
    let shown: Vec<(usize, Shown<'_>)> = values
        .iter()
        .map(|(field, value)| (usize::from(*field), *value))
        .filter(|(field, _)| *field < own)
        .map(|(field, value)| match value {
            Value::Text(text) => (field, Shown::Text(display(text))),
            other => (field, Shown::Other(other)),
        })
        .collect();
    let set = site.known().fields();
    let Some(first) = fields.first() else { return then(&set.value_set(&[])) };
    let mut row: [(&Field, Option<&dyn Recorded>); ALL] = [(first, None); ALL];
    let own = shown.iter().map(|(field, shown)| (&fields[*field], shown.recorded()));
    let added = fields[own_end(fields, added)..].iter().zip(added.iter().copied());
    for (place, (field, value)) in row.iter_mut().zip(own.chain(added)) {
        *place = (field, Some(value));
    }
    then(&set.value_set(&row))
}

fn own_end(fields: &[Field], added: &[&dyn Recorded]) -> usize {
    fields.len() - added.len().min(fields.len())
}
